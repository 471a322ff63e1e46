/** @file listing.hpp  Lists that the library writes record by record. */
#ifndef CACHECORE_LISTING_HPP
#define CACHECORE_LISTING_HPP

#include <cachecore.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "lifetime.hpp"

namespace cachecore {

/** An entry that left the cache, and why. */
struct removal {
  enum class cause_t {
    expired = CACHECORE_REMOVED_EXPIRED,
    evicted = CACHECORE_REMOVED_EVICTED,
    replaced = CACHECORE_REMOVED_REPLACED,
    deleted = CACHECORE_REMOVED_DELETED
  };

  std::string key, value;
  cause_t cause;
};

namespace detail {

/** Room for records, aligned as they must be. */
class page {
 public:
  explicit page(std::size_t bytes) : words_(bytes / 8 + 1) {}

  std::uint64_t *data() noexcept { return words_.data(); }
  std::size_t capacity() const noexcept { return words_.size() * 8; }
  void make_room(std::size_t bytes) { words_.resize(bytes / 8 + 1); }

  /** Calls `body(record, what follows it)` for each. */
  template <class Record, class Body>
  void for_each(std::size_t size, Body &&body) const {
    const char *at = reinterpret_cast<const char *>(words_.data());
    for (const char *end = at + size; at < end;) {
      Record record;
      std::memcpy(&record, at, sizeof record);
      body(record, at + sizeof record);
      at += record.record_size;
    }
  }

 private:
  std::vector<std::uint64_t> words_;
};

/** Goes through a scan of either kind, a page at a time. */
template <class Record, class Scan, class Body>
void scan_pages(cachecore_t *cache, Scan *scan, std::string_view prefix,
                const char *what, Body &&body) {
  page records(64 * 1024);
  std::uint64_t cursor = 0;
  do {
    std::size_t size;
    cachecore_status_t status;
    while ((status = scan(cache, &cursor, prefix.data(), prefix.size(),
                          records.data(), records.capacity(), &size,
                          nullptr)) == CACHECORE_E_TOO_SMALL)
      records.make_room(size);
    check(status, what);
    records.for_each<Record>(size, body);
  } while (cursor != 0);
}

inline std::vector<std::string> scan(cachecore_t *cache,
                                     std::string_view prefix) {
  std::vector<std::string> keys;
  scan_pages<cachecore_scan_record_t>(
      cache, cachecore_scan, prefix, "cachecore_scan",
      [&](const cachecore_scan_record_t &record, const char *key) {
        keys.emplace_back(key, record.key_size);
      });
  return keys;
}

template <class Body>
void scan_values(cachecore_t *cache, std::string_view prefix, Body &body) {
  scan_pages<cachecore_value_record_t>(
      cache, cachecore_scan_values, prefix, "cachecore_scan_values",
      [&](const cachecore_value_record_t &record, const char *key) {
        body(std::string_view(key, record.key_size),
             std::string_view(key + record.key_size, record.value_size),
             time_left(record.ttl_ms));
      });
}

template <class List>
std::vector<std::string> list(List *function, cachecore_t *cache,
                              std::uint64_t limit, const char *what) {
  std::vector<std::string> keys;
  page records(64 * 1024);
  std::size_t size, count, wanted = limit;
  for (;;) { // until all that are there, up to the limit, have room
    cachecore_status_t status = function(cache, wanted, records.data(),
                                         records.capacity(), &size, &count);
    if (status == CACHECORE_E_TOO_SMALL) {
      records.make_room(size);
      continue;
    }
    check(status, what);
    std::uint64_t there = cachecore_count(cache);
    if (count >= wanted || count >= there ||
        records.capacity() - size > sizeof(cachecore_scan_record_t) +
                                        CACHECORE_KEY_SIZE_MAX + 8)
      break;
    records.make_room(4 * records.capacity());
  }
  records.for_each<cachecore_scan_record_t>(
      size, [&](const cachecore_scan_record_t &record, const char *key) {
        keys.emplace_back(key, record.key_size);
      });
  return keys;
}

inline std::vector<removal> take_removals(cachecore_t *cache) {
  std::vector<removal> removals;
  page records(4096);
  for (;;) {
    std::size_t size;
    cachecore_status_t status = cachecore_take_removals(
        cache, records.data(), records.capacity(), &size, nullptr);
    if (status == CACHECORE_E_TOO_SMALL) {
      records.make_room(size);
      continue;
    }
    if (check(status, "cachecore_take_removals") == CACHECORE_MISS) break;
    records.for_each<cachecore_removal_record_t>(
        size, [&](const cachecore_removal_record_t &record, const char *key) {
          removals.push_back(
              {std::string(key, record.key_size),
               std::string(key + record.key_size, record.value_size),
               static_cast<removal::cause_t>(record.cause)});
        });
  }
  return removals;
}

}  // namespace detail
}  // namespace cachecore

#endif
