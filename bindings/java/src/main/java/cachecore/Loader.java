package cachecore;

/**
 * Computes a value that is missing.
 *
 * @param <E> what it may throw
 */
@FunctionalInterface
public interface Loader<E extends Exception> {
  /**
   * Computes the value. It must not ask the cache for the same key.
   *
   * @param key the key that was asked for
   * @return the value; null: there is none
   * @throws E if it cannot be computed; nothing is stored
   */
  byte[] load(byte[] key) throws E;
}
