package cachecore;

/**
 * Counters since the cache was opened, or since {@link Cache#resetStats}, and readings of the moment.
 * cachecore.h says more of each. Every entry is accounted for: entriesBefore + inserts = deletes +
 * evictions + expirations + entries + expired.
 *
 * @param shardCount shards in use
 * @param entries live entries
 * @param bytesUsed memory in use: entries, index, bookkeeping
 * @param bytesLimit the bound; 0: none
 * @param entriesLimit the bound; 0: none
 * @param hits reads that found a live entry
 * @param misses reads that did not
 * @param inserts stored under a key that had no live entry
 * @param updates stored in place of a live entry
 * @param deletes live entries removed by delete, clear and so on
 * @param evictions live entries removed to make room
 * @param expirations entries removed because they had expired
 * @param refused writes that were refused, or found no room or no memory
 * @param bytesResident memory held from the system
 * @param removalsLost removals dropped before they were taken
 * @param expired entries past their deadline that are still there
 * @param entriesBefore entries there when the counters began
 * @param stale values past their deadline that may still be served
 * @param absent entries that say that there is no value
 * @param staleServed stale values served
 * @param absentServed absences served
 */
public record Stats(
    long shardCount, long entries, long bytesUsed, long bytesLimit, long entriesLimit, long hits,
    long misses, long inserts, long updates, long deletes, long evictions, long expirations,
    long refused, long bytesResident, long removalsLost, long expired, long entriesBefore, long stale,
    long absent, long staleServed, long absentServed) {
  static Stats of(long[] s) {
    return new Stats(
        s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], s[9], s[10], s[11], s[12], s[13], s[14],
        s[15], s[16], s[17], s[18], s[19], s[20]);
  }

  /**
   * The share of reads that found a live entry.
   *
   * @return 0 to 1; 0 before the first read
   */
  public double hitRate() {
    return hits == 0 ? 0 : (double) hits / (hits + misses);
  }
}
