/** @file cache.hpp  The cache. */
#ifndef CACHECORE_CACHE_HPP
#define CACHECORE_CACHE_HPP

#include <cachecore.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "batch.hpp"
#include "claim.hpp"
#include "entry.hpp"
#include "error.hpp"
#include "lifetime.hpp"
#include "listing.hpp"
#include "options.hpp"
#include "reading.hpp"
#include "sweeper.hpp"
#include "value.hpp"

namespace cachecore {

namespace detail {
template <class T> struct is_optional : std::false_type {};
template <class T> struct is_optional<std::optional<T>> : std::true_type {};
}  // namespace detail

/** A cache, private to the process or shared by path; see cachecore.hpp. */
class cache {
 public:
  /** Opens a private cache, and starts no thread. */
  explicit cache(const options &with) {
    cachecore_options_t native = detail::native(with);
    opened(cachecore_open(&native, &cache_));
  }

  /** Makes a shared cache, or attaches to it, by the path of its file. */
  static cache shared(const std::string &path, const options &with) {
    shared_options how;
    how.path = path;
    return shared(how, with);
  }

  /** The same with more said. */
  static cache shared(const shared_options &how, const options &with) {
    cachecore_options_t native = detail::native(with);
    cachecore_shared_options_t sharing = CACHECORE_SHARED_OPTIONS_INIT;
    sharing.flags = how.how;
    sharing.path = how.path.empty() ? nullptr : how.path.c_str();
    sharing.fd = how.fd;
    sharing.max_processes = how.max_processes;
    cache made;
    made.opened(cachecore_open_shared(&native, &sharing, &made.cache_));
    return made;
  }

  cache(cache &&other) noexcept : cache_(std::exchange(other.cache_, nullptr)) {}
  cache &operator=(cache &&other) noexcept {
    if (this != &other) {
      close();
      cache_ = std::exchange(other.cache_, nullptr);
    }
    return *this;
  }
  cache(const cache &) = delete;
  cache &operator=(const cache &) = delete;
  ~cache() { cachecore_close(cache_); }

  /** Closes the cache: calls that follow are errc::state.  Borrowed values stay
   * readable.  Of a shared cache the entries stay. */
  void close() noexcept { cachecore_close(cache_); }

  /** The handle, for functions of cachecore.h that are not here. */
  cachecore_t *handle() const noexcept { return cache_; }

  // -- Reading ---------------------------------------------------------------

  /** A copy of the value; empty for a miss. */
  std::optional<std::string> get(std::string_view key) const {
    return read(cachecore_get, key, "cachecore_get");
  }

  /** As `get`, counted as nothing. */
  std::optional<std::string> peek(std::string_view key) const {
    return read(cachecore_peek, key, "cachecore_peek");
  }

  /** Copies the value into a buffer; its size, or empty for a miss.  A value
   * that is larger than the buffer is not copied: its size says so. */
  std::optional<std::size_t> get_into(std::string_view key, void *buffer,
                                      std::size_t capacity) const {
    std::size_t size;
    cachecore_status_t status = cachecore_get(cache_, key.data(), key.size(),
                                              buffer, capacity, &size);
    if (status == CACHECORE_OK || status == CACHECORE_E_TOO_SMALL) return size;
    detail::check(status, "cachecore_get");
    return std::nullopt;
  }

#ifdef CACHECORE_HAS_SPAN
  /** The same. */
  std::optional<std::size_t> get_into(std::string_view key,
                                      std::span<std::byte> buffer) const {
    return get_into(key, buffer.data(), buffer.size());
  }
#endif

  /** Lends the value without a copy; empty for a miss. */
  std::optional<borrowed_value> acquire(std::string_view key) const {
    cachecore_value_t value;
    if (is_miss(cachecore_acquire(cache_, key.data(), key.size(), &value),
                "cachecore_acquire"))
      return std::nullopt;
    return borrowed_value(value);
  }

  bool contains(std::string_view key) const {
    return !is_miss(cachecore_contains(cache_, key.data(), key.size()),
                    "cachecore_contains");
  }

  /** The time left to live, `forever` without an end; empty for a miss. */
  std::optional<std::chrono::milliseconds> ttl(std::string_view key) const {
    std::int64_t left;
    if (is_miss(cachecore_ttl(cache_, key.data(), key.size(), &left),
                "cachecore_ttl"))
      return std::nullopt;
    return detail::time_left(left);
  }

  std::optional<entry_info> inspect(std::string_view key) const {
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    if (is_miss(cachecore_inspect(cache_, key.data(), key.size(), &info),
                "cachecore_inspect"))
      return std::nullopt;
    return told(info);
  }

  /** The value with its version, for compare_and_set. */
  std::optional<found> get_with_info(std::string_view key) const {
    cachecore_entry_info_t info = CACHECORE_ENTRY_INFO_INIT;
    std::optional<std::string> value = detail::copy(
        [&](char *buffer, std::size_t capacity, std::size_t *size) {
          return cachecore_get_with_info(cache_, key.data(), key.size(), buffer,
                                         capacity, size, &info);
        },
        [&](std::size_t size) { return peek_with_info(key, size, info); },
        "cachecore_get_with_info");
    if (!value) return std::nullopt;
    return found{std::move(*value), told(info)};
  }

  // -- Writing ---------------------------------------------------------------

  /** Stores the value, or replaces the one that is there. */
  void set(std::string_view key, std::string_view value,
           lifetime ttl = by_default) {
    detail::check(cachecore_set(cache_, key.data(), key.size(), value.data(),
                                value.size(), ttl.ms()),
                  "cachecore_set");
  }

  /** The same, up to a point of the wall clock. */
  void set_until(std::string_view key, std::string_view value,
                 std::chrono::system_clock::time_point deadline) {
    using namespace std::chrono;
    auto ms = duration_cast<milliseconds>(deadline.time_since_epoch()).count();
    detail::check(cachecore_set_until(cache_, key.data(), key.size(),
                                      value.data(), value.size(), ms),
                  "cachecore_set_until");
  }

  /** As `set`, if there is no live entry; whether it was stored. */
  bool add(std::string_view key, std::string_view value,
           lifetime ttl = by_default) {
    return detail::check(
               cachecore_add(cache_, key.data(), key.size(), value.data(),
                             value.size(), ttl.ms()),
               "cachecore_add") == CACHECORE_OK;
  }

  /** As `set`, if there is a live entry; whether it was stored. */
  bool replace(std::string_view key, std::string_view value,
               lifetime ttl = by_default) {
    return !is_miss(cachecore_replace(cache_, key.data(), key.size(),
                                      value.data(), value.size(), ttl.ms()),
                    "cachecore_replace");
  }

  /** As `set`, if the entry still has the version that get_with_info told. */
  exchanged compare_and_set(std::string_view key, std::string_view value,
                            std::uint64_t version, lifetime ttl = by_default) {
    return static_cast<exchanged>(detail::check(
        cachecore_compare_and_set(cache_, key.data(), key.size(), value.data(),
                                  value.size(), version, ttl.ms()),
        "cachecore_compare_and_set"));
  }

  /** Removes the entry; whether it was live. */
  bool erase(std::string_view key) {
    return !is_miss(cachecore_delete(cache_, key.data(), key.size()),
                    "cachecore_delete");
  }

  /** Gives a live entry a new lifetime; whether there was one. */
  bool touch(std::string_view key, lifetime ttl = by_default) {
    return !is_miss(
        cachecore_touch(cache_, key.data(), key.size(), ttl.ms()),
        "cachecore_touch");
  }

  /** Adds to a decimal number in text; an absent one begins as `initial`. */
  std::int64_t increment(std::string_view key, std::int64_t delta,
                         std::int64_t initial, lifetime ttl = by_default) {
    std::int64_t sum;
    detail::check(cachecore_increment(cache_, key.data(), key.size(), delta,
                                      initial, ttl.ms(), &sum),
                  "cachecore_increment");
    return sum;
  }

  // -- Many at once ----------------------------------------------------------

  /** The values of all keys; a view of those of a container of string views,
   * in its order. */
  values get_many(const keys &wanted) const {
    return detail::get_many(cache_, wanted);
  }

  /** Stores all pairs in order.  Every one is attempted; what could not be
   * stored is thrown, by the first error. */
  void set_many(const entries &pairs, lifetime ttl = by_default) {
    detail::set_many(cache_, pairs, ttl);
  }

  /** How many of the entries that it removed were live. */
  std::uint64_t erase_many(const keys &unwanted) {
    return detail::erase_many(cache_, unwanted);
  }

  // -- Who computes ----------------------------------------------------------

  /** As `get`; but of all who find nothing one is given the claim.  `early`: one
   * is to compute a fresh value anew a little before its deadline.  `claim_for`:
   * the claim is void after so long; 0: 30 s. */
  answer get_or_claim(std::string_view key, bool early = false,
                      std::chrono::milliseconds claim_for = {}) const {
    claim asked(cache_, key);
    asked.state_.flags = early ? std::uint32_t{CACHECORE_CLAIM_EARLY} : 0;
    asked.state_.claim_ms = detail::span_ms(claim_for);
    cachecore_status_t status = CACHECORE_OK;
    auto ask = [&](char *buffer, std::size_t capacity, std::size_t *size) {
      return status = cachecore_get_or_claim(cache_, key.data(), key.size(),
                                             buffer, capacity, size,
                                             &asked.state_);
    };
    std::optional<std::string> value = detail::copy(
        ask,
        [&](std::size_t size) {
          std::optional<std::string> large;
          if (!early) // if it is fresh it has been counted
            large = detail::peek_large(cache_, key, size, "cachecore_peek");
          if (large) status = CACHECORE_OK;
          else large = ask_again(ask, size, status);
          return large;
        },
        "cachecore_get_or_claim");
    return {static_cast<answer::kind>(status), std::move(value),
            std::move(asked)};
  }

  /**
   * The value, computed by `compute()` if there is none: by one caller among all
   * threads and processes, for whom the others wait, or are served what is
   * stale.  `compute` returns what can be a std::string; or a std::optional of
   * that, in which empty says that there is no value, and this returns one, too.
   * What it throws is passed on, and the next caller computes.  A value that is
   * invalidated while it is computed is returned and not stored.
   */
  template <class Compute>
  auto get_or_compute(std::string_view key, Compute &&compute,
                      lifetime ttl = by_default,
                      std::chrono::milliseconds stale = {}) {
    using result = std::decay_t<std::invoke_result_t<Compute &>>;
    constexpr bool may_be_absent = detail::is_optional<result>::value;
    using returned = std::conditional_t<may_be_absent,
                                        std::optional<std::string>, std::string>;
    for (;;) {
      answer asked = get_or_claim(key);
      if (asked.what == answer::kind::pending) {
        asked.claim.wait(std::chrono::seconds(1));
        continue;
      }
      if (asked.value && !asked.claim.held())
        return returned(std::move(*asked.value));
      if constexpr (may_be_absent) {
        if (!asked.claim.held()) return returned();
        result computed = compute();
        if (!computed) {
          asked.claim.fulfill_absent(ttl);
          return returned();
        }
        asked.claim.fulfill(*computed, ttl, stale);
        return returned(std::move(*computed));
      } else {
        // Where somebody else said that there is none, it is not stored.
        returned computed(compute());
        if (asked.claim.held()) asked.claim.fulfill(computed, ttl, stale);
        return computed;
      }
    }
  }

  // -- The cache as a whole --------------------------------------------------

  std::uint64_t count() const noexcept { return cachecore_count(cache_); }
  void clear() { detail::check(cachecore_clear(cache_), "cachecore_clear"); }

  /** Deletes all live entries whose keys begin so; how many. */
  std::uint64_t erase_prefix(std::string_view prefix) {
    std::uint64_t removed;
    detail::check(cachecore_delete_prefix(cache_, prefix.data(), prefix.size(),
                                          &removed),
                  "cachecore_delete_prefix");
    return removed;
  }

  /** Calls `body(key, value, time left)` for each live entry whose key begins
   * so.  The views end with the call.  No lock is held meanwhile. */
  template <class Body>
  void for_each(std::string_view prefix, Body &&body) const {
    detail::scan_values(cache_, prefix, body);
  }

  /** The keys that begin so, of the live entries. */
  std::vector<std::string> scan(std::string_view prefix = {}) const {
    return detail::scan(cache_, prefix);
  }

  /** Up to so many keys, those to be evicted first, or last. */
  std::vector<std::string> coldest(std::uint64_t limit) const {
    return detail::list(cachecore_coldest, cache_, limit, "cachecore_coldest");
  }
  std::vector<std::string> hottest(std::uint64_t limit) const {
    return detail::list(cachecore_hottest, cache_, limit, "cachecore_hottest");
  }

  /** Removes up to so many entries, as if room were needed; how many. */
  std::uint64_t evict(std::uint64_t most) {
    std::uint64_t removed;
    detail::check(cachecore_evict(cache_, most, &removed), "cachecore_evict");
    return removed;
  }

  /** Removes expired entries, at most so many (0: all); how many. */
  std::uint64_t cleanup_expired(std::uint64_t most = 0) {
    std::uint64_t removed;
    detail::check(cachecore_cleanup_expired(cache_, most, &removed),
                  "cachecore_cleanup_expired");
    return removed;
  }

  void resize(std::uint64_t max_entries, std::uint64_t max_bytes) {
    detail::check(cachecore_resize(cache_, max_entries, max_bytes),
                  "cachecore_resize");
  }

  cachecore_stats_t stats() const {
    cachecore_stats_t stats = CACHECORE_STATS_INIT;
    detail::check(cachecore_stats(cache_, &stats), "cachecore_stats");
    return stats;
  }
  void reset_stats() {
    detail::check(cachecore_reset_stats(cache_), "cachecore_reset_stats");
  }

  /** All that has left since the last time, of a cache that reports it. */
  std::vector<removal> take_removals() {
    return detail::take_removals(cache_);
  }

  /** Saves all entries to a file, or adds those of a file; how many. */
  std::uint64_t save(const std::string &path) const {
    std::uint64_t saved;
    detail::check(cachecore_save(cache_, path.c_str(), &saved),
                  "cachecore_save");
    return saved;
  }
  std::uint64_t load(const std::string &path) {
    std::uint64_t loaded;
    detail::check(cachecore_load(cache_, path.c_str(), &loaded),
                  "cachecore_load");
    return loaded;
  }

  cachecore_shared_info_t shared_info() const {
    cachecore_shared_info_t info = CACHECORE_SHARED_INFO_INIT;
    detail::check(cachecore_shared_info(cache_, &info),
                  "cachecore_shared_info");
    return info;
  }

  cachecore::sweeper sweeper() const noexcept {
    return cachecore::sweeper(cache_);
  }

  /** Moves a manual clock. */
  void advance_clock(std::chrono::milliseconds by) {
    detail::check(cachecore_advance_clock(cache_, detail::span_ms(by)),
                  "cachecore_advance_clock");
  }

 private:
  cache() noexcept = default;

  void opened(cachecore_status_t status) {
    if (status != CACHECORE_OK) throw error(status, cachecore_open_error());
  }

  static bool is_miss(cachecore_status_t status, const char *what) {
    return detail::check(status, what) == CACHECORE_MISS;
  }

  static entry_info told(const cachecore_entry_info_t &info) {
    using std::chrono::milliseconds;
    return {info.value_size, detail::time_left(info.ttl_ms),
            milliseconds(info.age_ms), milliseconds(info.idle_ms),
            info.version};
  }

  template <class Read>
  std::optional<std::string> read(Read *function, std::string_view key,
                                  const char *what) const {
    return detail::copy(
        [&](char *buffer, std::size_t capacity, std::size_t *size) {
          return function(cache_, key.data(), key.size(), buffer, capacity,
                          size);
        },
        [&](std::size_t size) {
          return detail::peek_large(cache_, key, size, what);
        },
        what);
  }

  /** A large value and what is known of it, counted as nothing: the version is
   * the same before and after. */
  std::optional<std::string> peek_with_info(std::string_view key,
                                            std::size_t size,
                                            cachecore_entry_info_t &info) const {
    for (;;) {
      cachecore_entry_info_t after = info;
      if (is_miss(cachecore_inspect(cache_, key.data(), key.size(), &info),
                  "cachecore_inspect"))
        return std::nullopt;
      std::optional<std::string> value =
          detail::peek_large(cache_, key, size, "cachecore_peek");
      if (!value ||
          is_miss(cachecore_inspect(cache_, key.data(), key.size(), &after),
                  "cachecore_inspect"))
        return std::nullopt;
      if (after.version == info.version) return value;
    }
  }

  /** Asks for a claim with a buffer that grows until it suffices. */
  template <class Ask>
  static std::optional<std::string> ask_again(Ask &ask, std::size_t size,
                                              cachecore_status_t &status) {
    std::string value;
    do value.resize(size);
    while (ask(value.data(), value.size(), &size) == CACHECORE_E_TOO_SMALL);
    detail::check(status, "cachecore_get_or_claim");
    if (!detail::has_value(status)) return std::nullopt;
    value.resize(size);
    return value;
  }

  cachecore_t *cache_ = nullptr;
};

}  // namespace cachecore

#endif
