package cachecore;

import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;

/** A loader that is run where the cache has no value, on a claim. */
final class Computing {
  private Computing() {}

  static <E extends Exception> byte[] getOrCompute(
      Cache cache, byte[] key, Loader<E> loader, ComputeOptions options)
      throws E, InterruptedException {
    Objects.requireNonNull(loader, "loader");
    long deadline = Found.deadline(options.timeout);
    while (true) {
      Found found = cache.getOrClaim(key, options);
      switch (found.state()) {
        case CLAIMED:
          return load(key, loader, options, found.claim().get());
        case FRESH:
        case STALE:
          found.claim().ifPresent(claim -> refresh(key.clone(), loader, options, claim));
          return found.value();
        case ABSENT:
          return null;
        default:
          if (!found.awaitUntil(deadline)) {
            throw new CacheException(
                Status.TIMEOUT, "somebody else still computes the value", -1);
          }
      }
    }
  }

  private static <E extends Exception> byte[] load(
      byte[] key, Loader<E> loader, ComputeOptions options, Claim claim) throws E {
    try {
      byte[] value = loader.load(key);
      store(claim, value, options);
      return value;
    } finally {
      claim.abandonMs(options.retry);
    }
  }

  /** A value that cannot be stored is the caller's all the same. */
  private static void store(Claim claim, byte[] value, ComputeOptions options) {
    try {
      if (value != null) claim.fulfillMs(value, options.ttl, options.stale);
      else if (options.absent != 0) claim.fulfillAbsentMs(options.absent);
    } catch (CacheException error) {
      if (error.status() == Status.ARGUMENT) throw error;
    }
  }

  private static <E extends Exception> void refresh(
      byte[] key, Loader<E> loader, ComputeOptions options, Claim claim) {
    try {
      options.executor.execute(() -> {
        try {
          load(key, loader, options, claim);
        } catch (Exception error) {
          // Nobody waits for it.
          Thread thread = Thread.currentThread();
          thread.getUncaughtExceptionHandler().uncaughtException(thread, error);
        }
      });
    } catch (RejectedExecutionException error) {
      claim.abandonMs(options.retry);
    }
  }
}
