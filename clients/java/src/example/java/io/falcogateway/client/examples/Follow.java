package io.falcogateway.client.examples;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.util.JsonFormat;
import io.falcogateway.client.AlertStream;
import io.falcogateway.client.Event;
import io.falcogateway.client.Gateway;
import io.falcogateway.client.GatewayException;
import io.falcogateway.v1.StreamAlertsRequest;
import io.grpc.ManagedChannel;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Shows a stream as lines of JSON: {@code Follow ADDRESS [REQUEST]}.
 *
 * <p>REQUEST is a StreamAlertsRequest as JSON: {@code {"filter": "priority >= error", "last": 10}}
 */
public final class Follow {

    private static final Gson JSON = new GsonBuilder().disableHtmlEscaping().create();
    private static final PrintStream OUT = new PrintStream(
            new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);

    private Follow() {}

    public static void main(String[] arguments) throws InvalidProtocolBufferException {
        if (arguments.length < 1 || arguments.length > 2) {
            System.err.println("usage: Follow ADDRESS [REQUEST as JSON]");
            System.exit(2);
        }
        var request = StreamAlertsRequest.newBuilder();
        JsonFormat.parser().merge(arguments.length > 1 ? arguments[1] : "{}", request);
        ManagedChannel channel = Gateway.connect(arguments[0]);
        int code = follow(channel, request.build());
        channel.shutdownNow();
        System.exit(code);
    }

    private static int follow(ManagedChannel channel, StreamAlertsRequest request) {
        try (var stream = AlertStream.open(channel, request)) {
            for (Event event : stream) {
                Map<String, Object> line = said(event);
                line.put("cursor", event.cursor());
                tell(line);
            }
        } catch (GatewayException error) {
            tell(said(error));
            return 1;
        }
        tell(line("end"));
        return 0;
    }

    private static Map<String, Object> said(Event event) {
        if (event instanceof Event.Opened opened) {
            return line("opened", "filter", opened.grant().getEffectiveFilter());
        } else if (event instanceof Event.Alert alert) {
            return line("alert", "id", alert.alert().getId(), "rule", alert.alert().getRule());
        } else if (event instanceof Event.Loss loss) {
            return line(
                    "loss",
                    "lost", loss.notice().getLost(),
                    "lowerBound", loss.notice().getLowerBound(),
                    "cause", loss.notice().getCause().name());
        } else if (event instanceof Event.State state) {
            return line("state", "state", state.state().name());
        } else if (event instanceof Event.Source source) {
            return line(
                    "source",
                    "source", source.notice().getSourceId(),
                    "state", source.notice().getState().name());
        } else if (event instanceof Event.Reconnecting again) {
            return line(
                    "reconnecting", "why", again.why(), "delay", again.delay().toMillis() / 1000.0);
        }
        throw new IllegalArgumentException("an event of a later version: " + event);
    }

    private static Map<String, Object> said(GatewayException error) {
        return line(
                "error",
                "code", error.code().name(),
                "reason", error.reason(),
                "metadata", error.metadata(),
                "fields", error.violations().stream().map(one -> one.field()).toList());
    }

    /** A line of this kind, with values each after its name. */
    private static Map<String, Object> line(String kind, Object... rest) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("kind", kind);
        for (int i = 0; i < rest.length; i += 2) {
            line.put((String) rest[i], rest[i + 1]);
        }
        return line;
    }

    private static void tell(Map<String, Object> line) {
        OUT.println(JSON.toJson(line));
    }
}
