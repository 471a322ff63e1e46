package cachecore;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/** How a cache is opened: {@code Cache.builder().maxEntries(10_000).open()}. */
public final class CacheBuilder {
  private static final int NO_EVICT = 1;
  private static final int MANUAL_CLOCK = 2;
  private static final int REPORT_REMOVALS = 4;

  /** What happens if there is a shared cache already, or none. */
  public enum Mode {
    /** Attach to it, or make it. */
    OPEN,
    /** Make it; {@link Status#STATE} if there is one. */
    CREATE,
    /** Attach to it; {@link Status#STATE} if there is none. */
    ATTACH,
    /** Put a new one in its place. Processes that have the old one open keep it. */
    REPLACE
  }

  // As opening.c reads them.
  private long policy;
  private long flags;
  private long shards;
  private long maxEntries;
  private long maxBytes;
  private long ttl;
  private long tti;
  private long hashSeed;
  private long jitter;
  private long isShared;
  private long sharedFlags;
  private long descriptor = -1;
  private long maxProcesses;
  private String path;

  CacheBuilder() {}

  private static long positive(long value, String name) {
    if (value <= 0) throw new IllegalArgumentException(name + " must be above 0, not " + value);
    return value;
  }

  private CacheBuilder flag(int flag, boolean isSet) {
    flags = isSet ? flags | flag : flags & ~flag;
    return this;
  }

  /**
   * Most entries held at once. At least one of the two bounds must be given.
   *
   * @param maxEntries above 0
   * @return this
   */
  public CacheBuilder maxEntries(long maxEntries) {
    this.maxEntries = positive(maxEntries, "maxEntries");
    return this;
  }

  /**
   * Most memory in use: keys, values, and all bookkeeping.
   *
   * @param maxBytes at least 65536
   * @return this
   */
  public CacheBuilder maxBytes(long maxBytes) {
    this.maxBytes = positive(maxBytes, "maxBytes");
    return this;
  }

  /**
   * The lifetime of entries that are stored without one.
   *
   * @param ttl above zero, or {@link Cache#NEVER}, which it is if this is not called
   * @return this
   */
  public CacheBuilder ttl(Duration ttl) {
    this.ttl = Durations.lifetime(ttl);
    return this;
  }

  /**
   * An entry that is not used for so long expires, whatever its lifetime.
   *
   * @param tti above zero, or {@link Cache#NEVER}, which it is if this is not called
   * @return this
   */
  public CacheBuilder tti(Duration tti) {
    this.tti = Durations.lifetime(tti);
    return this;
  }

  /**
   * Each lifetime is shortened by a random part, so that entries stored together do not expire
   * together.
   *
   * @param permille up to so many thousandths of it, 0 to 1000
   * @return this
   */
  public CacheBuilder jitterPermille(int permille) {
    this.jitter = permille;
    return this;
  }

  /**
   * Which entry leaves when there is no room.
   *
   * @param policy LRU if this is not called
   * @return this
   */
  public CacheBuilder policy(Policy policy) {
    this.policy = policy.ordinal();
    return this;
  }

  /**
   * Never evict a live entry: a write that does not fit is {@link Status#FULL}.
   *
   * @param isNoEvict false if this is not called
   * @return this
   */
  public CacheBuilder noEvict(boolean isNoEvict) {
    return flag(NO_EVICT, isNoEvict);
  }

  /**
   * Time stands still until {@link Cache#advanceClock}: for tests.
   *
   * @param isManual false if this is not called
   * @return this
   */
  public CacheBuilder manualClock(boolean isManual) {
    return flag(MANUAL_CLOCK, isManual);
  }

  /**
   * Keep what leaves the cache for {@link Cache#takeRemovals}.
   *
   * @param isReported false if this is not called
   * @return this
   */
  public CacheBuilder reportRemovals(boolean isReported) {
    return flag(REPORT_REMOVALS, isReported);
  }

  /**
   * Into how many shards the cache is divided.
   *
   * @param shards 1 to 256; 1 has one exact order of use; chosen if this is not called
   * @return this
   */
  public CacheBuilder shards(int shards) {
    this.shards = positive(shards, "shards");
    return this;
  }

  /**
   * The secret of the hash.
   *
   * @param seed 0: random, which keeps crafted keys harmless
   * @return this
   */
  public CacheBuilder hashSeed(long seed) {
    this.hashSeed = seed;
    return this;
  }

  /**
   * One cache for all processes of the machine that open this file. To attach, the bounds must be
   * valid; those of the cache hold.
   *
   * @param file its place, such as /run/SERVICE/cache
   * @return this
   */
  public CacheBuilder shared(Path file) {
    return shared(file, Mode.OPEN);
  }

  /**
   * One cache for all processes of the machine that open this file.
   *
   * @param file its place
   * @param mode what happens if there is one already, or none
   * @return this
   */
  public CacheBuilder shared(Path file, Mode mode) {
    path = file.toString();
    isShared = 1;
    sharedFlags = mode == Mode.OPEN ? 0 : 1L << (mode.ordinal() - 1);
    return this;
  }

  /**
   * Of a shared cache, how many processes may have it open at once.
   *
   * @param maxProcesses 1023 at most; 64 if this is not called
   * @return this
   */
  public CacheBuilder maxProcesses(int maxProcesses) {
    this.maxProcesses = positive(maxProcesses, "maxProcesses");
    return this;
  }

  /**
   * Opens the cache, and starts no thread. A shared one waits up to five seconds for a process that
   * is making it.
   *
   * @return to be closed
   * @throws CacheException with a sentence that says which option is wrong
   */
  public Cache open() {
    long[] options = {
      policy, flags, shards, maxEntries, maxBytes, ttl, tti, hashSeed, jitter, isShared, sharedFlags,
      descriptor, maxProcesses
    };
    return new Cache(options, path == null ? null : nativePath(path));
  }

  static byte[] nativePath(String path) {
    if (path.isEmpty() || path.indexOf(0) >= 0) {
      throw new IllegalArgumentException("a path is not empty and has no NUL in it");
    }
    return (path + "\0").getBytes(StandardCharsets.UTF_8);
  }
}
