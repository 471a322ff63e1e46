package cachecore;

import java.time.Duration;

/** Durations as the library takes them. */
final class Durations {
  static final long NEVER_MS = -1; // UINT64_MAX
  static final long KEEP_MS = Long.MIN_VALUE; // 2^63
  private static final long LONGEST_MS = 1L << 62; // counts as 34 years

  private Durations() {}

  /** A lifetime, rounded up to the millisecond; above 0. */
  static long lifetime(Duration ttl) {
    if (ttl.equals(Cache.NEVER)) return NEVER_MS;
    if (ttl.equals(Cache.KEEP)) return KEEP_MS;
    if (ttl.isZero() || ttl.isNegative()) {
      throw new IllegalArgumentException("a duration must be above zero, not " + ttl);
    }
    return span(ttl);
  }

  /** A time that may be zero. */
  static long span(Duration time) {
    if (time.isNegative()) {
      throw new IllegalArgumentException("a duration must not be negative, as " + time + " is");
    }
    if (time.getSeconds() >= LONGEST_MS / 1000) return LONGEST_MS;
    return time.plusNanos(999_999).toMillis();
  }

  /** Of milliseconds that the library returned; -1 is never. */
  static Duration of(long ms) {
    return ms < 0 ? Cache.NEVER : Duration.ofMillis(ms);
  }
}
