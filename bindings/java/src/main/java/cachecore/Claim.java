package cachecore;

import java.time.Duration;

/**
 * The duty to compute the value of a key. It is ended once: by one of the three methods, or by
 * {@link #close}, which gives it up. One that is not ended is void after its time, and when this
 * process closes the cache, or dies. Any thread may end it.
 */
public final class Claim implements AutoCloseable {
  private final Cache cache;
  private final byte[] key;
  private final long token;
  private final int flags;
  private boolean isHeld = true;

  Claim(Cache cache, byte[] key, long token, int flags) {
    this.cache = cache;
    this.key = key;
    this.token = token;
    this.flags = flags;
  }

  /**
   * Whether it has not been ended. It may be void by now.
   *
   * @return false after one of the methods below
   */
  public synchronized boolean isHeld() {
    return isHeld;
  }

  private synchronized boolean end(int how, byte[] value, long ttl, long ms) {
    if (!isHeld) throw new IllegalStateException("the claim has been ended");
    try {
      int status = cache.endClaim(cache.handle, how, key, value, ttl, ms, token, flags);
      isHeld = false;
      return status == 0;
    } catch (CacheException error) {
      // Whatever the library says it has ended the claim, but for a wrong argument.
      isHeld = error.status() == Status.ARGUMENT;
      throw error;
    }
  }

  /**
   * Stores the value with the cache's lifetime.
   *
   * @param value the value
   * @return false, and nothing is stored, if the claim is void
   */
  public boolean fulfill(byte[] value) {
    return fulfillMs(value, 0, 0);
  }

  /**
   * Stores the value.
   *
   * @param value the value
   * @param ttl above zero, or {@link Cache#NEVER}
   * @param stale for so long past its deadline it may be served; zero: not at all
   * @return false, and nothing is stored, if the claim is void
   */
  public boolean fulfill(byte[] value, Duration ttl, Duration stale) {
    return fulfillMs(value, Durations.lifetime(ttl), Durations.span(stale));
  }

  boolean fulfillMs(byte[] value, long ttl, long stale) {
    if (value == null) throw new NullPointerException("value");
    return end(NativeCache.FULFILL, value, ttl, stale);
  }

  /**
   * Stores that there is no value, for the cache's lifetime, which it must have.
   *
   * @return false, and nothing is stored, if the claim is void
   */
  public boolean fulfillAbsent() {
    return fulfillAbsentMs(0);
  }

  /**
   * Stores that there is no value.
   *
   * @param ttl for so long
   * @return false, and nothing is stored, if the claim is void
   */
  public boolean fulfillAbsent(Duration ttl) {
    return fulfillAbsentMs(Durations.lifetime(ttl));
  }

  boolean fulfillAbsentMs(long ttl) {
    return end(NativeCache.ABSENT, null, ttl, 0);
  }

  /**
   * Gives the claim up.
   *
   * @param retry a stale value is served for so long before the next is elected
   */
  public void abandon(Duration retry) {
    end(NativeCache.ABANDON, null, 0, Durations.span(retry));
  }

  /** Gives the claim up, unless it has been ended, or the cache has been closed. */
  @Override
  public void close() {
    abandonMs(0);
  }

  synchronized void abandonMs(long retry) {
    if (!isHeld) return;
    try {
      end(NativeCache.ABANDON, null, 0, retry);
    } catch (CacheException error) {
      if (error.status() != Status.CLOSED) throw error;
      isHeld = false;
    }
  }
}
