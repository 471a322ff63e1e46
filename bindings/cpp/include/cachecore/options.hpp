/** @file options.hpp  What a cache is opened with. */
#ifndef CACHECORE_OPTIONS_HPP
#define CACHECORE_OPTIONS_HPP

#include <cachecore.h>

#include <cstdint>
#include <string>

#include "lifetime.hpp"

namespace cachecore {

/** Which entry is evicted from a full cache. */
enum class policy : std::uint32_t {
  lru = CACHECORE_POLICY_LRU,
  adaptive = CACHECORE_POLICY_ADAPTIVE
};

/** At least one of the two bounds must be set; zero stands for the default. */
struct options {
  std::uint64_t max_entries = 0; ///< most entries held at once; 0: no bound
  std::uint64_t max_bytes = 0;   ///< most memory in use; 0: no bound
  lifetime default_ttl = by_default; ///< by_default and never: none
  std::chrono::milliseconds default_tti{0}; ///< time to idle; 0: none
  enum policy policy = policy::lru;
  bool no_evict = false;         ///< writes that do not fit are errc::full
  bool manual_clock = false;     ///< for tests: cache::advance_clock
  bool report_removals = false;  ///< for cache::take_removals
  std::uint32_t shard_count = 0; ///< 0: chosen
  std::uint64_t hash_seed = 0;   ///< 0: random
  std::uint64_t ttl_jitter_permille = 0; ///< 0 to 1000
};

/** What more a shared cache is opened with. */
struct shared_options {
  enum mode : std::uint32_t {
    open_or_create = 0,
    create_only = CACHECORE_SHARED_CREATE_ONLY,
    attach_only = CACHECORE_SHARED_ATTACH_ONLY,
    replace = CACHECORE_SHARED_REPLACE
  };

  std::string path;        ///< empty: `fd`, or a new memfd if that is -1
  int fd = -1;             ///< stays the caller's
  mode how = open_or_create;
  std::uint32_t max_processes = 0; ///< 0: 64
};

namespace detail {
inline cachecore_options_t native(const options &from) {
  cachecore_options_t to = CACHECORE_OPTIONS_INIT;
  to.policy = static_cast<std::uint32_t>(from.policy);
  to.flags = (from.no_evict ? std::uint32_t{CACHECORE_NO_EVICT} : 0) |
             (from.manual_clock ? std::uint32_t{CACHECORE_MANUAL_CLOCK} : 0) |
             (from.report_removals ? std::uint32_t{CACHECORE_REPORT_REMOVALS}
                                   : 0);
  to.shard_count = from.shard_count;
  to.max_entries = from.max_entries;
  to.max_bytes = from.max_bytes;
  to.default_ttl_ms = from.default_ttl.ms();
  to.default_tti_ms = span_ms(from.default_tti);
  to.hash_seed = from.hash_seed;
  to.ttl_jitter_permille = from.ttl_jitter_permille;
  return to;
}
}  // namespace detail

}  // namespace cachecore

#endif
