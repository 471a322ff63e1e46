/** @file claim.hpp  Who computes a missing value. */
#ifndef CACHECORE_CLAIM_HPP
#define CACHECORE_CLAIM_HPP

#include <cachecore.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "error.hpp"
#include "lifetime.hpp"

namespace cachecore {

/**
 * Who computes the value of a key: this caller, who then holds the claim, or
 * another, whom it can wait for.  A claim that is held ends by `fulfill`,
 * `fulfill_absent` or `abandon`, or is abandoned by the destructor.  It must not
 * outlive its cache.  One thread at a time may use it, any thread may end it.
 */
class claim {
 public:
  claim(claim &&other) noexcept
      : cache_(other.cache_),
        key_(std::move(other.key_)),
        state_(std::exchange(other.state_, blank())) {}
  claim &operator=(claim &&other) noexcept {
    if (this != &other) {
      drop();
      cache_ = other.cache_;
      key_ = std::move(other.key_);
      state_ = std::exchange(other.state_, blank());
    }
    return *this;
  }
  claim(const claim &) = delete;
  claim &operator=(const claim &) = delete;
  ~claim() { drop(); }

  /** Whether this caller has it and has not ended it.  It may be void. */
  bool held() const noexcept { return state_.token != 0; }

  /** Waits until the claim that was seen no longer stands; false if that takes
   * longer than `timeout`, which is real time with any clock. */
  bool wait(std::chrono::milliseconds timeout) const {
    std::int64_t ms = std::max<std::int64_t>(timeout.count(), 0);
    cachecore_status_t status = cachecore_claim_wait(
        cache_, key_.data(), key_.size(), &state_,
        static_cast<std::uint32_t>(std::min<std::int64_t>(ms, UINT32_MAX)));
    if (status == CACHECORE_E_TIMEOUT) return false;
    detail::check(status, "cachecore_claim_wait");
    return true;
  }

  /** Stores the value and ends the claim; false, and nothing is stored, if it
   * is void by now.  `stale`: for so long past its deadline the value may be
   * served while the next is computed. */
  bool fulfill(std::string_view value, lifetime ttl = by_default,
               std::chrono::milliseconds stale = {}) {
    state_.stale_ms = detail::span_ms(stale);
    return detail::check(
               cachecore_fulfill(cache_, key_.data(), key_.size(),
                                 value.data(), value.size(), ttl.ms(), &state_),
               "cachecore_fulfill") == CACHECORE_OK;
  }

  /** Stores, likewise, that there is no value. */
  bool fulfill_absent(lifetime ttl = by_default) {
    return detail::check(
               cachecore_fulfill_absent(cache_, key_.data(), key_.size(),
                                        ttl.ms(), &state_),
               "cachecore_fulfill_absent") == CACHECORE_OK;
  }

  /** Gives the claim up.  `retry`: a stale value is served for so long before
   * the next caller is elected. */
  void abandon(std::chrono::milliseconds retry = {}) {
    if (held())
      detail::check(cachecore_abandon(cache_, key_.data(), key_.size(),
                                      detail::span_ms(retry), &state_),
                    "cachecore_abandon");
  }

 private:
  friend class cache;
  claim(cachecore_t *cache, std::string_view key) : cache_(cache), key_(key) {}

  static cachecore_claim_t blank() noexcept {
    cachecore_claim_t state = CACHECORE_CLAIM_INIT;
    return state;
  }

  void drop() noexcept {
    if (held())
      cachecore_abandon(cache_, key_.data(), key_.size(), 0, &state_);
  }

  cachecore_t *cache_;
  std::string key_;
  cachecore_claim_t state_ = blank();
};

/** What `get_or_claim` says. */
struct answer {
  enum class kind {
    fresh = CACHECORE_OK,        ///< a value
    stale = CACHECORE_STALE,     ///< a value past its deadline
    absent = CACHECORE_ABSENT,   ///< there is known to be no value
    claimed = CACHECORE_CLAIMED, ///< nothing; this caller computes
    pending = CACHECORE_PENDING  ///< nothing; another caller computes
  };

  kind what;
  std::optional<std::string> value; ///< of fresh and stale
  cachecore::claim claim;           ///< held: this caller is to compute
};

}  // namespace cachecore

#endif
