package cachecore;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;

/**
 * A bounded, concurrent cache of bytes, with lifetimes in milliseconds, which the processes of a
 * machine can share.
 *
 * <pre>{@code
 * try (Cache cache = Cache.builder().maxBytes(64 << 20).ttl(Duration.ofMinutes(5)).open()) {
 *   cache.set("key", value, Duration.ofSeconds(30));
 *   byte[] found = cache.get("key");                        // null for a miss
 *   byte[] page = cache.getOrCompute(bytes("page"), key -> render());
 * }
 * }</pre>
 *
 * <p>Keys have 1 to 65535 bytes. A String is taken as its UTF-8. Arrays that are passed are read
 * during the call and not kept; those that are returned are copies.
 *
 * <p>Any thread may call any method at any time, {@link #close} too: calls that are under way are
 * finished, later ones are {@link Status#CLOSED}. A cache that is not closed is closed when it has
 * become unreachable.
 *
 * <p>What is written is a {@link CacheException} if it was not stored. A null is a
 * NullPointerException, a duration of zero or less an IllegalArgumentException. Durations are rounded
 * up to the millisecond.
 */
public final class Cache extends EntryOperations {
  /** A duration that has no end: {@code ChronoUnit.FOREVER}. */
  public static final Duration NEVER = java.time.temporal.ChronoUnit.FOREVER.getDuration();

  /** A lifetime for set, replace and compareAndSet: the entry keeps the deadline that it has. */
  public static final Duration KEEP = Duration.ofSeconds(Long.MIN_VALUE);

  private static final byte[] EVERYTHING = {};
  private static final int EARLY = 1;
  private final Sweeper sweeper = new Sweeper(this);

  Cache(long[] options, byte[] path) {
    super(options, path);
  }

  /**
   * How to open a cache.
   *
   * @return needs maxEntries or maxBytes
   */
  public static CacheBuilder builder() {
    return new CacheBuilder();
  }

  /** Waits for calls that are under way, and closes the cache; further calls do nothing. A shared
   * cache keeps its entries. Values that are borrowed stay readable. */
  @Override
  public void close() {
    close(handle);
  }

  /**
   * Whether it has been closed.
   *
   * @return true from the first call of close on
   */
  public boolean isClosed() {
    return isClosed(handle);
  }

  private long run(int what, long one) {
    return run(handle, what, null, one, 0, 0);
  }

  // ---- The whole ----

  /**
   * The number of live entries.
   *
   * @return 0 and up
   */
  public long count() {
    return run(COUNT, 0);
  }

  /** Removes every entry that is there. */
  public void clear() {
    run(CLEAR, 0);
  }

  /**
   * Removes every entry whose key begins with the prefix.
   *
   * @param prefix at least a byte
   * @return how many live ones there were
   */
  public long deletePrefix(byte[] prefix) {
    return run(handle, DELETE_PREFIX, prefix, 0, 0, 0);
  }

  /**
   * Lists the keys of live entries, without values, a bounded amount of work at a time. An entry that
   * is there all the while is seen at least once; one that comes or goes may be missed.
   *
   * @param prefix of the keys; empty: all
   * @return to be gone through as often as one likes
   */
  public Iterable<Entry> keys(byte[] prefix) {
    byte[] copy = prefix.clone();
    return () -> new Scan(SCAN, copy);
  }

  /**
   * Lists live entries, as {@link #keys}, with values.
   *
   * @param prefix of the keys; empty: all
   * @return to be gone through as often as one likes
   */
  public Iterable<Entry> entries(byte[] prefix) {
    byte[] copy = prefix.clone();
    return () -> new Scan(SCAN_VALUES, copy);
  }

  private final class Scan implements Iterator<Entry> {
    private final int what;
    private final byte[] prefix;
    private final long[] cursor = new long[1];
    private Iterator<Entry> part = List.<Entry>of().iterator();
    private boolean isOver;

    Scan(int what, byte[] prefix) {
      this.what = what;
      this.prefix = prefix;
    }

    @Override
    public boolean hasNext() {
      while (!part.hasNext() && !isOver) {
        byte[] records = list(handle, what, prefix, cursor);
        part = (what == SCAN ? Records.keys(records) : Records.values(records)).iterator();
        isOver = cursor[0] == 0;
      }
      return part.hasNext();
    }

    @Override
    public Entry next() {
      if (!hasNext()) throw new NoSuchElementException();
      return part.next();
    }
  }

  /**
   * The entries that would be evicted first, in that order, without values.
   *
   * @param limit at most so many; thousands, not millions
   * @return a list of one moment
   */
  public List<Entry> coldest(long limit) {
    return Records.keys(list(handle, COLDEST, EVERYTHING, new long[] {notNegative(limit)}));
  }

  /**
   * The entries that would be evicted last, in the reverse order, without values.
   *
   * @param limit at most so many; thousands, not millions
   * @return a list of one moment
   */
  public List<Entry> hottest(long limit) {
    return Records.keys(list(handle, HOTTEST, EVERYTHING, new long[] {notNegative(limit)}));
  }

  private static long notNegative(long number) {
    if (number < 0) throw new IllegalArgumentException("negative: " + number);
    return number;
  }

  /**
   * Removes entries as if room were needed.
   *
   * @param count up to so many
   * @return how many were removed
   */
  public long evict(long count) {
    return run(EVICT, notNegative(count));
  }

  /**
   * Removes what has expired, on this thread; needs no sweeper.
   *
   * @return how many entries
   */
  public long cleanupExpired() {
    return run(CLEANUP, 0);
  }

  /**
   * Sets new bounds, and evicts until they hold.
   *
   * @param maxEntries 0: no such bound
   * @param maxBytes 0: no such bound
   */
  public void resize(long maxEntries, long maxBytes) {
    run(handle, RESIZE, null, notNegative(maxEntries), notNegative(maxBytes), 0);
  }

  /**
   * Takes what has left a cache that reports removals since the last call.
   *
   * @return in the order in which it left
   */
  public List<Removal> takeRemovals() {
    List<Removal> taken = new ArrayList<>();
    byte[] records;
    while ((records = list(handle, REMOVALS, EVERYTHING, new long[1])) != null) {
      taken.addAll(Records.removals(records));
    }
    return taken;
  }

  /**
   * Writes the entries to a file, whole or not at all.
   *
   * @param file where to
   * @return how many
   */
  public long save(Path file) {
    return run(handle, SAVE, CacheBuilder.nativePath(file.toString()), 0, 0, 0);
  }

  /**
   * Adds the entries of a file, where there is nothing under the key.
   *
   * @param file written by save
   * @return how many
   */
  public long load(Path file) {
    return run(handle, LOAD, CacheBuilder.nativePath(file.toString()), 0, 0, 0);
  }

  /**
   * Examines every entry, counts them by kind, and removes some kinds.
   *
   * @param prefix of the keys; empty: all
   * @param removed kinds to remove; none: a dry run
   * @param nearExpiry what is little time left to live; zero: a minute
   * @param idle what is a long time without use; zero: 30 days
   * @return what was found
   */
  public Audit audit(byte[] prefix, Set<Audit.Kind> removed, Duration nearExpiry, Duration idle) {
    long[] ask = {Audit.bits(removed), Durations.span(nearExpiry), Durations.span(idle), 0};
    return Audit.of(audit(handle, prefix, ask));
  }

  // ---- Looking ----

  /**
   * What the cache was opened with, as it is in force.
   *
   * @return a reading of the moment
   */
  public Options options() {
    return Options.of(figures(handle, OPTIONS, 0));
  }

  /**
   * Counters and gauges.
   *
   * @return a reading of the moment
   */
  public Stats stats() {
    return Stats.of(figures(handle, STATS, 0));
  }

  /** Sets the counters to zero. */
  public void resetStats() {
    run(RESET_STATS, 0);
  }

  /**
   * Hits and misses of the recent past.
   *
   * @param span how long; {@link #NEVER}: since the cache was opened
   * @return for how long they were really counted, too
   */
  public Window window(Duration span) {
    long[] found = figures(handle, WINDOW, span.equals(NEVER) ? 0 : Durations.span(span));
    return new Window(found[0], found[1], Duration.ofMillis(found[2]));
  }

  /**
   * Who has a shared cache open.
   *
   * @return {@link Status#STATE} for a private one
   */
  public SharedInfo sharedInfo() {
    return SharedInfo.of(figures(handle, SHARED, 0));
  }

  /**
   * The thread that removes expired entries, which does not run before it is started.
   *
   * @return its controls
   */
  public Sweeper sweeper() {
    return sweeper;
  }

  /**
   * Moves the clock of a cache that was opened with a manual one.
   *
   * @param time how far
   */
  public void advanceClock(Duration time) {
    run(ADVANCE_CLOCK, Durations.span(time));
  }

  // ---- Claims ----

  /**
   * As get; on a miss one caller, among all threads and processes that share the cache, is given the
   * claim to compute the value. For what {@link #getOrCompute} does not do.
   *
   * @param key the key
   * @return its claim, if there is one, must be ended
   */
  public Found getOrClaim(byte[] key) {
    return getOrClaim(key, ComputeOptions.DEFAULT);
  }

  /**
   * As {@link #getOrClaim(byte[])}.
   *
   * @param key the key
   * @param options claimTime and early are used
   * @return its claim, if there is one, must be ended
   */
  public Found getOrClaim(byte[] key, ComputeOptions options) {
    byte[] name = key.clone();
    int flags = options.isEarly ? EARLY : 0;
    long[] told = new long[3];
    byte[] value = getOrClaim(handle, name, options.claimTime, flags, told);
    return new Found(this, name, value, told, flags);
  }

  /**
   * The value; if there is none, what the loader computes, once among all callers that share the
   * cache, in any thread and process. The others wait.
   *
   * <p>A value that cannot be stored, or that was deleted or replaced while it was computed, is
   * returned and not stored. If the loader fails, the next caller computes.
   *
   * @param <E> what the loader may throw
   * @param key the key
   * @param loader runs on this thread
   * @return null if the loader said so
   * @throws E of the loader
   * @throws InterruptedException if the thread is interrupted while it waits
   */
  public <E extends Exception> byte[] getOrCompute(byte[] key, Loader<E> loader)
      throws E, InterruptedException {
    return getOrCompute(key, loader, ComputeOptions.DEFAULT);
  }

  /**
   * As {@link #getOrCompute(byte[], Loader)}. With a stale window, a value past its deadline is
   * returned at once while one caller has it computed anew by the executor of the options.
   *
   * @param <E> what the loader may throw
   * @param key the key
   * @param loader runs on this thread, or on the executor
   * @param options lifetimes and so on
   * @return null if the loader said so
   * @throws E of the loader
   * @throws InterruptedException if the thread is interrupted while it waits
   */
  public <E extends Exception> byte[] getOrCompute(
      byte[] key, Loader<E> loader, ComputeOptions options) throws E, InterruptedException {
    return Computing.getOrCompute(this, key, loader, options);
  }
}
