/** @file reading.hpp  Copies of values, whatever their size. */
#ifndef CACHECORE_READING_HPP
#define CACHECORE_READING_HPP

#include <cachecore.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"

namespace cachecore {
namespace detail {

/** Whether a status comes with a value. */
inline bool has_value(cachecore_status_t status) noexcept {
  return status == CACHECORE_OK || status == CACHECORE_STALE;
}

/** The value of an entry that was found to be larger than a buffer.  It has been
 * counted then, and is not counted again. */
inline std::optional<std::string> peek_large(cachecore_t *cache,
                                             std::string_view key,
                                             std::size_t size,
                                             const char *what) {
  std::string value;
  cachecore_status_t status;
  do {
    value.resize(size);
    status = cachecore_peek(cache, key.data(), key.size(), value.data(),
                            value.size(), &size);
  } while (status == CACHECORE_E_TOO_SMALL);
  if (check(status, what) != CACHECORE_OK) return std::nullopt;
  value.resize(size);
  return value;
}

/** What `read(buffer, capacity, &size)` copies into a buffer on the stack; and
 * what `larger(size)` returns if that is too small. */
template <class Read, class Larger>
std::optional<std::string> copy(Read &&read, Larger &&larger,
                                const char *what) {
  char buffer[512];
  std::size_t size;
  cachecore_status_t status = read(buffer, sizeof buffer, &size);
  if (has_value(status)) return std::string(buffer, size);
  if (status == CACHECORE_E_TOO_SMALL) return larger(size);
  check(status, what);
  return std::nullopt;
}

}  // namespace detail
}  // namespace cachecore

#endif
