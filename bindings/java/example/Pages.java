import static cachecore.Cache.bytes;

import cachecore.Cache;
import cachecore.ComputeOptions;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executors;

/**
 * A web server that renders each page once, together with the other processes that run it:
 *
 * <pre>java -cp cachecore.jar example/Pages.java 8080 /dev/shm/pages</pre>
 *
 * <p>When a page has expired, its old text is served for a minute more while it is rendered anew.
 */
public final class Pages {
  private static final ComputeOptions STALE =
      ComputeOptions.DEFAULT.ttl(Duration.ofSeconds(10)).stale(Duration.ofMinutes(1));

  private Pages() {}

  /**
   * Starts the server.
   *
   * @param arguments the port, and the file of the shared cache
   * @throws IOException if the port is taken
   */
  public static void main(String[] arguments) throws IOException {
    Cache pages = Cache.builder().maxBytes(64 << 20).shared(Path.of(arguments[1])).open();
    InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
    HttpServer server = HttpServer.create(address, 0);
    server.setExecutor(Executors.newFixedThreadPool(16));
    server.createContext("/", exchange -> answer(exchange, pages));
    server.start();
    Runtime.getRuntime().addShutdownHook(new Thread(pages::close));
    System.out.println("port " + server.getAddress().getPort());
  }

  private static void answer(HttpExchange exchange, Cache pages) throws IOException {
    String path = exchange.getRequestURI().getRawPath();
    try (exchange) {
      byte[] page = pages.getOrCompute(bytes(path), key -> render(path), STALE);
      exchange.getResponseHeaders().set("content-type", "text/html; charset=utf-8");
      exchange.sendResponseHeaders(200, page.length);
      exchange.getResponseBody().write(page);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  private static byte[] render(String path) throws InterruptedException {
    Thread.sleep(200); // a database, a template
    String page = "<h1>%s</h1><p>rendered by process %d</p>%n"
        .formatted(path, ProcessHandle.current().pid());
    return page.getBytes(StandardCharsets.UTF_8);
  }
}
