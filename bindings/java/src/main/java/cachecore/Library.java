package cachecore;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Finds and loads the native code: libcachecore_jni.so, and libcachecore.so.1, which it needs.
 *
 * <p>libcachecore_jni.so is the file of the system property {@code cachecore.jni}, and then nothing
 * else; otherwise the resource {@code cachecore/native/linux-x86_64/libcachecore_jni.so} of the jar;
 * otherwise what {@code java.library.path} has.
 *
 * <p>libcachecore.so.1 is the file of the property {@code cachecore.library}, or of the environment
 * variable {@code CACHECORE_LIBRARY}; otherwise a resource beside the other; otherwise what the
 * system's loader finds. It is loaded first: the loader takes a library that is there already
 * for one that is needed by the same name.
 */
final class Library {
  private static final String FOLDER = "/cachecore/native/linux-" + architecture() + "/";
  private static final String ENGINE = "libcachecore.so.1";
  private static final String JNI = "libcachecore_jni.so";

  private Library() {}

  static void load() {
    String engine = System.getProperty("cachecore.library", System.getenv("CACHECORE_LIBRARY"));
    String jni = System.getProperty("cachecore.jni");
    Path folder = null;
    try {
      if (engine == null && Library.class.getResource(FOLDER + ENGINE) != null) {
        folder = Files.createTempDirectory("cachecore");
        engine = extract(ENGINE, folder).toString();
      }
      if (jni == null && Library.class.getResource(FOLDER + JNI) != null) {
        if (folder == null) folder = Files.createTempDirectory("cachecore");
        jni = extract(JNI, folder).toString();
      }
      if (engine != null) System.load(Path.of(engine).toAbsolutePath().toString());
      if (jni != null) System.load(Path.of(jni).toAbsolutePath().toString());
      else System.loadLibrary("cachecore_jni");
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } finally {
      delete(folder); // What is loaded stays.
    }
  }

  private static String architecture() {
    String name = System.getProperty("os.arch");
    return name.equals("amd64") ? "x86_64" : name;
  }

  private static Path extract(String name, Path folder) throws IOException {
    Path file = folder.resolve(name);
    try (InputStream resource = Library.class.getResourceAsStream(FOLDER + name)) {
      Files.copy(resource, file);
    }
    return file;
  }

  private static void delete(Path folder) {
    if (folder == null) return;
    try {
      Files.deleteIfExists(folder.resolve(ENGINE));
      Files.deleteIfExists(folder.resolve(JNI));
      Files.deleteIfExists(folder);
    } catch (IOException error) {
      // A file too many in the system's folder for temporary ones.
    }
  }
}
