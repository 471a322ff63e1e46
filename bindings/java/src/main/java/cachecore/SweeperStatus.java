package cachecore;

import java.time.Duration;
import java.util.Optional;

/**
 * How a sweeper does.
 *
 * @param state whether there is a thread
 * @param isHealthy there is one, it is alive, and it has not hung
 * @param isLeading it keeps the schedule; of the processes that share a cache one does
 * @param interval scheduled sweeps are no less than this apart
 * @param sweepsRun since the first start
 * @param entriesRemoved since the first start
 * @param lastRemoved by the last sweep
 * @param lastDuration of the last sweep
 * @param maxSlice longest that a lock was held
 * @param lastRunAge since the last sweep ended; empty: there was none
 * @param errors failures survived
 * @param backlog entries expired and not yet removed
 * @param lastLag longest that an entry outlived its deadline before the last sweep
 * @param maxLag the same over all sweeps
 */
public record SweeperStatus(
    State state, boolean isHealthy, boolean isLeading, Duration interval, long sweepsRun,
    long entriesRemoved, long lastRemoved, Duration lastDuration, Duration maxSlice,
    Optional<Duration> lastRunAge, long errors, long backlog, Duration lastLag, Duration maxLag) {
  /** Whether there is a thread. */
  public enum State {
    /** There is none. */
    STOPPED,
    /** It keeps its schedule. */
    RUNNING,
    /** It waits for {@link Sweeper#resume}. */
    PAUSED
  }

  static SweeperStatus of(long[] s) {
    return new SweeperStatus(
        State.values()[(int) s[0]], s[1] != 0, s[2] != 0, Duration.ofMillis(s[3]), s[4], s[5], s[6],
        Duration.ofNanos(s[7]), Duration.ofNanos(s[8]),
        s[9] < 0 ? Optional.empty() : Optional.of(Duration.ofMillis(s[9])),
        s[10], s[11], Duration.ofMillis(s[12]), Duration.ofMillis(s[13]));
  }
}
