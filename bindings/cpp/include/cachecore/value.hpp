/** @file value.hpp  Values in place, and values of a batch. */
#ifndef CACHECORE_VALUE_HPP
#define CACHECORE_VALUE_HPP

#include <cachecore.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#if __cplusplus >= 202002L && __has_include(<span>)
#include <span>
#define CACHECORE_HAS_SPAN 1
#endif

namespace cachecore {

/**
 * A value that the cache has lent, without a copy.  The bytes stay as they are
 * until `release` or the destructor, whatever happens to the entry and to the
 * cache meanwhile, and count against the bound for as long.  It can be moved,
 * to another thread too, and not copied.
 */
class borrowed_value {
 public:
  borrowed_value() noexcept = default;
  explicit borrowed_value(const cachecore_value_t &value) noexcept
      : value_(value) {}
  borrowed_value(borrowed_value &&other) noexcept
      : value_(std::exchange(other.value_, cachecore_value_t{})) {}
  borrowed_value &operator=(borrowed_value &&other) noexcept {
    if (this != &other) {
      release();
      value_ = std::exchange(other.value_, cachecore_value_t{});
    }
    return *this;
  }
  borrowed_value(const borrowed_value &) = delete;
  borrowed_value &operator=(const borrowed_value &) = delete;
  ~borrowed_value() { release(); }

  /** The bytes, which end with this object; empty after a move or release. */
  std::string_view view() const noexcept {
    return {static_cast<const char *>(value_.data), value_.size};
  }
  const char *data() const noexcept { return view().data(); }
  std::size_t size() const noexcept { return value_.size; }
#ifdef CACHECORE_HAS_SPAN
  std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte *>(value_.data), value_.size};
  }
#endif

  /** Gives the value back; further calls do nothing. */
  void release() noexcept { cachecore_release(&value_); }

 private:
  cachecore_value_t value_{};
};

class keys;
class values;
namespace detail {
values get_many(cachecore_t *cache, const keys &wanted);
}

/** The values of a batch, in the order of its keys, in one piece of memory. */
class values {
 public:
  std::size_t size() const noexcept { return places_.size(); }
  bool empty() const noexcept { return places_.empty(); }

  /** The value of a key, by its number in the batch; empty for a miss.  It ends
   * with this object. */
  std::optional<std::string_view> operator[](std::size_t number) const {
    const place &found = places_[number];
    if (!found.is_there) return std::nullopt;
    return std::string_view(arena_).substr(found.start, found.size);
  }

 private:
  friend values detail::get_many(cachecore_t *cache, const keys &wanted);
  struct place {
    std::size_t start, size;
    bool is_there;
  };
  std::string arena_;
  std::vector<place> places_;
};

}  // namespace cachecore

#endif
