/** @file batch.hpp  Many keys in one call. */
#ifndef CACHECORE_BATCH_HPP
#define CACHECORE_BATCH_HPP

#include <cachecore.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "error.hpp"
#include "lifetime.hpp"
#include "reading.hpp"
#include "value.hpp"

namespace cachecore {

/** Keys of a batch, copied into one block: made from any range of what converts
 * to std::string_view. */
class keys {
 public:
  keys(std::initializer_list<std::string_view> list)
      : keys(list.begin(), list.end()) {}

  template <class Range,
            class = decltype(std::declval<const Range &>().begin()),
            class = std::enable_if_t<!std::is_same_v<std::decay_t<Range>, keys>>>
  keys(const Range &range) : keys(range.begin(), range.end()) {}

  template <class Iterator>
  keys(Iterator begin, Iterator end) {
    for (; begin != end; ++begin) add(*begin);
  }

  std::size_t size() const noexcept { return offsets_.size() - 1; }
  const char *block() const noexcept { return block_.c_str(); }
  const std::size_t *offsets() const noexcept { return offsets_.data(); }

  std::string_view operator[](std::size_t i) const noexcept {
    return std::string_view(block_).substr(offsets_[i],
                                           offsets_[i + 1] - offsets_[i]);
  }

 private:
  void add(std::string_view key) {
    block_ += key;
    offsets_.push_back(block_.size());
  }

  std::string block_;
  std::vector<std::size_t> offsets_{0};
};

/** Pairs of keys and values: made from a std::map, for example.  They are views:
 * what they look at must live during the call. */
class entries {
 public:
  entries(
      std::initializer_list<std::pair<std::string_view, std::string_view>> list) {
    for (const auto &[key, value] : list) add(key, value);
  }

  template <class Range,
            class = decltype(std::declval<const Range &>().begin()->second)>
  entries(const Range &range) {
    for (const auto &[key, value] : range) add(key, value);
  }

  std::size_t size() const noexcept { return starts_.size(); }
  const void *const *starts() const noexcept { return starts_.data(); }
  const std::size_t *sizes() const noexcept { return sizes_.data(); }
  const void *const *values() const noexcept { return values_.data(); }
  const std::size_t *value_sizes() const noexcept {
    return value_sizes_.data();
  }

 private:
  void add(std::string_view key, std::string_view value) {
    starts_.push_back(key.data());
    sizes_.push_back(key.size());
    values_.push_back(value.data());
    value_sizes_.push_back(value.size());
  }

  std::vector<const void *> starts_, values_;
  std::vector<std::size_t> sizes_, value_sizes_;
};

namespace detail {

/** Throws the first status that is an error, or REFUSED. */
inline void check_all(const std::vector<cachecore_status_t> &statuses,
                      const char *what) {
  for (cachecore_status_t status : statuses) check(status, what);
}

inline void set_many(cachecore_t *cache, const entries &pairs, lifetime ttl) {
  std::vector<cachecore_status_t> statuses(pairs.size());
  std::vector<std::uint64_t> ttls;
  if (ttl != by_default) ttls.assign(pairs.size(), ttl.ms());
  cachecore_status_t status = cachecore_set_many(
      cache, pairs.size(), pairs.starts(), pairs.sizes(), pairs.values(),
      pairs.value_sizes(), ttls.empty() ? nullptr : ttls.data(),
      statuses.data());
  check_all(statuses, "cachecore_set_many");
  check(status, "cachecore_set_many");
}

inline std::uint64_t erase_many(cachecore_t *cache, const keys &unwanted) {
  std::uint64_t removed;
  check(cachecore_delete_packed(cache, unwanted.size(), unwanted.block(),
                                unwanted.offsets(), nullptr, &removed),
        "cachecore_delete_packed");
  return removed;
}

inline values get_many(cachecore_t *cache, const keys &wanted) {
  constexpr std::size_t usual_size = 128;
  std::string arena(wanted.size() * usual_size, '\0');
  std::vector<std::size_t> sizes(wanted.size());
  std::vector<cachecore_status_t> statuses(wanted.size());
  cachecore_status_t status = cachecore_get_packed(
      cache, wanted.size(), wanted.block(), wanted.offsets(), arena.data(),
      arena.size(), sizes.data(), statuses.data());
  if (status != CACHECORE_E_TOO_SMALL) check(status, "cachecore_get_packed");
  std::size_t used = 0;
  for (std::size_t i = 0; i < wanted.size(); i++)
    if (statuses[i] == CACHECORE_OK) used += sizes[i];
  arena.resize(used);

  values found;
  found.places_.reserve(wanted.size());
  std::size_t start = 0;
  for (std::size_t i = 0; i < wanted.size(); i++) {
    if (statuses[i] == CACHECORE_OK) {
      found.places_.push_back({start, sizes[i], true});
      start += sizes[i];
    } else if (statuses[i] == CACHECORE_E_TOO_SMALL) {
      // It has been counted: read again without counting, to the arena's end.
      std::optional<std::string> value =
          peek_large(cache, wanted[i], sizes[i], "cachecore_peek");
      found.places_.push_back(
          {arena.size(), value ? value->size() : 0, value.has_value()});
      if (value) arena += *value;
    } else {
      check(statuses[i], "cachecore_get_packed");
      found.places_.push_back({0, 0, false});
    }
  }
  found.arena_ = std::move(arena);
  return found;
}

}  // namespace detail
}  // namespace cachecore

#endif
