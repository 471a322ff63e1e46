package cachecore;

/**
 * Who has a shared cache open, and what deaths have cost.
 *
 * @param processes so many have it open now
 * @param maxProcesses so many may
 * @param isWarm it had entries when it was last opened by a process that found no other
 * @param isUnlinked the file is no longer at its path
 * @param recoveries so many shards were repaired after a process died
 * @param entriesLost so many entries these repairs dropped
 * @param borrowsReclaimed so many borrowed values were taken back from processes that died
 * @param regionBytes the size of the file, which is sparse
 */
public record SharedInfo(
    long processes, long maxProcesses, boolean isWarm, boolean isUnlinked, long recoveries,
    long entriesLost, long borrowsReclaimed, long regionBytes) {
  static SharedInfo of(long[] s) {
    return new SharedInfo(s[0], s[1], s[2] != 0, s[3] != 0, s[4], s[5], s[6], s[7]);
  }
}
