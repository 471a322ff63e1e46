/** @file lifetime.hpp  How long an entry lives, and how long it still has. */
#ifndef CACHECORE_LIFETIME_HPP
#define CACHECORE_LIFETIME_HPP

#include <cachecore.h>

#include <chrono>
#include <cstdint>

#include "error.hpp"

namespace cachecore {

/**
 * How long an entry lives from now on: a duration, or one of `never`,
 * `by_default` and `keep`.
 *
 * A duration is rounded up to the millisecond.  One of zero or less is
 * errc::argument, because elsewhere it means "at once", "never" or "the
 * default": whoever writes it should say which.
 */
class lifetime {
 public:
  template <class Rep, class Period>
  constexpr lifetime(std::chrono::duration<Rep, Period> duration)
      : ms_(rounded(duration)) {}

  /** What cachecore.h calls ttl_ms. */
  constexpr std::uint64_t ms() const noexcept { return ms_; }

  /** A lifetime by its number in cachecore.h. */
  static constexpr lifetime raw(std::uint64_t ms) noexcept {
    return lifetime(ms, 0);
  }

  friend constexpr bool operator==(lifetime a, lifetime b) noexcept {
    return a.ms_ == b.ms_;
  }
  friend constexpr bool operator!=(lifetime a, lifetime b) noexcept {
    return a.ms_ != b.ms_;
  }

 private:
  constexpr lifetime(std::uint64_t ms, int) noexcept : ms_(ms) {}

  template <class Rep, class Period>
  static constexpr std::uint64_t
  rounded(std::chrono::duration<Rep, Period> duration) {
    using milliseconds =
        std::chrono::duration<std::uint64_t, std::milli>;
    // Longer than the library's longest, and too long for the arithmetic.
    constexpr std::chrono::duration<double> longest(1e10);
    if (duration <= duration.zero())
      throw error(CACHECORE_E_ARGUMENT, "cachecore::lifetime");
    if (std::chrono::duration<double>(duration) > longest)
      return std::uint64_t{10'000'000'000'000};
    auto whole = std::chrono::duration_cast<milliseconds>(duration);
    return whole.count() + (whole < duration ? 1 : 0);
  }

  std::uint64_t ms_;
};

/** An entry that does not expire. */
inline constexpr lifetime never = lifetime::raw(CACHECORE_TTL_NEVER);
/** The lifetime that the cache was opened with. */
inline constexpr lifetime by_default = lifetime::raw(0);
/** The deadline that the live entry has. */
inline constexpr lifetime keep = lifetime::raw(CACHECORE_TTL_KEEP);

/** The time left to live of an entry that does not expire. */
inline constexpr std::chrono::milliseconds forever =
    std::chrono::milliseconds::max();

namespace detail {
/** A time left as the library tells it. */
inline std::chrono::milliseconds time_left(std::int64_t ms) noexcept {
  return ms < 0 ? forever : std::chrono::milliseconds(ms);
}

/** A duration that may be zero, in whole milliseconds, rounded up. */
template <class Rep, class Period>
std::uint64_t span_ms(std::chrono::duration<Rep, Period> duration) {
  return duration == duration.zero() ? 0 : lifetime(duration).ms();
}
}  // namespace detail

}  // namespace cachecore

#endif
