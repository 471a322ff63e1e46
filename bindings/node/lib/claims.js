'use strict'
// Who computes a missing value: one caller among all threads and processes that share the cache.

const { native } = require('./native')
const { CacheError, makeError } = require('./errors')
const { optionsOf, duration, span, lifetime } = require('./lifetimes')
const { take, copyOf } = require('./slab')

const STATUSES = { 0: 'fresh', 5: 'stale', 6: 'pending', 7: 'absent', 8: 'claimed' }
const TOO_SMALL = -3
const TIMEOUT = -7

/** The right, and the duty, to compute the value of a key; see lib/index.d.ts. */
class Claim {
  #cache
  #token
  #isHeld = true

  constructor (cache, token) {
    this.#cache = cache
    this.#token = token
  }

  get isHeld () {
    return this.#isHeld && !this.#cache.closed
  }

  fulfill (value, options) {
    const stale = duration(optionsOf(options).stale, 'stale')
    return this.#end(native.fulfill, value, lifetime(options), stale)
  }

  fulfillAbsent (options) {
    return this.#end(native.fulfillAbsent, lifetime(options))
  }

  abandon (options) {
    this.#end(native.abandon, span(optionsOf(options).retry, 'retry'))
  }

  // Whatever the library answers it has ended the claim, but for a wrong argument.
  #end (method, ...rest) {
    try {
      const stored = method.call(this.#cache, this.#token, ...rest)
      this.#isHeld = false
      return stored
    } catch (error) {
      if (error instanceof CacheError && error.code !== 'ERR_CACHECORE_ARGUMENT') this.#isHeld = false
      throw error
    }
  }
}

/** What `getOrClaim` found; see lib/index.d.ts. */
class Found {
  #cache
  #key
  #seen

  constructor (cache, key, status, value, seen, claim) {
    this.#cache = cache
    this.#key = key
    this.#seen = seen
    this.status = status
    this.value = value
    this.claim = claim
  }

  get seen () {
    return this.#seen
  }

  async ended (options) {
    const timeout = span(optionsOf(options).timeout ?? Infinity, 'timeout')
    return native.claimWait.call(this.#cache, this.#key, this.#seen, timeout)
  }
}

// What the library tells beside the value: its size, the token, the claim that was seen.
const told = new BigUint64Array(3)
let status

function read ({ cache, claimTime, early }, key, buffer, offset) {
  status = native.getOrClaim.call(cache, key, buffer, offset, told, claimTime, early)
  if (status === TOO_SMALL) return -2 - Number(told[0])
  return status === 0 || status === 5 ? Number(told[0]) : -1
}

// A value that did not fit has been counted. If it is fresh, it need not be asked for again.
function readAgain (ask, key, buffer, offset) {
  const sized = native.peekInto.call(ask.cache, key, buffer, offset)
  if (sized === -1) return read(ask, key, buffer, offset)
  status = 0
  return sized
}

function getOrClaim (cache, key, options) {
  const { claimTime, early = false } = optionsOf(options)
  const ask = { cache, claimTime: duration(claimTime, 'claimTime'), early: Boolean(early) }
  const value = take(read, readAgain, ask, key)
  const [, token, seen] = told
  // A view may be changed by its owner while somebody waits.
  const name = typeof key === 'string' || seen === 0n ? key : Buffer.from(bytesOf(key))
  const claim = token === 0n ? undefined : new Claim(cache, token)
  return new Found(cache, name, STATUSES[status], value, seen, claim)
}

// ---- Computing ----------------------------------------------------------------------

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

/** What the caller asked for: a string, or bytes of his own. */
function handed (value, encoding) {
  if (value === undefined) return undefined
  if (encoding === undefined) return typeof value === 'string' ? Buffer.from(value) : copyOf(bytesOf(value))
  if (typeof value === 'string') return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString(encoding)
}

/** Ends the claim by the value.  One that cannot be stored is the caller's all the same. */
function keep (claim, value, options) {
  try {
    if (value !== undefined) claim.fulfill(value, options)
    else if (options.absent !== undefined) claim.fulfillAbsent({ ttl: options.absent })
    else claim.abandon()
  } catch (error) {
    // RefusedError and so on; a closed cache.  What is wrong with an argument is the caller's.
    if (!(error instanceof CacheError) || error.code === 'ERR_CACHECORE_ARGUMENT') throw error
  }
}

/** Computes for a claim; what others of this thread may wait for, until it is settled. */
function compute (flights, found, key, function_, options) {
  const { claim } = found
  const flight = { value: undefined, ended: undefined }
  flight.value = (async () => {
    try {
      const value = await function_(key) ?? undefined
      keep(claim, value, options)
      return value
    } finally {
      if (claim.isHeld) claim.abandon({ retry: options.retry })
      flights.delete(found.seen)
    }
  })()
  flights.set(found.seen, flight)
  return flight.value
}

function failedInBackground (error) {
  process.emitWarning(error instanceof Error ? error : new Error(String(error)))
}

/** The value of somebody else's computation in this thread; undefined: ask again. */
async function joined (flight, found) {
  // Also until the claim ends: it may be void long before the computation is over.
  flight.ended ??= found.ended().then(() => undefined)
  const value = flight.value.then((value) => ({ value }))
  return Promise.race([value, flight.ended])
}

async function getOrCompute (cache, flights, key, function_, options) {
  if (typeof function_ !== 'function') {
    throw new TypeError('getOrCompute needs a function that computes the value')
  }
  options = optionsOf(options)
  const { encoding, onBackgroundError = failedInBackground } = options
  const deadline = Date.now() + duration(options.timeout, 'timeout', Infinity)
  // Wrong options are to be found before the work.
  lifetime(options)
  duration(options.stale, 'stale')
  duration(options.absent, 'absent')
  span(options.retry, 'retry')
  for (;;) {
    const found = getOrClaim(cache, key, options)
    switch (found.status) {
      case 'claimed':
        return handed(await compute(flights, found, key, function_, options), encoding)
      case 'fresh':
      case 'stale':
        if (found.claim) compute(flights, found, key, function_, options).catch(onBackgroundError)
        return encoding === undefined ? found.value : found.value.toString(encoding)
      case 'absent':
        return undefined
    }
    const flight = flights.get(found.seen)
    if (flight !== undefined && deadline === Infinity) {
      const theirs = await joined(flight, found)
      if (theirs !== undefined) return handed(theirs.value, encoding)
    } else if (!await found.ended({ timeout: Math.max(0, deadline - Date.now()) }) &&
               Date.now() >= deadline) {
      throw makeError(TIMEOUT, 'somebody else still computes the value')
    }
  }
}

module.exports = { Claim, Found, getOrClaim, getOrCompute }
