package cachecore;

import static cachecore.Cache.bytes;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNotEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarOutputStream;
import java.util.zip.ZipEntry;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** Virtual machines that share a cache, and how one finds its native code. */
public class ProcessesTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  /** What the other virtual machines do: KIND FILE. */
  public static final class Other {
    private Other() {}

    public static void main(String[] arguments) throws Exception {
      Path file = arguments.length > 1 ? Path.of(arguments[1]) : null;
      CacheBuilder builder = Cache.builder().maxEntries(1000);
      try (Cache cache = (file == null ? builder : builder.shared(file)).open()) {
        switch (arguments[0]) {
          case "compute" -> {
            byte[] value = cache.getOrCompute(bytes("k"), key -> {
              System.out.print("computed ");
              Thread.sleep(200);
              return bytes("by " + ProcessHandle.current().pid());
            });
            System.out.print(new String(value));
          }
          case "hang" -> cache.getOrCompute(bytes("k"), key -> {
            System.out.println("computing");
            Thread.sleep(1_000_000);
            return key;
          });
          case "exit" -> {
            cache.sweeper().start(Duration.ofMillis(1), true);
            for (int i = 0; i < 1000; i++) cache.set("k" + i, new byte[100], Duration.ofMillis(5));
            Thread reader = new Thread(() -> {
              while (true) cache.get("k1");
            });
            reader.setDaemon(true);
            reader.start();
            System.out.print("exiting");
            System.exit(0);
          }
          default -> System.out.print("opened");
        }
      }
    }
  }

  private static Process start(List<String> options, String path, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(
        List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xcheck:jni"));
    command.addAll(options);
    command.addAll(List.of("-cp", path, Other.class.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  private static Process start(String... arguments) throws IOException {
    return start(List.of(), System.getProperty("java.class.path"), arguments);
  }

  private static String output(Process process) throws Exception {
    String text = new String(process.getInputStream().readAllBytes());
    assertTrue(text, process.waitFor(60, TimeUnit.SECONDS));
    return text;
  }

  @Test
  public void oneProcessComputes() throws Exception {
    String file = folder.getRoot().toPath().resolve("cache").toString();
    List<Process> processes = new ArrayList<>();
    for (int i = 0; i < 3; i++) processes.add(start("compute", file));
    int computed = 0;
    Set<String> values = new HashSet<>();
    for (Process process : processes) {
      String text = output(process);
      assertEquals(text, 0, process.exitValue());
      if (text.startsWith("computed ")) computed++;
      values.add(text.replace("computed ", ""));
    }
    assertEquals(1, computed);
    assertEquals(values.toString(), 1, values.size());
  }

  @Test
  public void aProcessThatIsKilledGivesItsClaimUp() throws Exception {
    Path file = folder.getRoot().toPath().resolve("cache");
    try (Cache cache = Cache.builder().maxEntries(1000).shared(file).open()) {
      Process process = start("hang", file.toString());
      assertEquals("computing", process.inputReader().readLine());
      assertTrue(cache.getOrClaim(bytes("k")).claim().isEmpty());
      process.destroyForcibly();
      assertEquals("mine", new String(cache.getOrCompute(bytes("k"), key -> bytes("mine"))));
      process.waitFor();
    }
  }

  @Test
  public void aProcessEndsWithASweeperAndReaders() throws Exception {
    Path file = folder.getRoot().toPath().resolve("cache");
    for (int i = 0; i < 3; i++) {
      Process process = start("exit", file.toString());
      assertEquals("exiting", output(process));
      assertEquals(0, process.exitValue());
    }
    try (Cache cache = Cache.builder().maxEntries(1000).shared(file).open()) {
      assertEquals(1, cache.sharedInfo().processes());
      cache.set("k", bytes("v"));
    }
  }

  // ---- Finding the native code ----

  /** The classes alone, in a folder. */
  private String bareClasses() throws Exception {
    Path jar = Path.of(
        Cache.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path bare = folder.newFolder().toPath();
    try (var files = java.nio.file.FileSystems.newFileSystem(jar)) {
      for (Path file : Files.list(files.getPath("cachecore")).toList()) {
        if (!file.toString().endsWith(".class")) continue;
        Path copy = bare.resolve("cachecore").resolve(file.getFileName().toString());
        Files.createDirectories(copy.getParent());
        Files.copy(file, copy);
      }
    }
    String all = System.getProperty("java.class.path");
    return bare + ":" + all.replace(jar + ":", "");
  }

  @Test
  public void theNativeCodeIsFound() throws Exception {
    String bare = bareClasses();
    String jni = Path.of(System.getenv("CACHECORE_BUILD"), "libcachecore_jni.so").toString();
    String library = System.getenv("CACHECORE_LIBRARY");
    assertEquals("opened", output(start(List.of("-Dcachecore.jni=" + jni), bare, "open")));
    assertEquals("opened", output(start(
        List.of("-Djava.library.path=" + Path.of(jni).getParent()), bare, "open")));
    assertEquals("opened", output(start(
        List.of("-Dcachecore.library=" + library), System.getProperty("java.class.path"), "open")));
    Process without = start(List.of(), bare, "open");
    String text = output(without);
    assertTrue(text, text.contains("no cachecore_jni in java.library.path"));
    Process wrong = start(List.of("-Dcachecore.library=/nowhere/libcachecore.so"),
        System.getProperty("java.class.path"), "open");
    text = output(wrong);
    assertTrue(text, text.contains("/nowhere/libcachecore.so"));
    assertNotEquals(0, wrong.exitValue());
  }

  /** A jar that has the library in it needs nothing else. */
  @Test
  public void aJarThatHasTheLibraryInIt() throws Exception {
    Path jar = folder.getRoot().toPath().resolve("native.jar");
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
      String place = "cachecore/native/linux-x86_64/";
      out.putNextEntry(new ZipEntry(place + "libcachecore.so.1"));
      out.write(Files.readAllBytes(Path.of(System.getenv("CACHECORE_LIBRARY"))));
      out.putNextEntry(new ZipEntry(place + "libcachecore_jni.so"));
      out.write(Files.readAllBytes(Path.of(System.getenv("CACHECORE_BUILD"), "libcachecore_jni.so")));
    }
    ProcessBuilder builder = new ProcessBuilder(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
        jar + ":" + bareClasses(), Other.class.getName(), "open");
    Map<String, String> environment = builder.environment();
    environment.remove("CACHECORE_LIBRARY");
    environment.remove("LD_LIBRARY_PATH");
    assertEquals("opened", output(builder.redirectErrorStream(true).start()));
  }
}
