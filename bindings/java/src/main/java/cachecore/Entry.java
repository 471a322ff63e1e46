package cachecore;

import java.time.Duration;

/**
 * An entry in a list, or to be stored.
 *
 * @param key the key
 * @param value the value; null in a list of keys
 * @param size bytes of the value
 * @param ttl the time left to live; {@link Cache#NEVER}: it never expires; not used when it is stored
 */
public record Entry(byte[] key, byte[] value, long size, Duration ttl) {
  /**
   * An entry to be stored.
   *
   * @param key the key
   * @param value the value
   */
  public Entry(byte[] key, byte[] value) {
    this(key, value, value.length, Cache.NEVER);
  }
}
