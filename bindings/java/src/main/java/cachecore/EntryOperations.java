package cachecore;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** What is done with single entries, and with lists of them. */
abstract class EntryOperations extends NativeCache {
  private static final int OK = 0;

  EntryOperations(long[] options, byte[] path) {
    super(options, path);
  }

  // ---- Reading ----

  /**
   * The value. Counts as a use, and as a hit or a miss.
   *
   * @param key 1 to 65535 bytes
   * @return a copy; null for a miss
   */
  public byte[] get(byte[] key) {
    return get(handle, false, key, null, 0, key.length);
  }

  /**
   * The value, as {@link #get(byte[])}.
   *
   * @param key taken as its UTF-8
   * @return a copy; null for a miss
   */
  public byte[] get(String key) {
    return get(bytes(key));
  }

  /**
   * Copies the value into an array.
   *
   * @param key the key
   * @param into where to; {@link Status#TOO_SMALL} if it does not fit
   * @return its size; -1 for a miss
   */
  public int get(byte[] key, byte[] into) {
    return (int)
        copied(getInto(handle, false, key, null, 0, key.length, into, null, 0, into.length));
  }

  /**
   * Copies the value into a buffer, from its position on, and moves the position. If both are
   * direct, nothing else is copied.
   *
   * @param key what remains of it; its position stays
   * @param into {@link Status#TOO_SMALL} if the value does not fit into what remains
   * @return the size of the value; -1 for a miss
   */
  public int get(ByteBuffer key, ByteBuffer into) {
    if (into.isReadOnly()) throw new java.nio.ReadOnlyBufferException();
    Bytes k = Bytes.of(key);
    Bytes v = Bytes.of(into);
    int size = (int) copied(getInto(
        handle, false, k.array, k.buffer, k.at, k.size, v.array, v.buffer, v.at, v.size));
    if (size > 0) into.position(into.position() + size);
    return size;
  }

  private static long copied(long sized) {
    if (sized >= -1) return sized;
    throw new CacheException(Status.TOO_SMALL, (-2 - sized) + " bytes are needed", -2 - sized);
  }

  /**
   * The value. Counts as no use and in no statistic.
   *
   * @param key the key
   * @return a copy; null for a miss
   */
  public byte[] peek(byte[] key) {
    return get(handle, true, key, null, 0, key.length);
  }

  /**
   * Lends the value without copying it.
   *
   * @param key the key
   * @return to be closed; null for a miss
   */
  public Borrowed acquire(byte[] key) {
    ByteBuffer[] out = new ByteBuffer[1];
    long lease = acquire(handle, key, null, 0, key.length, out);
    return lease == 0 ? null : new Borrowed(out[0], lease);
  }

  /**
   * The value, and what is known of it, of one moment: for {@link #compareAndSet}. A value of more
   * than 16 KB counts as two hits.
   *
   * @param key the key
   * @return null for a miss
   */
  public Versioned getWithInfo(byte[] key) {
    long[] info = new long[5];
    byte[] value = getWithInfo(handle, key, null, 0, key.length, info);
    return value == null ? null : new Versioned(value, EntryInfo.of(info));
  }

  /**
   * Whether there is a live entry. Counts as no use and in no statistic, as do the next two.
   *
   * @param key the key
   * @return false for a miss
   */
  public boolean contains(byte[] key) {
    return contains(handle, key, null, 0, key.length) == OK;
  }

  /**
   * Whether there is a live entry.
   *
   * @param key taken as its UTF-8
   * @return false for a miss
   */
  public boolean contains(String key) {
    return contains(bytes(key));
  }

  /**
   * The time left to live.
   *
   * @param key the key
   * @return {@link Cache#NEVER} for an entry that never expires; null for a miss
   */
  public Duration ttl(byte[] key) {
    EntryInfo info = inspect(key);
    return info == null ? null : info.ttl();
  }

  /**
   * What is known of an entry.
   *
   * @param key the key
   * @return null for a miss
   */
  public EntryInfo inspect(byte[] key) {
    long[] info = new long[5];
    return inspect(handle, key, null, 0, key.length, info) == OK ? EntryInfo.of(info) : null;
  }

  // ---- Writing ----

  private int store(int how, byte[] key, byte[] value, long ttl, long extra) {
    return store(
        handle, how, key, null, 0, key.length, value, null, 0, value.length, ttl, extra);
  }

  /**
   * Stores the value with the cache's lifetime, or replaces the one that is there.
   *
   * @param key 1 to 65535 bytes
   * @param value copied
   * @throws CacheException {@link Status#REFUSED} and so on, if it was not stored
   */
  public void set(byte[] key, byte[] value) {
    store(SET, key, value, 0, 0);
  }

  /**
   * Stores the value, or replaces the one that is there.
   *
   * @param key 1 to 65535 bytes
   * @param value copied
   * @param ttl above zero; {@link Cache#NEVER}; or {@link Cache#KEEP}
   */
  public void set(byte[] key, byte[] value, Duration ttl) {
    store(SET, key, value, Durations.lifetime(ttl), 0);
  }

  /**
   * As {@link #set(byte[], byte[])}.
   *
   * @param key taken as its UTF-8
   * @param value copied
   */
  public void set(String key, byte[] value) {
    set(bytes(key), value);
  }

  /**
   * As {@link #set(byte[], byte[], Duration)}.
   *
   * @param key taken as its UTF-8
   * @param value copied
   * @param ttl above zero; {@link Cache#NEVER}; or {@link Cache#KEEP}
   */
  public void set(String key, byte[] value, Duration ttl) {
    set(bytes(key), value, ttl);
  }

  /**
   * Stores what remains of a buffer; direct ones are not copied on the way.
   *
   * @param key its position stays
   * @param value its position stays
   * @param ttl above zero; {@link Cache#NEVER}; {@link Cache#KEEP}; or null: the cache's
   */
  public void set(ByteBuffer key, ByteBuffer value, Duration ttl) {
    Bytes k = Bytes.of(key);
    Bytes v = Bytes.of(value);
    long ms = ttl == null ? 0 : Durations.lifetime(ttl);
    store(
        handle, SET, k.array, k.buffer, k.at, k.size, v.array, v.buffer, v.at, v.size, ms, 0);
  }

  /**
   * Stores the value until a point of the wall clock. If that has passed, nothing is stored and the
   * older value is dropped.
   *
   * @param key the key
   * @param value copied
   * @param deadline converted once, here
   */
  public void setUntil(byte[] key, byte[] value, Instant deadline) {
    store(UNTIL, key, value, 0, deadline.plusNanos(999_999).toEpochMilli());
  }

  /**
   * Stores the value, but only if there is no live entry.
   *
   * @param key the key
   * @param value copied
   * @return whether it was stored
   */
  public boolean add(byte[] key, byte[] value) {
    return store(ADD, key, value, 0, 0) == OK;
  }

  /**
   * Stores the value, but only if there is no live entry.
   *
   * @param key the key
   * @param value copied
   * @param ttl above zero, or {@link Cache#NEVER}
   * @return whether it was stored
   */
  public boolean add(byte[] key, byte[] value, Duration ttl) {
    return store(ADD, key, value, Durations.lifetime(ttl), 0) == OK;
  }

  /**
   * Stores the value with the cache's lifetime, but only if there is a live entry.
   *
   * @param key the key
   * @param value copied
   * @return whether it was stored
   */
  public boolean replace(byte[] key, byte[] value) {
    return store(REPLACE, key, value, 0, 0) == OK;
  }

  /**
   * Stores the value, but only if there is a live entry.
   *
   * @param key the key
   * @param value copied
   * @param ttl above zero; {@link Cache#NEVER}; or {@link Cache#KEEP}
   * @return whether it was stored
   */
  public boolean replace(byte[] key, byte[] value, Duration ttl) {
    return store(REPLACE, key, value, Durations.lifetime(ttl), 0) == OK;
  }

  /**
   * Stores the value, but only if the live entry still has the version. The lifetime begins anew.
   *
   * @param key the key
   * @param value copied
   * @param version of {@link #getWithInfo}, with the value that the new one was made of
   * @return whether it was stored
   */
  public boolean compareAndSet(byte[] key, byte[] value, long version) {
    return store(IF_VERSION, key, value, 0, version) == OK;
  }

  /**
   * Stores the value, but only if the live entry still has the version.
   *
   * @param key the key
   * @param value copied
   * @param version of {@link #getWithInfo}, with the value that the new one was made of
   * @param ttl above zero; {@link Cache#NEVER}; or {@link Cache#KEEP}
   * @return whether it was stored
   */
  public boolean compareAndSet(byte[] key, byte[] value, long version, Duration ttl) {
    return store(IF_VERSION, key, value, Durations.lifetime(ttl), version) == OK;
  }

  /**
   * Removes the entry.
   *
   * @param key the key
   * @return whether there was a live one
   */
  public boolean delete(byte[] key) {
    return delete(handle, key, null, 0, key.length) == OK;
  }

  /**
   * Removes the entry.
   *
   * @param key taken as its UTF-8
   * @return whether there was a live one
   */
  public boolean delete(String key) {
    return delete(bytes(key));
  }

  /**
   * Gives a live entry a new lifetime, and counts as a use.
   *
   * @param key the key
   * @param ttl above zero, or {@link Cache#NEVER}; null: the cache's
   * @return whether there is one
   */
  public boolean touch(byte[] key, Duration ttl) {
    long ms = ttl == null ? 0 : Durations.lifetime(ttl);
    return touch(handle, key, null, 0, key.length, ms) == OK;
  }

  /**
   * Adds to a value that is a decimal number in text, atomically. An absent entry is stored as the
   * delta, with the cache's lifetime.
   *
   * @param key the key
   * @param delta what is added
   * @return the sum
   * @throws CacheException {@link Status#TYPE}, {@link Status#RANGE}; neither changes anything
   */
  public long increment(byte[] key, long delta) {
    return increment(handle, key, null, 0, key.length, delta, delta, 0);
  }

  /**
   * Adds to a value that is a decimal number in text, atomically.
   *
   * @param key the key
   * @param delta what is added
   * @param initial what an absent entry is stored as, without the delta
   * @param ttl the lifetime of one that is stored; one that is there keeps its deadline; null: the
   *     cache's
   * @return the sum
   */
  public long increment(byte[] key, long delta, long initial, Duration ttl) {
    long ms = ttl == null ? 0 : Durations.lifetime(ttl);
    return increment(handle, key, null, 0, key.length, delta, initial, ms);
  }

  // ---- Many at once ----

  /**
   * The values of many keys, in one native call.
   *
   * @param keys the keys
   * @return a list as long, with null for a miss
   */
  public List<byte[]> getMany(List<byte[]> keys) {
    Packed packed = Packed.of(keys);
    long[] sizes = new long[keys.size()];
    byte[] arena = getMany(handle, packed.bytes, packed.offsets, sizes);
    List<byte[]> values = new ArrayList<>(sizes.length);
    int at = 0;
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] == -1) {
        values.add(null);
      } else if (sizes[i] < 0) {
        values.add(peek(keys.get(i))); // It did not fit, and has been counted.
      } else {
        int size = (int) sizes[i];
        values.add(Arrays.copyOfRange(arena, at, at + size));
        at += size;
      }
    }
    return values;
  }

  /**
   * Stores many entries with the cache's lifetime, in one native call.
   *
   * @param entries keys and values; their ttl is not used
   * @throws CacheException of the first that was not stored; all are attempted
   */
  public void setMany(List<Entry> entries) {
    setMany(entries, 0);
  }

  /**
   * Stores many entries, in one native call.
   *
   * @param entries keys and values; their ttl is not used
   * @param ttl above zero; {@link Cache#NEVER}; or {@link Cache#KEEP}
   * @throws CacheException of the first that was not stored; all are attempted
   */
  public void setMany(List<Entry> entries, Duration ttl) {
    setMany(entries, Durations.lifetime(ttl));
  }

  private void setMany(List<Entry> entries, long ttl) {
    List<byte[]> keys = new ArrayList<>(entries.size());
    List<byte[]> values = new ArrayList<>(entries.size());
    for (Entry entry : entries) {
      keys.add(entry.key());
      values.add(entry.value());
    }
    Packed k = Packed.of(keys);
    Packed v = Packed.of(values);
    int[] statuses = new int[entries.size()];
    int failed = setMany(handle, k.bytes, k.offsets, v.bytes, v.offsets, ttl, statuses);
    if (failed == 0) return;
    for (int status : statuses) {
      if (status != OK) {
        throw new CacheException(
            status, failed + " of " + statuses.length + " entries were not stored");
      }
    }
  }

  /**
   * Removes many entries, in one native call.
   *
   * @param keys the keys
   * @return how many live ones there were
   */
  public long deleteMany(List<byte[]> keys) {
    Packed packed = Packed.of(keys);
    return deleteMany(handle, packed.bytes, packed.offsets);
  }

  /**
   * The UTF-8 of a string.
   *
   * @param text a key, or a value
   * @return its bytes
   */
  public static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
