package cachecore;

import static cachecore.Cache.bytes;
import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ReadOnlyBufferException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import org.junit.After;
import org.junit.Test;
import org.junit.function.ThrowingRunnable;

/** Arguments and answers: what only Java can get wrong. */
public class EntryTest {
  private static final byte[] ALL = {};
  private final Cache cache = Cache.builder().maxEntries(100_000).open();

  @After
  public void close() {
    cache.close();
  }

  static void assertStatus(Status status, ThrowingRunnable call) {
    assertEquals(status, assertThrows(CacheException.class, call).status());
  }

  @Test
  public void valuesOfAllSizesComeBackWhole() {
    for (int size : new int[] {0, 1, 1023, 1024, 1025, 4095, 4096, 4097, 100_000, 3_000_000}) {
      byte[] value = new byte[size];
      Arrays.fill(value, (byte) size);
      cache.set("k", value);
      assertArrayEquals(value, cache.get("k"));
      byte[] into = new byte[size];
      assertEquals(size, cache.get(bytes("k"), into));
      assertArrayEquals(value, into);
      assertArrayEquals(value, cache.getMany(List.of(bytes("k"))).get(0));
      assertArrayEquals(value, cache.getWithInfo(bytes("k")).value());
    }
    for (int size : new int[] {1, 1024, 1025, 65535}) {
      byte[] key = new byte[size];
      cache.set(key, bytes("long"));
      assertArrayEquals(bytes("long"), cache.get(key));
    }
  }

  @Test
  public void arraysAreCopied() {
    byte[] value = bytes("given");
    cache.set("k", value);
    value[0] = 'x';
    cache.get("k")[0] = 'y';
    assertArrayEquals(bytes("given"), cache.get("k"));
  }

  @Test
  public void buffersOfEveryKind() {
    byte[] key = bytes("-key-");
    byte[] value = bytes("--value--");
    List<ByteBuffer> keys = kinds(key, 1, 4);
    List<ByteBuffer> values = kinds(value, 2, 7);
    for (ByteBuffer k : keys) {
      for (ByteBuffer v : values) {
        cache.clear();
        cache.set(k, v, null);
        assertEquals(3, k.remaining());
        assertEquals(5, v.remaining());
        assertArrayEquals(bytes("value"), cache.get("key"));
        cache.set(k, v, Duration.ofSeconds(100));
        assertTrue(cache.ttl(bytes("key")).compareTo(Duration.ofSeconds(50)) > 0);
        for (ByteBuffer into : List.of(ByteBuffer.allocate(10), ByteBuffer.allocateDirect(10))) {
          into.position(2);
          assertEquals(5, cache.get(k, into));
          assertEquals(7, into.position());
          into.flip().position(2);
          assertEquals(ByteBuffer.wrap(bytes("value")), into);
          into.clear().limit(4);
          CacheException error =
              assertThrows(CacheException.class, () -> cache.get(k, into));
          assertEquals(Status.TOO_SMALL, error.status());
          assertEquals(5, error.neededSize());
          assertEquals(0, into.position());
        }
      }
    }
    ByteBuffer nothing = ByteBuffer.allocateDirect(0);
    cache.set(ByteBuffer.wrap(bytes("empty")), nothing, null);
    assertEquals(0, cache.get("empty").length);
    assertEquals(0, cache.get(ByteBuffer.wrap(bytes("empty")), nothing));
    assertEquals(-1, cache.get(ByteBuffer.wrap(bytes("absent")), ByteBuffer.allocate(1)));
    assertStatus(Status.ARGUMENT, () -> cache.set(nothing, nothing, null));
    assertThrows(ReadOnlyBufferException.class,
        () -> cache.get(ByteBuffer.wrap(bytes("key")), ByteBuffer.allocate(9).asReadOnlyBuffer()));
  }

  private static List<ByteBuffer> kinds(byte[] bytes, int from, int to) {
    ByteBuffer direct = ByteBuffer.allocateDirect(bytes.length).put(bytes);
    ByteBuffer heap = ByteBuffer.wrap(bytes);
    List<ByteBuffer> all = new ArrayList<>();
    for (ByteBuffer each : List.of(direct, heap, heap.asReadOnlyBuffer(), direct.asReadOnlyBuffer())) {
      each.clear().position(from).limit(to);
      all.add(each);
      all.add(each.slice());
    }
    return all;
  }

  @Test
  public void nullIsANullPointerException() {
    List<ThrowingRunnable> calls = List.of(
        () -> cache.get((byte[]) null), () -> cache.get((String) null),
        () -> cache.set("k", null), () -> cache.set((byte[]) null, ALL),
        () -> cache.set("k", ALL, null), () -> cache.delete((byte[]) null),
        () -> cache.getMany(null), () -> cache.getMany(Collections.singletonList(null)),
        () -> cache.getOrCompute(null, key -> key), () -> cache.getOrCompute(bytes("k"), null),
        () -> cache.acquire(null), () -> cache.keys(null), () -> cache.save(null),
        () -> Cache.builder().ttl(null), () -> Cache.builder().shared(null),
        () -> cache.getOrClaim(bytes("c")).claim().get().fulfill(null));
    for (ThrowingRunnable call : calls) assertThrows(NullPointerException.class, call);
    assertEquals(0, cache.count());
  }

  @Test
  public void aLifetimeIsAboveZeroAndRoundedUp() {
    try (Cache timed = Cache.builder().maxEntries(10).manualClock(true).open()) {
      byte[] key = bytes("k");
      for (Duration wrong : List.of(Duration.ZERO, Duration.ofNanos(-1), Duration.ofDays(-1))) {
        assertThrows(IllegalArgumentException.class, () -> timed.set(key, ALL, wrong));
      }
      timed.set(key, ALL, Duration.ofNanos(1));
      assertEquals(Duration.ofMillis(1), timed.ttl(key));
      timed.set(key, ALL, Duration.ofSeconds(Long.MAX_VALUE - 1));
      assertTrue(timed.ttl(key).compareTo(Duration.ofDays(10_000)) > 0);
      timed.set(key, ALL, Cache.NEVER);
      assertEquals(Cache.NEVER, timed.ttl(key));
      timed.set(key, ALL, Duration.ofMillis(500));
      timed.advanceClock(Duration.ofMillis(100));
      timed.set(key, ALL, Cache.KEEP);
      assertEquals(Duration.ofMillis(400), timed.ttl(key));
      timed.setUntil(key, ALL, Instant.now().plusSeconds(100));
      assertTrue(timed.ttl(key).toSeconds() > 50);
      timed.setUntil(key, ALL, Instant.now().minusSeconds(1));
      assertFalse(timed.contains(key));
    }
  }

  @Test
  public void optionsAreCheckedAndReported() {
    assertStatus(Status.ARGUMENT, () -> Cache.builder().open());
    assertStatus(Status.ARGUMENT, () -> Cache.builder().maxBytes(10).open());
    assertStatus(Status.ARGUMENT, () -> Cache.builder().maxEntries(10).shards(257).open());
    assertThrows(IllegalArgumentException.class, () -> Cache.builder().maxEntries(0));
    String message = assertThrows(
        CacheException.class, () -> Cache.builder().maxBytes(10).open()).getMessage();
    assertTrue(message, message.contains("max_bytes"));
    try (Cache other = Cache.builder().maxEntries(10).ttl(Duration.ofSeconds(5))
        .policy(Policy.ADAPTIVE).noEvict(true).jitterPermille(100).open()) {
      Options options = other.options();
      assertEquals(10, options.maxEntries());
      assertEquals(Duration.ofSeconds(5), options.ttl());
      assertEquals(Cache.NEVER, options.tti());
      assertEquals(Policy.ADAPTIVE, options.policy());
      assertTrue(options.isNoEvict());
      assertFalse(options.hasManualClock());
      assertEquals(100, options.jitterPermille());
    }
  }

  @Test
  public void statusesAreNamed() {
    try (Cache full = Cache.builder().maxEntries(1).shards(1).noEvict(true).open()) {
      full.set("k", bytes("v"));
      assertStatus(Status.FULL, () -> full.set("other", ALL));
      assertStatus(Status.TYPE, () -> full.increment(bytes("k"), 1));
      assertStatus(Status.STATE, () -> full.evict(1));
      assertStatus(Status.STATE, full::sharedInfo);
      CacheException error = assertThrows(CacheException.class,
          () -> full.setMany(List.of(new Entry(bytes("k"), ALL), new Entry(bytes("l"), ALL))));
      assertEquals(Status.FULL, error.status());
      assertTrue(error.getMessage(), error.getMessage().contains("1 of 2"));
      full.close();
      assertStatus(Status.CLOSED, () -> full.get("k"));
      assertStatus(Status.CLOSED, full::count);
      assertStatus(Status.CLOSED, () -> full.getMany(List.of(bytes("k"))));
      assertStatus(Status.CLOSED, () -> full.keys(ALL).iterator().hasNext());
      assertStatus(Status.CLOSED, () -> full.getOrCompute(bytes("k"), key -> key));
      assertTrue(full.isClosed());
    }
  }

  @Test
  public void increments() {
    byte[] key = bytes("n");
    assertEquals(1, cache.increment(key, 1));
    assertEquals(42, cache.increment(key, 41));
    assertEquals(7, cache.increment(bytes("m"), 1, 7, Duration.ofSeconds(100)));
    assertStatus(Status.RANGE, () -> cache.increment(key, Long.MAX_VALUE));
  }

  @Test
  public void iterating() {
    Set<String> expected = new HashSet<>();
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      expected.add("key:" + i);
      entries.add(new Entry(bytes("key:" + i), bytes("value " + i)));
    }
    cache.setMany(entries, Duration.ofSeconds(1000));
    cache.set("large", new byte[500_000]);
    Set<String> seen = new HashSet<>();
    for (Entry entry : cache.entries(bytes("key:"))) {
      String key = new String(entry.key());
      assertEquals("value " + key.substring(4), new String(entry.value()));
      assertTrue(entry.ttl().toSeconds() > 500);
      seen.add(key);
    }
    assertEquals(expected, seen);
    Entry large = cache.keys(bytes("large")).iterator().next();
    assertEquals(500_000, large.size());
    assertNull(large.value());
    assertEquals(500_000, cache.entries(bytes("large")).iterator().next().value().length);
    assertEquals(20_001, cache.coldest(1_000_000).size());
    assertEquals(5, cache.hottest(5).size());
    Iterator<Entry> nothing = cache.keys(bytes("nothing")).iterator();
    assertFalse(nothing.hasNext());
    assertThrows(NoSuchElementException.class, nothing::next);
    assertEquals(20_000, cache.deleteMany(entries.stream().map(Entry::key).toList()));
  }

  @Test
  public void aBatchLargerThanItsArena() {
    List<byte[]> keys = new ArrayList<>();
    for (int i = 0; i < 300; i++) {
      keys.add(bytes("key " + i));
      cache.set(keys.get(i), new byte[2000 + i]);
    }
    cache.resetStats();
    List<byte[]> values = cache.getMany(keys);
    for (int i = 0; i < 300; i++) assertEquals(2000 + i, values.get(i).length);
    assertEquals(300, cache.stats().hits());
    assertEquals(List.of(), cache.getMany(List.of()));
  }

  @Test
  public void statisticsHaveEveryField() {
    List<String> names = new ArrayList<>();
    String name;
    while ((name = NativeCache.statsField(names.size())) != null) names.add(Runner.camel(name));
    List<String> components = new ArrayList<>();
    for (var component : Stats.class.getRecordComponents()) components.add(component.getName());
    Collections.sort(names);
    Collections.sort(components);
    assertEquals(names, components);
    cache.set("k", ALL);
    cache.get("k");
    cache.get("absent");
    assertEquals(0.5, cache.stats().hitRate(), 0);
    assertEquals(1, cache.window(Cache.NEVER).hits());
  }

  @Test
  public void auditsAndRemovals() {
    try (Cache other = Cache.builder().maxEntries(2).shards(1).reportRemovals(true)
        .manualClock(true).open()) {
      other.set("short", bytes("1"), Duration.ofSeconds(1));
      other.set("long", bytes("2"));
      other.advanceClock(Duration.ofSeconds(2));
      Audit audit = other.audit(ALL, EnumSet.of(Audit.Kind.EXPIRED), Duration.ZERO, Duration.ZERO);
      assertEquals(List.of(2L, 1L, 1L, 1L),
          List.of(audit.scanned(), audit.expired(), audit.removed(), audit.withoutExpiry()));
      Removal removal = other.takeRemovals().get(0);
      assertEquals(Removal.Cause.EXPIRED, removal.cause());
      assertArrayEquals(bytes("1"), removal.value());
      other.set("large", new byte[300_000]);
      other.delete("large");
      assertEquals(300_000, other.takeRemovals().get(0).value().length);
    }
  }
}
