package cachecore;

/** What went wrong: the statuses of cachecore.h that are no ordinary answers. */
public enum Status {
  /** The value is larger than this cache can hold: not stored, and the older value is gone. */
  REFUSED(3),
  /** A size or an option is out of range. A key has 1 to 65535 bytes. */
  ARGUMENT(-1),
  /** The system refused memory, a thread, or room in a file. If a write met it, the older value is
   * gone, but not in a no-evict cache. */
  NO_MEMORY(-2),
  /** The value is larger than the buffer; {@link CacheException#neededSize} says how large. */
  TOO_SMALL(-3),
  /** These classes use a struct that the library does not know. */
  VERSION(-4),
  /** A no-evict cache is at its bound, and nothing has changed; or no more processes may open it. */
  FULL(-5),
  /** Not now: for example, a sweeper that runs already, or a file that is not there. */
  STATE(-6),
  /** The wait ended before the event; of a write to a shared cache, another process was stopped in
   * the middle of one. */
  TIMEOUT(-7),
  /** The value is no decimal number. */
  TYPE(-8),
  /** The result does not fit. */
  RANGE(-9),
  /** A file that is no cache, or is damaged, or of another layout. */
  LAYOUT(-10),
  /** A file's owner or permissions. */
  ACCESS(-11),
  /** The cache has been closed. */
  CLOSED(-100),
  /** A status that these classes do not know. */
  UNKNOWN(Integer.MIN_VALUE);

  private final int number;

  Status(int number) {
    this.number = number;
  }

  static Status of(int number) {
    for (Status status : values()) {
      if (status.number == number) return status;
    }
    return UNKNOWN;
  }
}
