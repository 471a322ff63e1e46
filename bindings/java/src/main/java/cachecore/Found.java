package cachecore;

import java.time.Duration;
import java.util.Optional;

/** What {@link Cache#getOrClaim} found. */
public final class Found {
  /** Longest that a wait keeps {@link Cache#close}, and an interrupt, waiting. */
  private static final int SLICE_MS = 20;

  /** What there is. */
  public enum State {
    /** A value. */
    FRESH,
    /** A value past its deadline. */
    STALE,
    /** Nothing, and somebody else computes it. */
    PENDING,
    /** It is known that there is no value. */
    ABSENT,
    /** Nothing, and the caller computes it. */
    CLAIMED
  }

  private final Cache cache;
  private final byte[] key;
  private final State state;
  private final byte[] value;
  private final Claim claim;
  private final long seen;

  Found(Cache cache, byte[] key, byte[] value, long[] told, int flags) {
    this.cache = cache;
    this.key = key;
    this.state = told[0] == 0 ? State.FRESH : State.values()[(int) told[0] - 4];
    this.value = value;
    this.claim = told[1] == 0 ? null : new Claim(cache, key, told[1], flags);
    this.seen = told[2];
  }

  /**
   * What there is.
   *
   * @return never null
   */
  public State state() {
    return state;
  }

  /**
   * The value, if it is FRESH or STALE.
   *
   * @return or null
   */
  public byte[] value() {
    return value;
  }

  /**
   * The caller's claim, if it was given one: if it is CLAIMED, and for one caller if it is STALE.
   *
   * @return to be ended
   */
  public Optional<Claim> claim() {
    return Optional.ofNullable(claim);
  }

  /**
   * Waits until the claim that was seen no longer stands, whoever has it.
   *
   * @param timeout zero: do not wait
   * @return false after the timeout
   * @throws InterruptedException if the thread is interrupted
   */
  public boolean await(Duration timeout) throws InterruptedException {
    return awaitUntil(deadline(timeout.equals(Cache.NEVER) ? -1 : Durations.span(timeout)));
  }

  /** By System.nanoTime; the end of time for a negative number. */
  static long deadline(long ms) {
    long now = System.nanoTime();
    return ms < 0 || ms > 1L << 42 ? now + Long.MAX_VALUE / 2 : now + ms * 1_000_000;
  }

  boolean awaitUntil(long deadline) throws InterruptedException {
    while (true) {
      if (Thread.interrupted()) throw new InterruptedException();
      long left = Math.max(0, deadline - System.nanoTime());
      int slice = (int) Math.min(SLICE_MS, (left + 999_999) / 1_000_000);
      if (cache.claimWait(cache.handle, key, seen, slice) == 0) return true;
      if (left == 0) return false;
    }
  }
}
