// A server's pages, rendered once for all threads and all processes.
//
//     g++ -std=c++17 pages.cpp $(pkg-config --cflags --libs cachecore) -pthread
#include <unistd.h>

#include <cachecore.hpp>
#include <cstdio>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

static std::string render(const std::string &path) {
  std::cout << "rendering " << path << "\n";
  return "<h1>" + path + "</h1>";
}

int main() try {
  const std::string file = "/tmp/pages-" + std::to_string(getpid());
  cachecore::options options;
  options.max_bytes = 64 << 20;
  // Any process that opens the same path has the same cache.
  cachecore::cache pages = cachecore::cache::shared(file, options);

  for (int i = 0; i < 3; i++) {
    // One caller renders; the others wait.  For a minute after its time is up the
    // old page is served while one renders the next.
    std::string page = pages.get_or_compute(
        "/about", [] { return render("/about"); }, 5min, 1min);
    std::cout << page << "\n";
  }

  // The page has changed: what is being rendered from the old state is not stored.
  pages.erase("/about");

  // No copy: the bytes stay as they are while `lent` lives.
  pages.set("/logo", "\x89PNG...", cachecore::never);
  if (std::optional<cachecore::borrowed_value> lent = pages.acquire("/logo"))
    std::cout << "the logo has " << lent->size() << " bytes\n";

  cachecore_stats_t stats = pages.stats();
  std::cout << stats.hits << " hits, " << stats.misses << " misses\n";
  std::remove(file.c_str());
} catch (const cachecore::error &error) {
  std::cerr << error.what() << "\n";
  return 1;
}
