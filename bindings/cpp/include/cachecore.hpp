/**
 * @file cachecore.hpp
 * cachecore for C++17: a bounded, concurrent cache of byte strings.
 *
 * The whole binding is headers; link with libcachecore.  cachecore.h is the
 * contract: what is said there of policies, bounds, time, sharing and claims is
 * true here, and is not repeated.
 *
 * @code
 * cachecore::options options;
 * options.max_entries = 10'000;
 * cachecore::cache cache(options);
 *
 * cache.set("key", "value", std::chrono::minutes(5));
 * if (std::optional<std::string> value = cache.get("key")) use(*value);
 * std::string page = cache.get_or_compute("page", render, 1min);
 * @endcode
 *
 * **Errors.**  What can happen to any program is a result: a miss is an empty
 * optional, "there is one already" is false.  Everything else is thrown, as
 * cachecore::error, which is a std::system_error with a code of
 * cachecore::category().  No call is made that fails and says nothing: a value
 * that the cache refuses is an error, too, since it is not stored.  Destructors
 * and `release` do not throw.
 *
 * **Threads.**  Any function may be called on one cache by any threads at once,
 * but for moving it, assigning to it, closing and destroying it, which are its
 * owner's to do when no other call is under way.
 *
 * **Keys and values** are std::string_view: bytes of any content, copied during
 * the call.  Keys have 1 to 65535 bytes.
 */
#ifndef CACHECORE_HPP
#define CACHECORE_HPP

#include "cachecore/cache.hpp"

#endif
