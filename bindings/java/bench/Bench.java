import cachecore.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a call costs, beside the caches that people of Java use: bench.sh runs it.
 *
 * <p>Caffeine is Debian's package libcaffeine-java; the maps are the language's own. They are objects of
 * one process, and hand out references. Rounds of all rows are interleaved and short; what is
 * printed is the fastest, in nanoseconds an operation: other work on the machine can only make a
 * round slower.
 */
public final class Bench {
  private static final int ENTRIES = 10_000;
  private static final int BATCH = 50;
  private static final int OPERATIONS = 1_000;

  private interface Operation {
    long run(int i);
  }

  private record Row(String name, int each, Operation operation) {}

  private Bench() {}

  /** A map in a lock that forgets what was used longest ago. */
  private static Map<String, byte[]> synchronizedLru() {
    return Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
      private static final long serialVersionUID = 1;

      @Override
      protected boolean removeEldestEntry(Map.Entry<String, byte[]> eldest) {
        return size() > 2 * ENTRIES;
      }
    });
  }

  /**
   * Measures.
   *
   * @param arguments the number of rounds
   * @throws Exception if something fails
   */
  public static void main(String[] arguments) throws Exception {
    int rounds = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 1500;
    Path folder = Files.createTempDirectory(Path.of("/dev/shm"), "bench");
    Random random = new Random(1);
    String[] names = new String[ENTRIES];
    byte[][] keys = new byte[ENTRIES][];
    ByteBuffer[] direct = new ByteBuffer[ENTRIES];
    byte[] value = new byte[100];
    for (int i = 0; i < ENTRIES; i++) {
      names[i] = String.format("user:profile:%06d", i);
      keys[i] = names[i].getBytes(StandardCharsets.UTF_8);
      direct[i] = ByteBuffer.allocateDirect(keys[i].length).put(keys[i]).flip();
    }
    int[] order = random.ints(1 << 16, 0, ENTRIES).toArray();
    List<List<byte[]>> batches = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      List<byte[]> batch = new ArrayList<>();
      for (int k = 0; k < BATCH; k++) batch.add(keys[order[i * BATCH + k]]);
      batches.add(batch);
    }
    Map<String, byte[]> lru = synchronizedLru();
    Map<String, byte[]> map = new ConcurrentHashMap<>();
    com.github.benmanes.caffeine.cache.Cache<String, byte[]> caffeine =
        Caffeine.newBuilder().maximumSize(2 * ENTRIES).build();
    try (Cache cache = Cache.builder().maxEntries(2 * ENTRIES).open();
        Cache shared = Cache.builder().maxEntries(2 * ENTRIES).shared(folder.resolve("c")).open()) {
      for (int i = 0; i < ENTRIES; i++) {
        lru.put(names[i], value);
        map.put(names[i], value);
        caffeine.put(names[i], value);
        cache.set(keys[i], value);
        shared.set(keys[i], value);
      }
      byte[] into = new byte[256];
      ByteBuffer intoDirect = ByteBuffer.allocateDirect(256);
      ByteBuffer valueDirect = ByteBuffer.allocateDirect(100);
      Duration ttl = Duration.ofHours(1);
      List<Row> rows = List.of(
          new Row("a call that does nothing (isClosed)", 1, i -> cache.isClosed() ? 1 : 0),
          new Row("get: ConcurrentHashMap", 1, i -> map.get(names[i]).length),
          new Row("get: Caffeine", 1, i -> caffeine.getIfPresent(names[i]).length),
          new Row("get: synchronized LinkedHashMap", 1, i -> lru.get(names[i]).length),
          new Row("get: cachecore, into a byte[]", 1, i -> cache.get(keys[i], into)),
          new Row("get: cachecore, a new byte[]", 1, i -> cache.get(keys[i]).length),
          new Row("get: cachecore, a String key", 1, i -> cache.get(names[i]).length),
          new Row("get: cachecore, direct buffers", 1,
              i -> cache.get(direct[i], intoDirect.clear())),
          new Row("get: cachecore, a new byte[], shared", 1, i -> shared.get(keys[i]).length),
          new Row("set: ConcurrentHashMap", 1, i -> map.put(names[i], value).length),
          new Row("set: Caffeine", 1, i -> {
            caffeine.put(names[i], value);
            return 1;
          }),
          new Row("set: synchronized LinkedHashMap", 1, i -> lru.put(names[i], value).length),
          new Row("set: cachecore, arrays", 1, i -> {
            cache.set(keys[i], value);
            return 1;
          }),
          new Row("set: cachecore, arrays and a ttl", 1, i -> {
            cache.set(keys[i], value, ttl);
            return 1;
          }),
          new Row("set: cachecore, direct buffers", 1, i -> {
            cache.set(direct[i], valueDirect, null);
            return 1;
          }),
          new Row("set: cachecore, arrays, shared", 1, i -> {
            shared.set(keys[i], value);
            return 1;
          }),
          new Row(BATCH + " at once, each: cachecore getMany", BATCH,
              i -> cache.getMany(batches.get(i & 63)).size()));
      report(rows, measure(rows, order, rounds));
    }
    Files.delete(folder.resolve("c"));
    Files.delete(folder);
  }

  private static double[] measure(List<Row> rows, int[] order, int rounds) {
    double[] fastest = new double[rows.size()];
    Arrays.fill(fastest, Double.MAX_VALUE);
    long sink = 0;
    for (int round = 0; round < rounds; round++) {
      for (int row = 0; row < rows.size(); row++) {
        Operation operation = rows.get(row).operation;
        int count = OPERATIONS / rows.get(row).each;
        int at = (round * rows.size() + row) * 9973; // no row finds what the one before it has read
        long start = System.nanoTime();
        for (int i = 0; i < count; i++) sink += operation.run(order[(at + i) & 0xffff]);
        double ns = (double) (System.nanoTime() - start) / count / rows.get(row).each;
        fastest[row] = Math.min(fastest[row], ns);
      }
    }
    if (sink == 42) System.out.println(sink); // so that nothing is left out
    return fastest;
  }

  private static void report(List<Row> rows, double[] fastest) {
    double base = fastest[2];
    System.out.printf("Java %s, %d entries of 19 + 100 bytes%n%n| what | ns | Caffeine get = 1 |%n"
        + "|---|---:|---:|%n", Runtime.version(), ENTRIES);
    for (int row = 0; row < rows.size(); row++) {
      System.out.printf(
          "| %s | %.0f | %.1f |%n", rows.get(row).name, fastest[row], fastest[row] / base);
    }
  }
}
