package io.falcogateway.client;

import io.falcogateway.v1.AlertServiceGrpc;
import io.falcogateway.v1.StreamAlertsRequest;
import io.falcogateway.v1.StreamFrame;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The frames of one call. Each is asked for when somebody wants it, so that the gateway waits
 * for a reader that is busy. gRPC's own blocking calls either wait without a limit or drop the
 * trailers, and with them the details of an error.
 */
final class FrameReader {

    /** In bytes. gRPC's own limit is less than a frame may have. */
    private static final int LARGEST_FRAME = 64 << 20;

    private final ClientCall<StreamAlertsRequest, StreamFrame> call;

    /** Nothing in it stands for the end of the call. */
    private final BlockingQueue<Optional<StreamFrame>> arrived = new LinkedBlockingQueue<>();

    private volatile StatusRuntimeException failure;

    FrameReader(Channel channel, StreamAlertsRequest request, Metadata headers) {
        CallOptions options = CallOptions.DEFAULT.withMaxInboundMessageSize(LARGEST_FRAME);
        call = channel.newCall(AlertServiceGrpc.getStreamAlertsMethod(), options);
        call.start(new Listener(), headers);
        call.sendMessage(request);
        call.halfClose();
    }

    /**
     * Waits for the next frame; there is none at the end of the call.
     *
     * @throws TimeoutException when none came for so long
     * @throws StatusRuntimeException when the call failed
     */
    Optional<StreamFrame> next(Duration patience) throws InterruptedException, TimeoutException {
        call.request(1);
        Optional<StreamFrame> frame = arrived.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
        if (frame == null) {
            throw new TimeoutException();
        }
        if (frame.isEmpty() && failure != null) {
            throw failure;
        }
        return frame;
    }

    /** Ends the call, from any thread. */
    void cancel() {
        call.cancel("the client closed the stream", null);
    }

    private final class Listener extends ClientCall.Listener<StreamFrame> {

        @Override
        public void onMessage(StreamFrame frame) {
            arrived.add(Optional.of(frame));
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            failure = status.isOk() ? null : status.asRuntimeException(trailers);
            arrived.add(Optional.empty());
        }
    }
}
