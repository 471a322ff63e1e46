package cachecore;

import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;

/** How {@link Cache#getOrCompute} stores, waits and refreshes. Immutable. */
public final class ComputeOptions {
  /** The cache's lifetime, no stale values, no absences; refreshed on the common pool. */
  public static final ComputeOptions DEFAULT =
      new ComputeOptions(0, 0, 0, 0, 0, Durations.NEVER_MS, false, ForkJoinPool.commonPool());

  final long ttl;
  final long stale;
  final long absent;
  final long retry;
  final long claimTime;
  final long timeout;
  final boolean isEarly;
  final Executor executor;

  private ComputeOptions(
      long ttl, long stale, long absent, long retry, long claimTime, long timeout, boolean isEarly,
      Executor executor) {
    this.ttl = ttl;
    this.stale = stale;
    this.absent = absent;
    this.retry = retry;
    this.claimTime = claimTime;
    this.timeout = timeout;
    this.isEarly = isEarly;
    this.executor = executor;
  }

  /**
   * The lifetime of what is stored.
   *
   * @param time above zero, or {@link Cache#NEVER}
   * @return a copy with it
   */
  public ComputeOptions ttl(Duration time) {
    return new ComputeOptions(
        Durations.lifetime(time), stale, absent, retry, claimTime, timeout, isEarly, executor);
  }

  /**
   * For so long past its deadline a value may be served while the next is computed.
   *
   * @param time zero: not at all
   * @return a copy with it
   */
  public ComputeOptions stale(Duration time) {
    return new ComputeOptions(
        ttl, Durations.span(time), absent, retry, claimTime, timeout, isEarly, executor);
  }

  /**
   * For so long a null of the loader stands for "there is no value", and nobody computes.
   *
   * @param time above zero
   * @return a copy with it
   */
  public ComputeOptions absent(Duration time) {
    return new ComputeOptions(
        ttl, stale, Durations.lifetime(time), retry, claimTime, timeout, isEarly, executor);
  }

  /**
   * After a failure a stale value is served for so long before the next caller computes.
   *
   * @param time zero: the next caller computes at once
   * @return a copy with it
   */
  public ComputeOptions retry(Duration time) {
    return new ComputeOptions(
        ttl, stale, absent, Durations.span(time), claimTime, timeout, isEarly, executor);
  }

  /**
   * The claim of the caller that computes is void after so long, and another computes.
   *
   * @param time above zero; 30 seconds if this is not called
   * @return a copy with it
   */
  public ComputeOptions claimTime(Duration time) {
    return new ComputeOptions(
        ttl, stale, absent, retry, Durations.lifetime(time), timeout, isEarly, executor);
  }

  /**
   * The longest wait for somebody else's computation, after which it is {@link Status#TIMEOUT}.
   *
   * @param time no end if this is not called
   * @return a copy with it
   */
  public ComputeOptions timeout(Duration time) {
    return new ComputeOptions(
        ttl, stale, absent, retry, claimTime, Durations.lifetime(time), isEarly, executor);
  }

  /**
   * Compute a value anew a little before its deadline, the earlier the longer it takes.
   *
   * @param isOn false if this is not called
   * @return a copy with it
   */
  public ComputeOptions early(boolean isOn) {
    return new ComputeOptions(ttl, stale, absent, retry, claimTime, timeout, isOn, executor);
  }

  /**
   * Where a value is computed anew while the old one is served.
   *
   * @param where the common pool if this is not called
   * @return a copy with it
   */
  public ComputeOptions refreshOn(Executor where) {
    return new ComputeOptions(ttl, stale, absent, retry, claimTime, timeout, isEarly, where);
  }
}
