// What only C++ can get wrong: moves, ends of life, exceptions, conversions.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cachecore.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>
#include <unordered_map>

using namespace std::chrono_literals;
using cachecore::answer;
using cachecore::borrowed_value;
using cachecore::cache;
using cachecore::errc;
using cachecore::lifetime;

static cache small(bool manual_clock = true) {
  cachecore::options options;
  options.max_entries = 1000;
  options.manual_clock = manual_clock;
  return cache(options);
}

/// The code of what `call` throws.
template <class Call> static std::error_code thrown(Call &&call) {
  try {
    call();
  } catch (const cachecore::error &error) {
    return error.code();
  }
  return {};
}

TEST_CASE("errors are codes of the category and of the standard library") {
  std::error_code code = errc::full;
  CHECK(code.category() == cachecore::category());
  CHECK(code.message() == "the cache is full and must not evict");
  CHECK(std::error_code(errc::argument) == std::errc::invalid_argument);
  CHECK(std::error_code(errc::timeout) == std::errc::timed_out);
  CHECK(std::error_code(errc::access) == std::errc::permission_denied);
  CHECK(thrown([] { cache c{cachecore::options()}; }) == errc::argument);
  try {
    cache c{cachecore::options()};
    FAIL("a cache without a bound");
  } catch (const std::system_error &error) {  // the sentence that names the option
    CHECK(std::string(error.what()).find("max_entries") != std::string::npos);
  }
}

TEST_CASE("a moved-from cache and a closed one answer with an error") {
  cache first = small();
  first.set("k", "v");
  cache second = std::move(first);
  CHECK(thrown([&] { first.get("k"); }) == errc::argument);  // it has none
  CHECK(second.get("k") == "v");
  second.close();
  second.close();
  CHECK(thrown([&] { second.get("k"); }) == errc::state);
  second = small();
  CHECK(!second.get("k"));
  cache &same = second;
  second = std::move(same);
  CHECK(second.count() == 0);
  static_assert(!std::is_copy_constructible_v<cache>);
  static_assert(std::is_nothrow_move_constructible_v<cache>);
}

TEST_CASE("a borrowed value outlives its entry, its cache and its scope") {
  static_assert(!std::is_copy_constructible_v<borrowed_value>);
  static_assert(std::is_nothrow_move_constructible_v<borrowed_value>);
  borrowed_value kept;
  CHECK(kept.view().empty());
  {
    cache c = small();
    c.set("k", std::string(10000, 'x'));
    std::optional<borrowed_value> lent = c.acquire("k");
    REQUIRE(lent);
    c.erase("k");
    kept = std::move(*lent);
    CHECK(lent->view().empty());
    borrowed_value &same = kept;
    kept = std::move(same);
    CHECK(kept.size() == 10000);
  }
  CHECK(kept.view() == std::string(10000, 'x'));
#ifdef CACHECORE_HAS_SPAN
  CHECK(kept.bytes().size() == 10000);
#endif
  std::thread([value = std::move(kept)]() mutable { value.release(); }).join();
  CHECK(kept.view().empty());
}

TEST_CASE("a value may be set from one that is borrowed") {
  cache c = small();
  c.set("k", "value");
  std::optional<borrowed_value> lent = c.acquire("k");
  c.set("k", lent->view().substr(1));
  CHECK(c.get("k") == "alue");
  CHECK(lent->view() == "value");
}

TEST_CASE("lifetimes are durations, rounded up, or words") {
  CHECK(lifetime(5min).ms() == 300000);
  CHECK(lifetime(1us).ms() == 1);
  CHECK(lifetime(std::chrono::duration<double>(0.0015)).ms() == 2);
  CHECK(lifetime(std::chrono::hours::max()) != cachecore::never);
  CHECK(lifetime(std::chrono::hours::max()).ms() > lifetime(24h * 365 * 34).ms());
  CHECK(thrown([] { lifetime zero(0s); }) == errc::argument);
  CHECK(thrown([] { lifetime negative(-1s); }) == errc::argument);
  cache c = small();
  c.set("k", "v", cachecore::never);
  CHECK(c.ttl("k") == cachecore::forever);
  c.set("k", "v", 2s);
  c.advance_clock(500ms);
  c.replace("k", "w", cachecore::keep);
  CHECK(c.ttl("k") == 1500ms);
  c.set_until("k", "v", std::chrono::system_clock::now() - 1s);
  CHECK(!c.contains("k"));
}

TEST_CASE("values of every size are read once") {
  cache c = small();
  for (std::size_t size : {0u, 1u, 511u, 512u, 513u, 100'000u}) {
    std::string value(size, 'v');
    c.set("k", value);
    c.reset_stats();
    CHECK(c.get("k") == value);
    CHECK(c.peek("k") == value);
    CHECK(c.get_with_info("k")->value == value);
    CHECK(c.get_many({"k"})[0] == value);
    CHECK(c.get_or_claim("k").value == value);
    CHECK(c.stats().hits == 4);
    CHECK(c.stats().misses == 0);
  }
  char buffer[4];
  CHECK(c.get_into("k", buffer, 4) == 100'000);
  CHECK(!c.get_into("other", buffer, 4));
  c.set("k", "abc");
  CHECK(c.get_into("k", buffer, 4) == 3);
#ifdef CACHECORE_HAS_SPAN
  std::byte bytes[3];
  CHECK(c.get_into("k", bytes) == 3);
  CHECK(bytes[2] == std::byte{'c'});
#endif
}

TEST_CASE("batches take what C++ programs have") {
  cache c = small();
  std::map<std::string, std::string> sorted{{"a", "1"}, {"b", ""}};
  std::unordered_map<std::string, std::string> hashed{{"c", std::string(1000, 'c')}};
  c.set_many(sorted);
  c.set_many(hashed, 1s);
  c.set_many({{"d", "4"}});
  CHECK(c.ttl("c") == 1000ms);
  std::vector<std::string> names{"a", "no", "c", "b", "d"};
  cachecore::values found = c.get_many(names);
  REQUIRE(found.size() == 5);
  CHECK(found[0] == "1");
  CHECK(!found[1]);
  CHECK(found[2] == std::string(1000, 'c'));
  CHECK(found[3] == "");
  CHECK(found[4] == "4");
  CHECK(c.get_many({}).empty());
  CHECK(c.erase_many({"a", "no"}) == 1);
  CHECK(thrown([&] { c.get_many({"a", ""}); }) == errc::argument);
  CHECK(thrown([&] { c.set_many({{"e", "5"}, {"", "6"}}); }) == errc::argument);
  CHECK(c.get("e") == "5");  // every element is attempted
}

TEST_CASE("a refused value is an error, also in a batch") {
  cachecore::options options;
  options.max_bytes = 65536;
  options.shard_count = 1;
  cache c(options);
  std::string large(200'000, 'x');
  CHECK(thrown([&] { c.set("k", large); }) == errc::refused);
  CHECK(thrown([&] { c.set_many({{"k", large}}); }) == errc::refused);
}

TEST_CASE("one thread computes for all") {
  cache c = small(false);
  std::atomic<int> computed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&] {
      std::string value = c.get_or_compute("k", [&] {
        std::this_thread::sleep_for(30ms);
        computed++;
        return "value";
      });
      if (value != "value") computed += 100;
    });
  for (std::thread &thread : threads) thread.join();
  CHECK(computed == 1);
}

TEST_CASE("what is thrown while computing passes, and the next one computes") {
  cache c = small();
  CHECK_THROWS_AS(c.get_or_compute("k", []() -> std::string { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(c.get_or_compute("k", [] { return std::string("second"); }, 1s) == "second");
  CHECK(c.get("k") == "second");
}

TEST_CASE("a value that is not there is computed once, too") {
  cache c = small();
  int asked = 0;
  auto look = [&]() -> std::optional<std::string> { return asked++, std::nullopt; };
  CHECK(!c.get_or_compute("k", look, 1s));
  CHECK(!c.get_or_compute("k", look, 1s));
  CHECK(asked == 1);
  // Who knows a value all the same has it, and it is not stored over the absence.
  CHECK(c.get_or_compute("k", [] { return "value"; }, 1s) == "value");
  CHECK(!c.get("k"));
  c.advance_clock(1s);
  CHECK(!c.get_or_compute("k", look, 1s));
  CHECK(asked == 2);
}

TEST_CASE("stale values are served while one computes") {
  cache c = small();
  c.get_or_compute("k", [] { return "old"; }, 1s, 10s);
  c.advance_clock(1s);
  answer elected = c.get_or_claim("k");
  CHECK(elected.what == answer::kind::stale);
  CHECK(elected.claim.held());
  CHECK(c.get_or_compute("k", [] { return "never called"; }) == "old");
  CHECK(elected.claim.fulfill("new", 1s));
  CHECK(c.get("k") == "new");
}

TEST_CASE("a claim that is dropped is abandoned; one that is moved is not") {
  cache c = small();
  {
    answer asked = c.get_or_claim("k");
    CHECK(asked.what == answer::kind::claimed);
    cachecore::claim moved = std::move(asked.claim);
    CHECK(!asked.claim.held());
    CHECK(moved.held());
    CHECK(c.get_or_claim("k").what == answer::kind::pending);
  }
  answer next = c.get_or_claim("k");
  CHECK(next.what == answer::kind::claimed);
  next.claim = c.get_or_claim("other").claim;  // the first is abandoned
  CHECK(c.get_or_claim("k").what == answer::kind::claimed);
  CHECK(next.claim.fulfill("v"));
  CHECK(!next.claim.fulfill("again"));
}

TEST_CASE("a cache that another process filled") {
  std::string path = (std::filesystem::temp_directory_path() /
                      ("cachecore-cpp-" + std::to_string(getpid()))).string();
  cachecore::options options;
  options.max_entries = 1000;
  cache mine = cache::shared(path, options);
  pid_t child = fork();
  if (child == 0) {
    int status = 1;
    try {
      cache theirs = cache::shared(path, options);
      theirs.set("from", "child");
      status = theirs.get_or_compute("once", [] { return "computed"; }) == "computed" ? 0 : 2;
    } catch (...) {
    }
    _exit(status);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(mine.get("from") == "child");
  CHECK(mine.get_or_compute("once", [] { return "again"; }) == "computed");
  CHECK(mine.shared_info().processes == 1);
  std::filesystem::remove(path);
}

TEST_CASE("a callback may use the cache and may throw") {
  cache c = small();
  for (int i = 0; i < 100; i++) c.set("k" + std::to_string(i), "v");
  std::size_t seen = 0;
  c.for_each("k", [&](std::string_view key, std::string_view, std::chrono::milliseconds) {
    c.erase(key);
    seen++;
  });
  CHECK(seen == 100);
  CHECK(c.count() == 0);
  c.set("k", "v");
  CHECK_THROWS_AS(c.for_each("", [](auto...) { throw 1; }), int);
  CHECK(c.get("k") == "v");
}

TEST_CASE("a list of many keys is whole") {
  cachecore::options options;
  options.max_entries = 20000;
  options.manual_clock = true;
  cache c(options);
  for (int i = 0; i < 10000; i++) c.set("a rather long key of a program " + std::to_string(i), "v");
  CHECK(c.coldest(100000).size() == 10000);
  CHECK(c.hottest(7).size() == 7);
  CHECK(c.scan().size() == 10000);
}
