import static cachecore.Cache.bytes;
import static java.nio.charset.StandardCharsets.UTF_8;

import cachecore.Cache;
import cachecore.ComputeOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;

/**
 * One of several programs, in any languages, that share a cache by the path of its file: it reads
 * what another one stored, and computes what is missing, unless another one does.
 *
 * <pre>java -cp cachecore.jar example/Shared.java CACHE LOG</pre>
 *
 * <p>It appends its name to LOG when it computes.
 */
public final class Shared {
  private static final ComputeOptions MINUTE = ComputeOptions.DEFAULT.ttl(Duration.ofMinutes(1));

  private Shared() {}

  /**
   * Prints both values.
   *
   * @param arguments the file of the cache, and the log
   * @throws Exception if there is no such cache, or no log
   */
  public static void main(String[] arguments) throws Exception {
    Path log = Path.of(arguments[1]);
    try (Cache cache = Cache.builder().maxBytes(16 << 20).shared(Path.of(arguments[0])).open()) {
      System.out.println("greeting: " + new String(cache.get("greeting"), UTF_8));
      byte[] answer = cache.getOrCompute(bytes("answer"), key -> compute(log), MINUTE);
      System.out.println("answer: " + new String(answer, UTF_8));
    }
  }

  private static byte[] compute(Path log) throws Exception {
    Thread.sleep(200); // what is slow
    Files.writeString(log, "java\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    return bytes("computed by java");
  }
}
