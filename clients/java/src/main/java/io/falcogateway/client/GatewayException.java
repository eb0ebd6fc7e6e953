package io.falcogateway.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.io.Serializable;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** What the gateway refused, and why. */
public final class GatewayException extends RuntimeException {

    private static final long serialVersionUID = 1;

    /** Trying the same again cannot help after these. */
    private static final Set<Status.Code> FINAL = EnumSet.of(
            Status.Code.INVALID_ARGUMENT,
            Status.Code.NOT_FOUND,
            Status.Code.ALREADY_EXISTS,
            Status.Code.PERMISSION_DENIED,
            Status.Code.UNAUTHENTICATED,
            Status.Code.FAILED_PRECONDITION,
            Status.Code.OUT_OF_RANGE,
            Status.Code.UNIMPLEMENTED,
            Status.Code.DATA_LOSS);

    private final Status.Code code;
    private final Details details;

    /**
     * A field of the request, and what is wrong with it.
     *
     * @param field its name, such as {@code filter}
     */
    public record Violation(String field, String description) implements Serializable {}

    /** The delay is null where the gateway does not ask for one. */
    private record Details(
            String reason,
            Map<String, String> metadata,
            List<Violation> violations,
            Duration retryDelay)
            implements Serializable {}

    GatewayException(Status status, List<Any> details) {
        super(message(status), status.getCause());
        this.code = status.getCode();
        this.details = read(details);
    }

    /** From what any of the gateway's calls throws. */
    public static GatewayException of(StatusRuntimeException failure) {
        return of(failure.getStatus(), failure.getTrailers());
    }

    /** From what the stubs of the kind {@code BlockingV2Stub} throw. */
    public static GatewayException of(StatusException failure) {
        return of(failure.getStatus(), failure.getTrailers());
    }

    private static GatewayException of(Status status, Metadata trailers) {
        return new GatewayException(status, details(status, trailers));
    }

    /** The gRPC code. */
    public Status.Code code() {
        return code;
    }

    /** One of the gateway's documented reasons, such as {@code CURSOR_EXPIRED}, or empty. */
    public String reason() {
        return details.reason();
    }

    /** What belongs to the reason, such as {@code earliest_cursor}. */
    public Map<String, String> metadata() {
        return details.metadata();
    }

    /** The fields of the request that are wrong. */
    public List<Violation> violations() {
        return details.violations();
    }

    /** When the gateway asks to be tried again. */
    public Optional<Duration> retryDelay() {
        return Optional.ofNullable(details.retryDelay());
    }

    /** Whether trying the same again cannot help. */
    public boolean isFinal() {
        return FINAL.contains(code) || reason().equals("SLOW_CONSUMER");
    }

    private static String message(Status status) {
        StringBuilder message = new StringBuilder(status.getCode().name());
        if (status.getDescription() != null) {
            message.append(": ").append(status.getDescription());
        }
        // gRPC says no more than "io exception" of a connection that fails.
        Throwable cause = status.getCause();
        if (cause != null) {
            message.append(": ").append(cause.getMessage() == null ? cause : cause.getMessage());
        }
        return message.toString();
    }

    private static List<Any> details(Status status, Metadata trailers) {
        try {
            return StatusProto.fromStatusAndTrailers(status, trailers).getDetailsList();
        } catch (IllegalArgumentException contradiction) {
            // Somebody between us and the gateway made the status or the details up.
            return List.of();
        }
    }

    private static Details read(List<Any> details) {
        String reason = "";
        Map<String, String> metadata = Map.of();
        List<Violation> violations = new ArrayList<>();
        Duration retryDelay = null;
        for (Any detail : details) {
            try {
                if (detail.is(ErrorInfo.class)) {
                    ErrorInfo info = detail.unpack(ErrorInfo.class);
                    reason = info.getReason();
                    metadata = Map.copyOf(info.getMetadataMap());
                } else if (detail.is(BadRequest.class)) {
                    for (var one : detail.unpack(BadRequest.class).getFieldViolationsList()) {
                        violations.add(new Violation(one.getField(), one.getDescription()));
                    }
                } else if (detail.is(RetryInfo.class)) {
                    RetryInfo retry = detail.unpack(RetryInfo.class);
                    retryDelay = Durations.of(retry.getRetryDelay());
                }
            } catch (InvalidProtocolBufferException damaged) {
                // The others may still say something, and the code stands.
            }
        }
        return new Details(reason, metadata, List.copyOf(violations), retryDelay);
    }
}
