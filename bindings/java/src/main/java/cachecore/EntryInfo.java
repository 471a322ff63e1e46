package cachecore;

import java.time.Duration;

/**
 * What is known of an entry.
 *
 * @param size bytes of the value
 * @param ttl the time left to live; {@link Cache#NEVER}: it never expires
 * @param age since the value was stored
 * @param idle since it was stored, touched or read
 * @param version differs for every value ever stored under the key
 */
public record EntryInfo(long size, Duration ttl, Duration age, Duration idle, long version) {
  static EntryInfo of(long[] longs) {
    return new EntryInfo(
        longs[0], Durations.of(longs[1]), Duration.ofMillis(longs[2]), Duration.ofMillis(longs[3]),
        longs[4]);
  }
}
