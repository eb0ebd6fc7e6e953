package io.falcogateway.client;

import java.time.Duration;

final class Durations {

    /** What the gateway asks for beyond this, it cannot mean. */
    private static final Duration LONGEST = Duration.ofMinutes(10);

    private Durations() {}

    /** What the gateway asks for, but not less than nothing and not longer than makes sense. */
    static Duration of(com.google.protobuf.Duration asked) {
        // The seconds first: together with the nanoseconds they may be more than a duration holds.
        long seconds = Math.min(Math.max(asked.getSeconds(), -1), LONGEST.toSeconds());
        Duration duration = Duration.ofSeconds(seconds, asked.getNanos());
        return shorter(longer(duration, Duration.ZERO), LONGEST);
    }

    static Duration longer(Duration one, Duration other) {
        return one.compareTo(other) >= 0 ? one : other;
    }

    static Duration shorter(Duration one, Duration other) {
        return one.compareTo(other) <= 0 ? one : other;
    }
}
