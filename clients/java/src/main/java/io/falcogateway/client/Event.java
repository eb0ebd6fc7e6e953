package io.falcogateway.client;

import falcogateway.v1.AlertOuterClass;
import falcogateway.v1.Stream;
import java.time.Duration;

/** What a stream says. */
public sealed interface Event {

    /** The position after this event: resuming after it neither repeats nor skips. */
    String cursor();

    /**
     * A stream was opened, for the first time or anew.
     *
     * @param grant what the gateway granted
     */
    record Opened(String cursor, Stream.Opened grant) implements Event {}

    /** An alert that matches. */
    record Alert(String cursor, AlertOuterClass.Alert alert) implements Event {}

    /** Alerts that match and will not come, how many and why. Never overlook it. */
    record Loss(String cursor, Stream.LossNotice notice) implements Event {}

    /** The stream catches up, or is live. */
    record State(String cursor, Stream.StreamState state) implements Event {}

    /** A source of alerts came, went or reported losses of its own. */
    record Source(String cursor, Stream.SourceNotice notice) implements Event {}

    /** The stream broke, and is opened anew after the delay. */
    record Reconnecting(String cursor, String why, Duration delay) implements Event {}
}
