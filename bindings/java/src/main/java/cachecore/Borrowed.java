package cachecore;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;

/**
 * A value that the cache lends, without a copy. The bytes stay as they are until it is given back,
 * even when the entry is replaced, deleted, evicted or expires meanwhile, and also when the cache is
 * closed. Its memory counts against the cache's bound for as long.
 *
 * <p>{@link #close} gives it back. If {@link #buffer} was called, that waits until the buffer, and
 * all that were made of it, are unreachable as well: Java has no way to make a buffer invalid, and
 * one that outlived its memory would crash the virtual machine when it is read. So a value that is
 * only copied with {@link #toByteArray} or {@link #copyTo} is given back at once, one whose buffer
 * was handed out by the garbage collector. One that is never closed is given back by the
 * collector, too.
 *
 * <p>Any thread may use it. One entry can be lent 4095 times at once.
 */
public final class Borrowed implements AutoCloseable {
  /** The memory. What is made of it refers to it, so it is reachable as long as they are. */
  private ByteBuffer memory;

  private Cleaner.Cleanable lease;
  private boolean isHandedOut;

  Borrowed(ByteBuffer memory, long address) {
    this.memory = memory;
    this.lease = NativeCache.CLEANER.register(memory, () -> NativeCache.release(address));
  }

  private ByteBuffer memory() {
    if (memory == null) throw new IllegalStateException("the value has been given back");
    return memory;
  }

  /**
   * The number of bytes.
   *
   * @return 0 and up
   */
  public synchronized int size() {
    return memory().capacity();
  }

  /**
   * A read-only view of the value, which stays valid for as long as it is reachable.
   *
   * @return a direct buffer, from 0 to the size
   */
  public synchronized ByteBuffer buffer() {
    ByteBuffer view = memory().asReadOnlyBuffer();
    isHandedOut = true;
    return view;
  }

  /**
   * A copy.
   *
   * @return a new array
   */
  public synchronized byte[] toByteArray() {
    byte[] copy = new byte[memory().capacity()];
    memory.get(0, copy);
    return copy;
  }

  /**
   * Copies bytes of the value.
   *
   * @param from the first byte of the value that is copied
   * @param into where to
   * @param at the first byte there
   * @param count how many
   */
  public synchronized void copyTo(int from, byte[] into, int at, int count) {
    memory().get(from, into, at, count);
  }

  /** Gives the value back; further calls do nothing. */
  @Override
  public synchronized void close() {
    if (memory == null) return;
    memory = null;
    if (!isHandedOut) lease.clean();
    lease = null;
  }
}
