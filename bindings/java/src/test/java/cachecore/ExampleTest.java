package cachecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;

/** The example does what it says: two processes render a page once. */
public class ExampleTest {
  @Rule public final TemporaryFolder folder = new TemporaryFolder();

  @Test
  public void twoProcessesRenderAPageOnce() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String file = folder.getRoot().toPath().resolve("pages").toString();
    List<Process> processes = new ArrayList<>();
    try {
      List<Integer> ports = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        Process process = new ProcessBuilder(
            java, "-cp", System.getProperty("java.class.path"), "Pages", "0", file)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        processes.add(process);
        String line = String.valueOf(process.inputReader().readLine());
        assertTrue(line, line.startsWith("port "));
        ports.add(Integer.valueOf(line.substring(5)));
      }
      HttpClient client = HttpClient.newHttpClient();
      List<CompletableFuture<String>> answers = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        URI page = URI.create("http://127.0.0.1:" + ports.get(i % 2) + "/news");
        HttpRequest request = HttpRequest.newBuilder(page).build();
        answers.add(client.sendAsync(request, BodyHandlers.ofString()).thenApply(r -> r.body()));
      }
      Set<String> pages = new HashSet<>();
      for (CompletableFuture<String> answer : answers) pages.add(answer.get());
      assertEquals(pages.toString(), 1, pages.size());
      assertTrue(pages.toString(), pages.iterator().next().startsWith("<h1>/news</h1>"));
    } finally {
      processes.forEach(Process::destroy);
    }
  }
}
