package io.falcogateway.client;

import io.falcogateway.v1.LossNotice;
import io.falcogateway.v1.SourceNotice;
import io.falcogateway.v1.StreamState;
import java.time.Duration;
import java.util.Optional;

/** What a stream says. */
public sealed interface Event {

    /** The position after this event: resuming after it neither repeats nor skips. */
    String cursor();

    /**
     * A stream was opened, for the first time or anew.
     *
     * @param grant what the gateway granted
     */
    record Opened(String cursor, io.falcogateway.v1.Opened grant) implements Event {}

    /** An alert that matches. */
    record Alert(String cursor, io.falcogateway.v1.Alert alert) implements Event {}

    /** Alerts that match and will not come, how many and why. Never overlook it. */
    record Loss(String cursor, LossNotice notice) implements Event {}

    /** The stream catches up, or is live. */
    record State(String cursor, StreamState state) implements Event {}

    /** A source of alerts came, went or reported losses of its own. */
    record Source(String cursor, SourceNotice notice) implements Event {}

    /**
     * The stream broke, and is opened anew after the delay.
     *
     * @param error what broke it, where it was an error
     */
    record Reconnecting(
            String cursor, String why, Duration delay, Optional<GatewayException> error)
            implements Event {}
}
