package cachecore;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What an audit found.
 *
 * @param scanned entries looked at
 * @param expired those that had expired and were still there
 * @param nearExpiry those with little time left to live
 * @param withoutExpiry those that never expire
 * @param idle those not used for a long time
 * @param removed entries removed by this audit
 * @param bytes of all looked at
 * @param removedBytes of those removed
 * @param averageTtl the time left to live of the live ones that expire; empty: there are none
 * @param averageAge of the live ones since they were stored; empty: there are none
 */
public record Audit(
    long scanned, long expired, long nearExpiry, long withoutExpiry, long idle, long removed,
    long bytes, long removedBytes, Optional<Duration> averageTtl, Optional<Duration> averageAge) {
  /** Kinds of entries. */
  public enum Kind {
    /** Expired and not yet removed. */
    EXPIRED,
    /** With little time left to live. */
    NEAR_EXPIRY,
    /** That never expire. */
    WITHOUT_EXPIRY,
    /** Not used for a long time. */
    IDLE
  }

  static long bits(Set<Kind> kinds) {
    long bits = 0;
    for (Kind kind : kinds) bits |= 1L << kind.ordinal();
    return bits;
  }

  private static Optional<Duration> perhaps(long ms) {
    return ms < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(ms));
  }

  static Audit of(long[] a) {
    return new Audit(
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], perhaps(a[8]), perhaps(a[9]));
  }
}
