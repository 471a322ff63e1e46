package cachecore;

/** What a cache reports that is no ordinary answer. It is unchecked, since most programs cannot do
 * anything about it where it happens. */
public final class CacheException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What went wrong. */
  private final Status status;

  /** Of TOO_SMALL: the bytes needed. */
  private final long neededSize;

  /** Called by native code. */
  CacheException(int number, String message) {
    super(Status.of(number) + ": " + message);
    this.status = Status.of(number);
    this.neededSize = -1;
  }

  CacheException(Status status, String message, long neededSize) {
    super(status + ": " + message);
    this.status = status;
    this.neededSize = neededSize;
  }

  /**
   * What went wrong.
   *
   * @return never null
   */
  public Status status() {
    return status;
  }

  /**
   * How large a buffer must be.
   *
   * @return bytes, or -1 if the status is not {@link Status#TOO_SMALL}
   */
  public long neededSize() {
    return neededSize;
  }
}
