package cachecore;

import java.time.Duration;

/**
 * An optional native thread that removes expired entries and returns free memory to the system. The
 * virtual machine does not know of it, and it keeps no program from ending.
 */
public final class Sweeper {
  private static final int RUN_AT_ONCE = 1;
  private final Cache cache;

  Sweeper(Cache cache) {
    this.cache = cache;
  }

  private long run(int what, long one, long two) {
    return cache.run(cache.handle, what, null, one, two, 0);
  }

  /** Starts the thread with an interval that it chooses. {@link Status#STATE} if there is one. */
  public void start() {
    run(NativeCache.SWEEPER_START, 0, 0);
  }

  /**
   * Starts the thread.
   *
   * @param interval from the end of one sweep to the start of the next; zero: chosen
   * @param isAtOnce sweep once at the start, too
   */
  public void start(Duration interval, boolean isAtOnce) {
    run(NativeCache.SWEEPER_START, Durations.span(interval), isAtOnce ? RUN_AT_ONCE : 0);
  }

  /** Ends the thread and waits for that: milliseconds. {@link Status#STATE} if there is none. */
  public void stop() {
    run(NativeCache.SWEEPER_STOP, 0, 0);
  }

  /** Suspends the schedule. */
  public void pause() {
    run(NativeCache.SWEEPER_PAUSE, 0, 0);
  }

  /** Takes the schedule up again. */
  public void resume() {
    run(NativeCache.SWEEPER_RESUME, 0, 0);
  }

  /**
   * Changes the interval at once.
   *
   * @param interval zero: chosen
   */
  public void setInterval(Duration interval) {
    run(NativeCache.SWEEPER_SET_INTERVAL, Durations.span(interval), 0);
  }

  /**
   * Has the thread do a sweep now, and waits for it.
   *
   * @return how many entries it removed
   */
  public long trigger() {
    return run(NativeCache.SWEEPER_TRIGGER, 0, 0);
  }

  /**
   * How it does; also without a thread.
   *
   * @return a reading of the moment
   */
  public SweeperStatus status() {
    return SweeperStatus.of(cache.figures(cache.handle, NativeCache.SWEEPER, 0));
  }
}
