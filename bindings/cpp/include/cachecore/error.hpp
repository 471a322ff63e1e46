/** @file error.hpp  Statuses of the library as std::error_code. */
#ifndef CACHECORE_ERROR_HPP
#define CACHECORE_ERROR_HPP

#include <cachecore.h>

#include <string>
#include <system_error>

namespace cachecore {

/** The statuses that are errors; each has the number of cachecore.h. */
enum class errc : int {
  refused = CACHECORE_REFUSED,     ///< larger than the cache can hold
  argument = CACHECORE_E_ARGUMENT, ///< a size or an option out of range
  no_memory = CACHECORE_E_NO_MEMORY, ///< the system refused memory or a thread
  too_small = CACHECORE_E_TOO_SMALL, ///< the caller's buffer
  version = CACHECORE_E_VERSION,   ///< the library is older than the header
  full = CACHECORE_E_FULL,         ///< a no-evict cache is at its bound
  state = CACHECORE_E_STATE,       ///< not now; or the cache is closed
  timeout = CACHECORE_E_TIMEOUT,   ///< behind a stopped process
  type = CACHECORE_E_TYPE,         ///< increment: the value is no number
  range = CACHECORE_E_RANGE,       ///< the result does not fit
  layout = CACHECORE_E_LAYOUT,     ///< a file that is no cache, or damaged
  access = CACHECORE_E_ACCESS      ///< a file's owner or permissions
};

namespace detail {
class category final : public std::error_category {
 public:
  const char *name() const noexcept override { return "cachecore"; }

  std::string message(int status) const override {
    return cachecore_status_text(static_cast<cachecore_status_t>(status));
  }

  /** What it is in the words of the standard library, where it has some. */
  std::error_condition
  default_error_condition(int status) const noexcept override {
    switch (status) {
      case CACHECORE_E_ARGUMENT: return std::errc::invalid_argument;
      case CACHECORE_E_NO_MEMORY: return std::errc::not_enough_memory;
      case CACHECORE_E_TOO_SMALL: return std::errc::no_buffer_space;
      case CACHECORE_E_TIMEOUT: return std::errc::timed_out;
      case CACHECORE_E_RANGE: return std::errc::result_out_of_range;
      case CACHECORE_E_ACCESS: return std::errc::permission_denied;
      default: return std::error_condition(status, *this);
    }
  }
};
}  // namespace detail

/** The category of the library's statuses. */
inline const std::error_category &category() noexcept {
  static const detail::category category;
  return category;
}

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/** What every function throws that cannot do what was asked of it. */
class error : public std::system_error {
 public:
  error(cachecore_status_t status, const char *what)
      : std::system_error(status, category(), what) {}
};

namespace detail {
/** Returns a status that is an answer, and throws one that is an error. */
inline cachecore_status_t check(cachecore_status_t status, const char *what) {
  if (status < 0 || status == CACHECORE_REFUSED) throw error(status, what);
  return status;
}
}  // namespace detail

}  // namespace cachecore

template <>
struct std::is_error_code_enum<cachecore::errc> : std::true_type {};

#endif
