package cachecore;

import static cachecore.Cache.bytes;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.After;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** Threads and the garbage collector: closing while others are inside, borrowing, computing once. */
public class ThreadsTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  private final ExecutorService pool = Executors.newCachedThreadPool();

  @After
  public void end() throws InterruptedException {
    pool.shutdownNow();
    assertTrue(pool.awaitTermination(60, TimeUnit.SECONDS));
  }

  /** The wide bound ends a test that fails. */
  static void until(BooleanSupplier isSo, String what) throws InterruptedException {
    long end = System.nanoTime() + 60_000_000_000L;
    while (!isSo.getAsBoolean()) {
      assertTrue("in vain: " + what, System.nanoTime() < end);
      System.gc();
      Thread.sleep(5);
    }
  }

  @Test
  public void closingWhileOthersAreInside() throws Exception {
    for (int round = 0; round < 20; round++) {
      Cache cache = Cache.builder().maxEntries(2000).open();
      cache.sweeper().start(Duration.ofMillis(1), true);
      CountDownLatch begun = new CountDownLatch(4);
      List<Callable<Void>> work = List.of(
          () -> {
            for (int i = 0; ; i++) {
              if (i == 100) begun.countDown();
              cache.set("k" + i % 3000, new byte[i % 5000], Duration.ofMillis(5));
            }
          },
          () -> {
            for (int i = 0; ; i++) {
              if (i == 100) begun.countDown();
              cache.get("k" + i % 3000);
              Borrowed value = cache.acquire(bytes("k" + i % 3000));
              if (value != null) value.close();
            }
          },
          () -> {
            for (int i = 0; ; i++) {
              if (i == 1) begun.countDown();
              cache.entries(new byte[0]).forEach(entry -> {});
              cache.stats();
              cache.sweeper().trigger();
            }
          },
          () -> {
            cache.getOrClaim(bytes("claimed"));
            begun.countDown();
            cache.getOrCompute(bytes("claimed"), key -> key);
            return null;
          });
      List<Future<Void>> results = new ArrayList<>();
      for (Callable<Void> each : work) results.add(pool.submit(each));
      assertTrue(begun.await(60, TimeUnit.SECONDS));
      List<Future<?>> closings = new ArrayList<>();
      for (int i = 0; i < 3; i++) closings.add(pool.submit((Runnable) cache::close));
      for (Future<?> closing : closings) closing.get();
      for (Future<Void> result : results) {
        Throwable cause = assertThrows(ExecutionException.class, result::get).getCause();
        assertTrue(String.valueOf(cause), cause instanceof CacheException);
        Status status = ((CacheException) cause).status();
        // A trigger that waits is ended with STATE.
        assertTrue(status.toString(), status == Status.CLOSED || status == Status.STATE);
      }
    }
  }

  @Test
  public void aCacheThatIsDroppedIsClosed() throws Exception {
    java.nio.file.Path file = folder.getRoot().toPath().resolve("cache");
    try (Cache watcher = Cache.builder().maxEntries(10).shared(file).open()) {
      for (int i = 0; i < 5; i++) Cache.builder().maxEntries(10).shared(file).open().get("k");
      until(() -> watcher.sharedInfo().processes() == 1, "the garbage collector");
    }
  }

  @Test
  public void openingAndClosingLeavesNothingBehind() throws Exception {
    java.nio.file.Path maps = java.nio.file.Path.of("/proc/self/maps");
    long before = 0;
    for (int i = 0; i < 3000; i++) {
      try (Cache cache = Cache.builder().maxEntries(1000).open()) {
        for (int k = 0; k < 20; k++) cache.set("k" + k, new byte[100]);
        cache.getOrClaim(bytes("claimed"));
      }
      if (i == 500) before = java.nio.file.Files.readAllLines(maps).size();
    }
    long after = java.nio.file.Files.readAllLines(maps).size();
    assertTrue(before + " mappings became " + after, after < before + 500);
  }

  // ---- Borrowing ----

  @Test
  public void aBorrowedValueOutlivesItsEntryAndItsCache() {
    Cache cache = Cache.builder().maxEntries(100).open();
    byte[] value = new byte[100_000];
    Arrays.fill(value, (byte) 7);
    cache.set("k", value);
    try (Borrowed borrowed = cache.acquire(bytes("k"))) {
      cache.set("k", new byte[100_000]);
      cache.delete("k");
      cache.cleanupExpired();
      assertArrayEquals(value, borrowed.toByteArray());
      cache.close();
      assertEquals(ByteBuffer.wrap(value), borrowed.buffer());
      assertTrue(borrowed.buffer().isReadOnly());
      assertThrows(java.nio.ReadOnlyBufferException.class, () -> borrowed.buffer().put((byte) 1));
    }
  }

  @Test
  public void aBufferIsValidForAsLongAsItIsReachable() throws Exception {
    List<ByteBuffer> views = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      Cache cache = Cache.builder().maxEntries(10).open();
      byte[] value = new byte[50_000];
      Arrays.fill(value, (byte) i);
      cache.set("k", value);
      Borrowed borrowed = cache.acquire(bytes("k"));
      ByteBuffer view = borrowed.buffer();
      views.add(i % 2 == 0 ? view : view.slice(10, 1000));
      borrowed.close();
      assertThrows(IllegalStateException.class, borrowed::buffer);
      assertThrows(IllegalStateException.class, borrowed::toByteArray);
      borrowed.close();
      cache.close();
    }
    for (int i = 0; i < 5; i++) {
      System.gc();
      Thread.sleep(10);
    }
    for (int i = 0; i < views.size(); i++) {
      ByteBuffer view = views.get(i);
      for (int k = 0; k < view.limit(); k++) assertEquals((byte) i, view.get(k));
    }
  }

  @Test
  public void whatIsBorrowedIsGivenBack() throws Exception {
    // One entry can be lent 4095 times at once.
    try (Cache cache = Cache.builder().maxEntries(10).open()) {
      byte[] key = bytes("k");
      cache.set(key, bytes("value"));
      for (int i = 0; i < 10_000; i++) {
        try (Borrowed borrowed = cache.acquire(key)) {
          assertEquals(5, borrowed.toByteArray().length);
        }
      }
      for (int i = 0; i < 4000; i++) cache.acquire(key).buffer(); // dropped, never closed
      until(() -> {
        try {
          List<Borrowed> all = new ArrayList<>();
          try {
            for (int i = 0; i < 4095; i++) all.add(cache.acquire(key));
          } finally {
            all.forEach(Borrowed::close);
          }
          return true;
        } catch (CacheException error) {
          assertEquals(Status.STATE, error.status());
          return false;
        }
      }, "the garbage collector");
      assertNull(cache.acquire(bytes("absent")));
    }
  }

  @Test
  public void borrowingAndClosingByTwoThreads() throws Exception {
    try (Cache cache = Cache.builder().maxEntries(10).open()) {
      cache.set("k", new byte[1000]);
      for (int i = 0; i < 500; i++) {
        Borrowed borrowed = cache.acquire(bytes("k"));
        Future<?> closing = pool.submit((Runnable) borrowed::close);
        try {
          assertEquals(1000, borrowed.toByteArray().length);
        } catch (IllegalStateException error) {
          assertEquals("the value has been given back", error.getMessage());
        }
        closing.get();
      }
    }
  }

  // ---- Computing ----

  @Test
  public void oneThreadComputes() throws Exception {
    try (Cache cache = Cache.builder().maxEntries(100).open()) {
      AtomicInteger computed = new AtomicInteger();
      List<Future<byte[]>> results = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        results.add(pool.submit(() -> cache.getOrCompute(bytes("k"), key -> {
          computed.incrementAndGet();
          Thread.sleep(50);
          return bytes("value of " + new String(key));
        })));
      }
      for (Future<byte[]> result : results) assertEquals("value of k", new String(result.get()));
      assertEquals(1, computed.get());
    }
  }

  @Test
  public void aFailureIsTheCallersAndTheNextComputes() throws Exception {
    try (Cache cache = Cache.builder().maxEntries(100).open()) {
      byte[] key = bytes("k");
      assertThrows(java.io.IOException.class, () -> cache.getOrCompute(key, k -> {
        throw new java.io.IOException("no luck");
      }));
      assertEquals("luck", new String(cache.getOrCompute(key, k -> bytes("luck"))));
    }
  }

  @Test
  public void staleValuesAndAbsences() throws Exception {
    try (Cache cache = Cache.builder().maxEntries(100).manualClock(true).open()) {
      byte[] key = bytes("k");
      AtomicInteger computed = new AtomicInteger();
      Loader<RuntimeException> loader = k -> bytes("" + computed.incrementAndGet());
      ComputeOptions options = ComputeOptions.DEFAULT.ttl(Duration.ofSeconds(1))
          .stale(Duration.ofSeconds(10)).refreshOn(pool);
      assertEquals("1", new String(cache.getOrCompute(key, loader, options)));
      cache.advanceClock(Duration.ofSeconds(1));
      assertEquals("1", new String(cache.getOrCompute(key, loader, options)));
      until(() -> cache.contains(key), "the new value");
      assertEquals("2", new String(cache.get(key)));
      ComputeOptions absent = ComputeOptions.DEFAULT.absent(Duration.ofSeconds(1));
      for (int i = 0; i < 3; i++) {
        assertNull(cache.getOrCompute(bytes("none"), k -> {
          computed.incrementAndGet();
          return null;
        }, absent));
      }
      assertEquals(3, computed.get());
      pool.shutdown(); // An executor that refuses: the claim is given up.
      cache.advanceClock(Duration.ofSeconds(1));
      assertEquals("2", new String(cache.getOrCompute(key, loader, options)));
      assertTrue(cache.getOrClaim(key).claim().isPresent());
    }
  }

  @Test
  public void whatWasDeletedMeanwhileIsReturnedAndNotStored() throws Exception {
    try (Cache cache = Cache.builder().maxEntries(100).open()) {
      byte[] value = cache.getOrCompute(bytes("k"), key -> {
        cache.delete(key);
        return bytes("old");
      });
      assertEquals("old", new String(value));
      assertFalse(cache.contains("k"));
    }
    try (Cache small = Cache.builder().maxBytes(65536).open()) {
      assertEquals(1_000_000, small.getOrCompute(bytes("k"), key -> new byte[1_000_000]).length);
      assertFalse(small.contains("k"));
    }
  }

  @Test
  public void waitsEnd() throws Exception {
    Cache cache = Cache.builder().maxEntries(100).open();
    Claim claim = cache.getOrClaim(bytes("k")).claim().get();
    ComputeOptions brief = ComputeOptions.DEFAULT.timeout(Duration.ofMillis(30));
    EntryTest.assertStatus(
        Status.TIMEOUT, () -> cache.getOrCompute(bytes("k"), key -> key, brief));
    assertFalse(cache.getOrClaim(bytes("k")).await(Duration.ZERO));
    Thread main = Thread.currentThread();
    pool.submit(() -> {
      Thread.sleep(50);
      main.interrupt();
      return null;
    });
    assertThrows(InterruptedException.class, () -> cache.getOrCompute(bytes("k"), key -> key));
    Future<byte[]> waiting = pool.submit(() -> cache.getOrCompute(bytes("k"), key -> key));
    Thread.sleep(30);
    cache.close();
    Throwable cause = assertThrows(ExecutionException.class, waiting::get).getCause();
    assertEquals(Status.CLOSED, ((CacheException) cause).status());
    claim.close();
    assertFalse(claim.isHeld());
  }

  @Test
  public void aClaimIsEndedOnce() {
    try (Cache cache = Cache.builder().maxEntries(100).open()) {
      Claim claim = cache.getOrClaim(bytes("k")).claim().get();
      EntryTest.assertStatus(Status.ARGUMENT, claim::fulfillAbsent);
      assertTrue(claim.isHeld());
      assertTrue(claim.fulfill(bytes("v"), Cache.NEVER, Duration.ZERO));
      assertThrows(IllegalStateException.class, () -> claim.fulfill(bytes("v")));
      claim.close();
      try (Claim other = cache.getOrClaim(bytes("l")).claim().get()) {
        assertTrue(other.isHeld());
      }
      assertTrue(cache.getOrClaim(bytes("l")).claim().isPresent());
    }
  }
}
