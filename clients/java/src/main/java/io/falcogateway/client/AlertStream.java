package io.falcogateway.client;

import io.falcogateway.v1.AlertRecord;
import io.falcogateway.v1.Closing;
import io.falcogateway.v1.ClosingReason;
import io.falcogateway.v1.OnExpiredCursor;
import io.falcogateway.v1.StreamAlertsRequest;
import io.falcogateway.v1.StreamFrame;
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
import java.util.concurrent.locks.ReentrantLock;

/**
 * Events of a stream that is opened again, where it was, whenever it breaks.
 *
 * <p>Iterating blocks until there is an event. It throws {@link GatewayException} for what trying
 * again cannot mend, and ends when the gateway has reached the end that the request asked for or
 * when the stream is closed; after either it has no more events. One thread at a time may iterate,
 * another one that tries gets an {@link IllegalStateException}; {@link #cursor} and {@link #close}
 * work from any. Iterating again goes on where it was.
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

    /** Held by the thread that iterates. */
    private final ReentrantLock iterating = new ReentrantLock();

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

    /** {@link #hasNext} said that there is an event: it comes, even if the stream is closed now. */
    private boolean isPromised;

    /** What the gateway said before the end of the call, or null. */
    private Closing closing;

    private Duration patience;
    private Duration wait = FIRST_WAIT;

    /** When the next call may be opened, by {@link System#nanoTime}. */
    private long due = System.nanoTime();

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
     * @throws IllegalStateException when another thread waits for it
     */
    @Override
    public boolean hasNext() {
        begin();
        try {
            while (pending.isEmpty() && !hasEnded()) {
                cursor = position;
                advance();
            }
            isPromised = !hasEnded();
            return isPromised;
        } finally {
            iterating.unlock();
        }
    }

    /**
     * The next event, which it waits for.
     *
     * @throws NoSuchElementException when the stream has ended
     * @throws GatewayException for what trying again cannot mend
     * @throws IllegalStateException when another thread waits for it
     */
    @Override
    public Event next() {
        begin();
        try {
            if (!isPromised && !hasNext()) {
                throw new NoSuchElementException("the stream has ended");
            }
            isPromised = false;
            Event event = pending.remove();
            cursor = event.cursor();
            return event;
        } finally {
            iterating.unlock();
        }
    }

    private void begin() {
        if (!iterating.tryLock()) {
            throw new IllegalStateException("another thread iterates over this stream");
        }
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
        if (closed.await(due - System.nanoTime(), TimeUnit.NANOSECONDS)) {
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
                reconnect(
                        closing == null ? "the stream ended" : "the gateway closed the stream",
                        Optional.empty());
            }
        } catch (TimeoutException silence) {
            // A connection that swallows everything would swallow the next call, too.
            channel.enterIdle();
            reconnect("the gateway fell silent", Optional.empty());
        } catch (StatusRuntimeException broken) {
            fail(GatewayException.of(broken));
        }
    }

    private void take(StreamFrame frame) {
        for (AlertRecord record : frame.getAlerts().getRecordsList()) {
            move(record.getCursor());
            pending.add(new Event.Alert(position, record.getAlert()));
        }
        move(frame.getCursor());
        switch (frame.getKindCase()) {
            case OPENED -> {
                wasOpen = true;
                wait = FIRST_WAIT;
                patience = patience(Durations.of(frame.getOpened().getHeartbeatInterval()));
                pending.add(new Event.Opened(position, frame.getOpened()));
            }
            case LOSS -> pending.add(new Event.Loss(position, frame.getLoss()));
            case STATE_CHANGE ->
                pending.add(new Event.State(position, frame.getStateChange().getState()));
            case SOURCE -> pending.add(new Event.Source(position, frame.getSource()));
            case CLOSING -> endBy(frame.getClosing());
            default -> {
                // Alerts, a heartbeat, or a kind of a later version: its cursor is all that counts.
            }
        }
    }

    private void move(String next) {
        if (!next.isEmpty()) {
            position = next;
        }
    }

    private static Duration patience(Duration heartbeat) {
        return heartbeat.isZero() ? OPEN_PATIENCE : heartbeat.multipliedBy(MISSED_HEARTBEATS);
    }

    private void endBy(Closing said) {
        closing = said;
        if (said.getReason() == ClosingReason.CLOSING_REASON_REACHED_HEAD) {
            cursor = position;
            isOver = true;
            call.cancel();
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
        reconnect(error.getMessage(), Optional.of(error));
    }

    private void reconnect(String why, Optional<GatewayException> error) {
        call.cancel();
        call = null;
        Duration delay = delay(error.flatMap(GatewayException::retryDelay).orElse(Duration.ZERO));
        due = System.nanoTime() + delay.toNanos();
        wait = Durations.shorter(wait.multipliedBy(2), LONGEST_WAIT);
        pending.add(new Event.Reconnecting(position, why, delay, error));
    }

    /** Never sooner than the gateway asks for, and not all clients at once. */
    private Duration delay(Duration asked) {
        if (closing != null) {
            asked = Durations.longer(asked, Durations.of(closing.getResumeDelay()));
        }
        double factor = ThreadLocalRandom.current().nextDouble(1.0, 1.5);
        long millis = Durations.longer(asked, wait).toMillis();
        return Duration.ofMillis((long) Math.ceil(millis * factor));
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
