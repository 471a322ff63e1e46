package cachecore;

/**
 * A value, with what was known of it at the same moment.
 *
 * @param value the bytes
 * @param info its version, for {@link Cache#compareAndSet}, and lifetime
 */
public record Versioned(byte[] value, EntryInfo info) {}
