// The cache beside what a C++ program would write: an unordered_map in a mutex, which has
// neither a bound nor lifetimes.
//
//     bench.cpp: g++ -std=c++17 -O2
//
// Prints nanoseconds of CPU time an operation, the median of 25 rounds; all of them in one
// run, in turns.  10,000 keys of 16 bytes, values of 64, hits alone.
#include <algorithm>
#include <cachecore.hpp>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

static const int KEYS = 10'000, OPERATIONS = 50'000, ROUNDS = 25, BATCH = 50;

class locked_map {
 public:
  bool get(const std::string &key, std::string &value) {
    std::lock_guard<std::mutex> guard(mutex_);
    auto found = map_.find(key);
    if (found == map_.end()) return false;
    value = found->second;
    return true;
  }
  void set(const std::string &key, const std::string &value) {
    std::lock_guard<std::mutex> guard(mutex_);
    map_[key] = value;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> map_;
};

int main() {
  std::vector<std::string> keys;
  for (int i = 0; i < KEYS; i++) {
    char key[17];
    std::snprintf(key, sizeof key, "key-%012d", i);
    keys.emplace_back(key);
  }
  const std::string value(64, 'v');
  cachecore::options options;
  options.max_entries = 2 * KEYS;
  cachecore::cache cache(options);
  locked_map map;
  for (const std::string &key : keys) {
    cache.set(key, value, std::chrono::hours(1));
    map.set(key, value);
  }

  std::size_t sum = 0;
  unsigned random = 1;
  auto next = [&]() -> const std::string & {
    random = random * 1664525 + 1013904223;
    return keys[(random >> 8) % KEYS];
  };
  auto each = [](auto operation) {
    return [operation] {
      for (int i = 0; i < OPERATIONS; i++) operation();
    };
  };
  std::string copy;
  char buffer[256];
  std::vector<std::string_view> batch(BATCH);
  const std::vector<std::pair<const char *, std::function<void()>>> cases{
      {"unordered_map: get", each([&] { sum += map.get(next(), copy); })},
      {"cachecore: get", each([&] { sum += cache.get(next())->size(); })},
      {"cachecore: get_into", each([&] { sum += *cache.get_into(next(), buffer, sizeof buffer); })},
      {"cachecore: acquire", each([&] { sum += cache.acquire(next())->size(); })},
      {"cachecore: get_many of 50, a key",
       [&] {
         for (int i = 0; i < OPERATIONS / BATCH; i++) {
           for (std::string_view &key : batch) key = next();
           sum += cache.get_many(batch).size();
         }
       }},
      {"unordered_map: set", each([&] { map.set(next(), value); })},
      {"cachecore: set", each([&] { cache.set(next(), value, std::chrono::hours(1)); })}};

  std::vector<std::vector<double>> times(cases.size());
  for (int round = 0; round < ROUNDS; round++)
    for (std::size_t i = 0; i < cases.size(); i++) {
      std::clock_t begin = std::clock();
      cases[i].second();
      double taken = double(std::clock() - begin) / CLOCKS_PER_SEC;
      times[i].push_back(1e9 * taken / OPERATIONS);
    }
  for (std::size_t i = 0; i < cases.size(); i++) {
    std::nth_element(times[i].begin(), times[i].begin() + ROUNDS / 2, times[i].end());
    std::printf("%-36s %7.1f ns\n", cases[i].first, times[i][ROUNDS / 2]);
  }
  return sum == 0;
}
