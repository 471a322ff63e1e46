package cachecore;

import java.time.Duration;

/**
 * What a cache was opened with, as it is in force.
 *
 * @param maxEntries the bound; 0: none
 * @param maxBytes the bound; 0: none
 * @param ttl the lifetime of entries stored without one
 * @param tti an entry not used for so long expires; {@link Cache#NEVER}: it may idle
 * @param jitterPermille each lifetime is shortened by a random part of up to so many thousandths
 * @param policy which entry leaves
 * @param isNoEvict never a live one
 * @param hasManualClock time stands still until it is advanced
 * @param reportsRemovals what leaves is kept
 * @param shardCount shards in use
 */
public record Options(
    long maxEntries, long maxBytes, Duration ttl, Duration tti, int jitterPermille, Policy policy,
    boolean isNoEvict, boolean hasManualClock, boolean reportsRemovals, int shardCount) {
  static Options of(long[] o) {
    return new Options(
        o[3], o[4], o[5] == 0 ? Cache.NEVER : Durations.of(o[5]),
        o[6] == 0 ? Cache.NEVER : Durations.of(o[6]), (int) o[8], Policy.values()[(int) o[0]],
        (o[1] & 1) != 0, (o[1] & 2) != 0, (o[1] & 4) != 0, (int) o[2]);
  }
}
