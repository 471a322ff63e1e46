package cachecore;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;

/**
 * The native methods, and the life of the native object.
 *
 * <p>They are instance methods: while one is under way the object is reachable, and is not cleaned.
 * What lies behind the handle is the guard of guard.h, so any method may be called by any thread at
 * any time, also on a cache that is being closed, or has been.
 *
 * <p>Bytes are four arguments: an array or, if that is null, a direct buffer; an offset; a size.
 */
abstract class NativeCache implements AutoCloseable {
  static {
    Library.load();
  }

  static final Cleaner CLEANER = Cleaner.create();

  final long handle;

  NativeCache(long[] options, byte[] path) {
    long opened = open(options, path);
    handle = opened;
    CLEANER.register(this, () -> free(opened));
  }

  private static native long open(long[] options, byte[] path);

  private static native void free(long handle);

  @Override
  public abstract void close();

  native void close(long handle);

  native boolean isClosed(long handle);

  // ---- Entries ----

  native byte[] get(long handle, boolean isPeek, byte[] k, ByteBuffer kb, int ko, int kn);

  /** The size; -1 for a miss; -2 - N where N bytes are needed. */
  native long getInto(
      long handle, boolean isPeek, byte[] k, ByteBuffer kb, int ko, int kn,
      byte[] into, ByteBuffer intoBuffer, int at, int n);

  native int contains(long handle, byte[] k, ByteBuffer kb, int ko, int kn);

  native int inspect(long handle, byte[] k, ByteBuffer kb, int ko, int kn, long[] out);

  native byte[] getWithInfo(long handle, byte[] k, ByteBuffer kb, int ko, int kn, long[] out);

  static final int SET = 0;
  static final int ADD = 1;
  static final int REPLACE = 2;
  static final int IF_VERSION = 3;
  static final int UNTIL = 4;

  native int store(
      long handle, int how, byte[] k, ByteBuffer kb, int ko, int kn,
      byte[] v, ByteBuffer vb, int vo, int vn, long ttl, long extra);

  native int delete(long handle, byte[] k, ByteBuffer kb, int ko, int kn);

  native int touch(long handle, byte[] k, ByteBuffer kb, int ko, int kn, long ttl);

  native long increment(
      long handle, byte[] k, ByteBuffer kb, int ko, int kn, long delta, long initial, long ttl);

  native long acquire(long handle, byte[] k, ByteBuffer kb, int ko, int kn, ByteBuffer[] out);

  static native void release(long lease);

  // ---- Many at once ----

  native byte[] getMany(long handle, byte[] keys, long[] offsets, long[] sizes);

  native int setMany(
      long handle, byte[] keys, long[] keyOffsets, byte[] values, long[] valueOffsets, long ttl,
      int[] statuses);

  native long deleteMany(long handle, byte[] keys, long[] offsets);

  // ---- The whole ----

  static final int CLEAR = 0;
  static final int DELETE_PREFIX = 1;
  static final int EVICT = 2;
  static final int CLEANUP = 3;
  static final int RESIZE = 4;
  static final int SAVE = 5;
  static final int LOAD = 6;
  static final int COUNT = 7;
  static final int RESET_STATS = 8;
  static final int ADVANCE_CLOCK = 9;
  static final int SWEEPER_START = 10;
  static final int SWEEPER_STOP = 11;
  static final int SWEEPER_PAUSE = 12;
  static final int SWEEPER_RESUME = 13;
  static final int SWEEPER_SET_INTERVAL = 14;
  static final int SWEEPER_TRIGGER = 15;

  native long run(long handle, int what, byte[] bytes, long one, long two, long three);

  static final int SCAN = 0;
  static final int SCAN_VALUES = 1;
  static final int COLDEST = 2;
  static final int HOTTEST = 3;
  static final int REMOVALS = 4;

  native byte[] list(long handle, int what, byte[] prefix, long[] state);

  static final int STATS = 0;
  static final int SWEEPER = 1;
  static final int SHARED = 2;
  static final int OPTIONS = 3;
  static final int WINDOW = 4;

  native long[] figures(long handle, int what, long argument);

  native long[] audit(long handle, byte[] prefix, long[] ask);

  static native String statsField(int number);

  // ---- Claims ----

  native byte[] getOrClaim(long handle, byte[] key, long claimMs, int flags, long[] told);

  native int claimWait(long handle, byte[] key, long seen, int timeoutMs);

  static final int FULFILL = 0;
  static final int ABSENT = 1;
  static final int ABANDON = 2;

  native int endClaim(
      long handle, int how, byte[] key, byte[] value, long ttl, long ms, long token, int flags);
}
