// One of several programs, in any languages, that share a cache by the path of its
// file: it reads what another one stored, and computes what is missing, unless
// another one does.
//
//     shared CACHE LOG
//
// It appends its name to LOG when it computes.
#include <cachecore.hpp>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;

int main(int argc, char **argv) try {
  if (argc != 3) return std::cerr << "shared CACHE LOG\n", 2;
  cachecore::options options;
  options.max_bytes = 16 << 20;
  cachecore::cache cache = cachecore::cache::shared(argv[1], options);

  if (auto greeting = cache.get("greeting"))
    std::cout << "greeting: " << *greeting << "\n";

  auto compute = [&] {
    std::this_thread::sleep_for(200ms); // what is slow
    std::ofstream(argv[2], std::ios::app) << "cpp\n";
    return "computed by cpp";
  };
  std::cout << "answer: " << cache.get_or_compute("answer", compute, 1min) << "\n";
} catch (const cachecore::error &error) {
  std::cerr << error.what() << "\n";
  return 1;
}
