package io.falcogateway.client;

import falcogateway.v1.AlertServiceOuterClass.OnExpiredCursor;
import falcogateway.v1.AlertServiceOuterClass.StreamAlertsRequest;
import falcogateway.v1.Stream.AlertRecord;
import falcogateway.v1.Stream.Closing;
import falcogateway.v1.Stream.ClosingReason;
import falcogateway.v1.Stream.StreamFrame;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Events of a stream that is opened again, where it was, whenever it breaks.
 *
 * <p>Iterating blocks until there is an event. It throws {@link GatewayException} for what trying
 * again cannot mend, and ends when the gateway has reached the end that the request asked for or
 * when the stream is closed. One thread at a time may iterate; {@link #cursor} and {@link #close}
 * work from any.
 *
 * <p>A thread that is interrupted while it waits gets a {@link GatewayException} with the code
 * {@code CANCELLED} and stays interrupted. The stream is as good as before, and still to be
 * closed.
 *
 * <p>Somebody who was away for longer than the gateway keeps alerts goes on with the oldest there
 * is, after an {@link Event.Loss}.
 */
public final class AlertStream implements Iterator<Event>, Iterable<Event>, AutoCloseable {

    /** Missing this many heartbeats, a stream is dead though nobody said so. */
    private static final int MISSED_HEARTBEATS = 3;

    /** For the first frame, which comes at once. */
    private static final Duration OPEN_PATIENCE = Duration.ofSeconds(30);

    private static final Duration FIRST_WAIT = Duration.ofMillis(500);
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(30);

    private final ManagedChannel channel;
    private final StreamAlertsRequest request;
    private final Metadata headers;
    private final CountDownLatch closed = new CountDownLatch(1);

    /** What came with the last frame and was not handed out yet. */
    private final Queue<Event> pending = new ArrayDeque<>();

    /** After all that was handed out. */
    private volatile String cursor;

    /** After the last frame. */
    private String position;

    /** The call that is open, or null. */
    private volatile FrameReader call;

    private boolean wasOpen;
    private boolean isOver;
    private Closing closing;
    private Duration patience;
    private Duration wait = FIRST_WAIT;
    private Duration delay = Duration.ZERO;

    private AlertStream(ManagedChannel channel, StreamAlertsRequest request, Metadata headers) {
        this.channel = channel;
        this.request = request;
        this.headers = headers;
        this.cursor = request.getAfterCursor();
        this.position = cursor;
    }

    /**
     * A stream of the alerts that the request asks for. Nothing is sent before the first event is
     * asked for.
     */
    public static AlertStream open(ManagedChannel channel, StreamAlertsRequest request) {
        return open(channel, request, new Metadata());
    }

    /** The same, with headers that are sent with each call. */
    public static AlertStream open(
            ManagedChannel channel, StreamAlertsRequest request, Metadata headers) {
        return new AlertStream(channel, request, headers);
    }

    /**
     * The position after all that was handed out. Keep it, and put it into {@code after_cursor} to
     * go on there in another process.
     */
    public String cursor() {
        return cursor;
    }

    /** Ends the stream without an error, from any thread. The channel stays open. */
    @Override
    public void close() {
        closed.countDown();
        FrameReader open = call;
        if (open != null) {
            open.cancel();
        }
    }

    /** This stream itself: what was handed out once does not come again. */
    @Override
    public Iterator<Event> iterator() {
        return this;
    }

    /**
     * Waits for the next event.
     *
     * @return false when the stream has ended
     * @throws GatewayException for what trying again cannot mend
     */
    @Override
    public boolean hasNext() {
        while (pending.isEmpty() && !hasEnded()) {
            cursor = position;
            advance();
        }
        return !hasEnded();
    }

    /**
     * The next event, which it waits for.
     *
     * @throws NoSuchElementException when the stream has ended
     * @throws GatewayException for what trying again cannot mend
     */
    @Override
    public Event next() {
        if (pending.isEmpty() && !hasNext()) {
            throw new NoSuchElementException("the stream has ended");
        }
        Event event = pending.remove();
        cursor = event.cursor();
        return event;
    }

    private boolean hasEnded() {
        return isOver || isClosed();
    }

    private boolean isClosed() {
        return closed.getCount() == 0;
    }

    private void advance() {
        try {
            if (call == null) {
                openCall();
            } else {
                readFrame();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            Status status = Status.CANCELLED.withDescription(
                    "the thread was interrupted while it waited for the next event");
            throw new GatewayException(status, List.of());
        }
    }

    private void openCall() throws InterruptedException {
        if (closed.await(delay.toMillis(), TimeUnit.MILLISECONDS)) {
            return;
        }
        // Else the call would fail at once with what went wrong the last time, until gRPC's own
        // wait is over, which grows to two minutes.
        if (channel.getState(false) == ConnectivityState.TRANSIENT_FAILURE) {
            channel.enterIdle();
        }
        closing = null;
        patience = OPEN_PATIENCE;
        call = new FrameReader(channel, nextRequest(), copy(headers));
        if (isClosed()) {
            call.cancel();
        }
    }

    private void readFrame() throws InterruptedException {
        try {
            Optional<StreamFrame> frame = call.next(patience);
            if (frame.isPresent()) {
                take(frame.get());
            } else {
                end();
            }
        } catch (TimeoutException silence) {
            // A connection that swallows everything would swallow the next call, too.
            channel.enterIdle();
            reconnect("the gateway fell silent", Duration.ZERO);
        } catch (StatusRuntimeException broken) {
            fail(GatewayException.of(broken));
        }
    }

    private void take(StreamFrame frame) {
        position = frame.getCursor();
        switch (frame.getKindCase()) {
            case OPENED -> {
                wasOpen = true;
                wait = FIRST_WAIT;
                patience = patience(Durations.of(frame.getOpened().getHeartbeatInterval()));
                pending.add(new Event.Opened(position, frame.getOpened()));
            }
            case ALERTS -> {
                for (AlertRecord record : frame.getAlerts().getRecordsList()) {
                    pending.add(new Event.Alert(record.getCursor(), record.getAlert()));
                }
            }
            case LOSS -> pending.add(new Event.Loss(position, frame.getLoss()));
            case STATE_CHANGE ->
                pending.add(new Event.State(position, frame.getStateChange().getState()));
            case SOURCE -> pending.add(new Event.Source(position, frame.getSource()));
            case CLOSING -> closing = frame.getClosing();
            default -> {
                // A heartbeat, or a kind of a later version: its cursor is all that counts.
            }
        }
    }

    private static Duration patience(Duration heartbeat) {
        return heartbeat.isZero() ? OPEN_PATIENCE : heartbeat.multipliedBy(MISSED_HEARTBEATS);
    }

    private void end() {
        if (closing == null && !request.getStopAtHead()) {
            reconnect("the stream ended", Duration.ZERO);
        } else if (closing == null
                || closing.getReason() == ClosingReason.CLOSING_REASON_REACHED_HEAD) {
            isOver = true;
        } else {
            reconnect("the gateway closed the stream", Durations.of(closing.getResumeDelay()));
        }
    }

    private void fail(GatewayException error) {
        if (isClosed()) {
            return;
        }
        if (error.isFinal() || channel.isShutdown()) {
            isOver = true;
            throw error;
        }
        reconnect(error.getMessage(), error.retryDelay().orElse(Duration.ZERO));
    }

    private void reconnect(String why, Duration asked) {
        call.cancel();
        call = null;
        // Never sooner than it asks for, and not all clients at once.
        double factor = ThreadLocalRandom.current().nextDouble(1.0, 1.5);
        long millis = Durations.longer(asked, wait).toMillis();
        delay = Duration.ofMillis((long) Math.ceil(millis * factor));
        wait = Durations.shorter(wait.multipliedBy(2), LONGEST_WAIT);
        pending.add(new Event.Reconnecting(position, why, delay));
    }

    private StreamAlertsRequest nextRequest() {
        if (!wasOpen) {
            return request;
        }
        StreamAlertsRequest.Builder next = request.toBuilder().setAfterCursor(position);
        if (request.getOnExpiredCursor() != OnExpiredCursor.ON_EXPIRED_CURSOR_LATEST) {
            next.setOnExpiredCursor(OnExpiredCursor.ON_EXPIRED_CURSOR_EARLIEST);
        }
        return next.build();
    }

    /** A call adds headers of its own. */
    private static Metadata copy(Metadata headers) {
        Metadata copy = new Metadata();
        copy.merge(headers);
        return copy;
    }
}
