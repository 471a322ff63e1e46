/** @file entry.hpp  What is known of one entry. */
#ifndef CACHECORE_ENTRY_HPP
#define CACHECORE_ENTRY_HPP

#include <cachecore.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace cachecore {

/** What is known of an entry. */
struct entry_info {
  std::uint64_t value_size;
  std::chrono::milliseconds ttl; ///< time left to live; `forever`: no end
  std::chrono::milliseconds age; ///< since the value was stored
  std::chrono::milliseconds idle; ///< since it was stored, touched or read
  std::uint64_t version; ///< differs for every value under the key
};

/** A value with what was known of it when it was read. */
struct found {
  std::string value;
  entry_info info;
};

/** How a compare_and_set ended. */
enum class exchanged {
  stored = CACHECORE_OK,
  conflict = CACHECORE_CONFLICT, ///< the version is another by now
  missing = CACHECORE_MISS
};

}  // namespace cachecore

#endif
