package cachecore;

/**
 * An entry that left the cache.
 *
 * @param key its key
 * @param value its value
 * @param cause why it left
 */
public record Removal(byte[] key, byte[] value, Cause cause) {
  /** Why an entry left. */
  public enum Cause {
    /** Its lifetime ended. */
    EXPIRED,
    /** To make room. */
    EVICTED,
    /** Another value was stored under the key. */
    REPLACED,
    /** By delete, clear, or a write that was refused. */
    DELETED
  }
}
