/** @file sweeper.hpp  The thread that removes expired entries. */
#ifndef CACHECORE_SWEEPER_HPP
#define CACHECORE_SWEEPER_HPP

#include <cachecore.h>

#include <chrono>
#include <cstdint>

#include "error.hpp"
#include "lifetime.hpp"

namespace cachecore {

/** The controls of a cache's sweeper.  A view of the cache: it may be copied,
 * and must not outlive it.  What is not possible now is errc::state. */
class sweeper {
 public:
  explicit sweeper(cachecore_t *cache) noexcept : cache_(cache) {}

  /** Starts the thread.  `interval` 0: chosen from the lifetimes stored. */
  void start(std::chrono::milliseconds interval = {}, bool run_at_once = false,
             bool restart_after_fork = false) const {
    cachecore_sweeper_options_t options = CACHECORE_SWEEPER_OPTIONS_INIT;
    options.interval_ms = detail::span_ms(interval);
    options.flags =
        (run_at_once ? std::uint32_t{CACHECORE_SWEEPER_RUN_AT_ONCE} : 0) |
        (restart_after_fork
             ? std::uint32_t{CACHECORE_SWEEPER_RESTART_AFTER_FORK}
             : 0);
    detail::check(cachecore_sweeper_start(cache_, &options),
                  "cachecore_sweeper_start");
  }

  /** Ends the thread and waits for that, for milliseconds. */
  void stop() const {
    detail::check(cachecore_sweeper_stop(cache_, 0), "cachecore_sweeper_stop");
  }

  void pause() const {
    detail::check(cachecore_sweeper_pause(cache_), "cachecore_sweeper_pause");
  }

  void resume() const {
    detail::check(cachecore_sweeper_resume(cache_), "cachecore_sweeper_resume");
  }

  /** 0: chosen from the lifetimes stored. */
  void set_interval(std::chrono::milliseconds interval) const {
    detail::check(
        cachecore_sweeper_set_interval(cache_, detail::span_ms(interval)),
        "cachecore_sweeper_set_interval");
  }

  /** Has the thread sweep now, waits for that, and says what it removed. */
  std::uint64_t trigger() const {
    std::uint64_t removed;
    detail::check(cachecore_sweeper_trigger(cache_, &removed),
                  "cachecore_sweeper_trigger");
    return removed;
  }

  cachecore_sweeper_status_t status() const {
    cachecore_sweeper_status_t status = CACHECORE_SWEEPER_STATUS_INIT;
    detail::check(cachecore_sweeper_status(cache_, &status),
                  "cachecore_sweeper_status");
    return status;
  }

 private:
  cachecore_t *cache_;
};

}  // namespace cachecore

#endif
