'use strict'
// The class: what people pass, made what the addon takes.  lib/index.d.ts is its documentation.

const { fileURLToPath } = require('node:url')
const { NativeCache, native, statsField } = require('./native')
const { makeError, tooSmall, wrongType, outOfRange } = require('./errors')
const { optionsOf, duration, span, lifetime, count, milliseconds } = require('./lifetimes')
const { take } = require('./slab')
const { arena, getMany, setMany, deleteMany } = require('./batch')
const { records, filled } = require('./records')
const { Sweeper } = require('./sweeper')
const { getOrClaim, getOrCompute } = require('./claims')

const POLICIES = { lru: 0, adaptive: 1 }
const NO_EVICT = 1
const MANUAL_CLOCK = 2
const REPORT_REMOVALS = 4
const SHARED = { open: 0, create: 1, attach: 2, replace: 4 }
const KINDS = { expired: 1, nearExpiry: 2, withoutExpiry: 4, idle: 8 }
const E_ARGUMENT = -1

const choice = (table, value, name) => {
  if (!Object.hasOwn(table, value)) {
    throw outOfRange(name, `one of ${Object.keys(table).join(', ')}`, value)
  }
  return table[value]
}

const pathOf = (path) => {
  const text = path instanceof URL ? fileURLToPath(path) : path
  if (typeof text !== 'string') throw wrongType('path', 'a string or a URL', path)
  if (text === '' || text.includes('\0')) throw makeError(E_ARGUMENT, 'a path is not empty and has no NUL')
  return text
}

/** `shared` as [path, flags, fd, most processes]. */
function place (shared) {
  if (typeof shared === 'string' || shared instanceof URL) return [pathOf(shared), 0, -1, 0]
  const { path, fd = -1, mode = 'open', maxProcesses } = optionsOf(shared)
  return [path === undefined ? undefined : pathOf(path), choice(SHARED, mode, 'mode'),
    fd, count(maxProcesses, 'maxProcesses', 1)]
}

/** The options as the addon's constructor takes them. */
function opening (options) {
  const {
    handle, maxEntries, maxBytes, ttl, tti, jitter = 0, policy = 'lru', noEvict = false,
    manualClock = false, reportRemovals = false, shards, hashSeed = 0n, shared
  } = optionsOf(options)
  if (handle !== undefined) {
    if (typeof handle !== 'bigint') throw wrongType('handle', 'a BigInt', handle)
    return [handle]
  }
  if (typeof jitter !== 'number' || !(jitter >= 0 && jitter <= 1)) throw outOfRange('jitter', '0 to 1', jitter)
  const [path, flags, fd, maxProcesses] = shared === undefined ? [undefined, 0, -1, 0] : place(shared)
  return [new BigUint64Array([
    choice(POLICIES, policy, 'policy'),
    (noEvict ? NO_EVICT : 0) | (manualClock ? MANUAL_CLOCK : 0) | (reportRemovals ? REPORT_REMOVALS : 0),
    Math.min(count(shards, 'shards', 1), 257),
    count(maxEntries, 'maxEntries', 1),
    count(maxBytes, 'maxBytes', 1),
    duration(ttl, 'ttl'),
    duration(tti, 'tti'),
    BigInt(hashSeed),
    Math.round(1000 * jitter),
    shared === undefined ? 0 : 1,
    flags,
    fd,
    maxProcesses
  ].map((value) => typeof value === 'bigint' ? value : milliseconds(value))), path]
}

// What `take` calls.
const getInto = (cache, key, buffer, offset) => native.getInto.call(cache, key, buffer, offset)
const peekInto = (cache, key, buffer, offset) => native.peekInto.call(cache, key, buffer, offset)

/** The size that was copied; undefined for a miss. */
function copied (sized) {
  if (sized >= 0) return sized
  if (sized === -1) return undefined
  throw tooSmall(-2 - sized)
}

class Cache extends NativeCache {
  #sweeper
  #flights = new Map() // computations of this object, by their claims

  constructor (options) {
    super(...opening(options))
  }

  get closed () {
    return native.isClosed.call(this)
  }

  get handle () {
    return native.handle.call(this)
  }

  // ---- Reading ----

  get (key) {
    return take(getInto, peekInto, this, key)
  }

  peek (key) {
    return take(peekInto, peekInto, this, key)
  }

  getInto (key, buffer, offset = 0) {
    return copied(native.getInto.call(this, key, buffer, offset))
  }

  peekInto (key, buffer, offset = 0) {
    return copied(native.peekInto.call(this, key, buffer, offset))
  }

  getWithInfo (key) {
    const [buffer, found] = filled((room) => native.getWithInfo.call(this, key, room), arena)
    if (found === -1) return undefined
    found.value = Buffer.from(buffer.subarray(0, found.size))
    return found
  }

  // ---- Writing ----

  set (key, value, options) {
    native.set.call(this, key, value, lifetime(options))
  }

  setUntil (key, value, deadline) {
    const time = deadline instanceof Date ? deadline.getTime() : deadline
    if (typeof time !== 'number') throw wrongType('deadline', 'a Date or a number', deadline)
    if (Number.isNaN(time)) throw outOfRange('deadline', 'a point in time', deadline)
    native.setUntil.call(this, key, value, Math.ceil(time))
  }

  add (key, value, options) {
    return native.add.call(this, key, value, lifetime(options))
  }

  replace (key, value, options) {
    return native.replace.call(this, key, value, lifetime(options))
  }

  compareAndSet (key, value, version, options) {
    return native.compareAndSet.call(this, key, value, version, lifetime(options))
  }

  touch (key, options) {
    return native.touch.call(this, key, lifetime(options))
  }

  increment (key, delta = 1, options = undefined) {
    const { initial = delta } = optionsOf(options)
    const sum = native.increment.call(this, key, whole(delta, 'delta'), whole(initial, 'initial'),
      lifetime(options))
    if (typeof delta === 'bigint') return sum
    if (!Number.isSafeInteger(Number(sum))) {
      throw makeError(-9, `the sum ${sum}, which is stored, is no safe integer: pass BigInts`)
    }
    return Number(sum)
  }

  // ---- Many at once ----

  getMany (keys, options) {
    return getMany(this, keys, optionsOf(options).encoding)
  }

  setMany (entries, options) {
    setMany(this, entries, lifetime(options))
  }

  deleteMany (keys) {
    return deleteMany(this, keys)
  }

  // ---- The cache as a whole ----

  get size () {
    return native.count.call(this)
  }

  * scan (options) {
    const { prefix = '', encoding = 'utf8', values = false } = optionsOf(options)
    const cursor = new BigUint64Array(1)
    const list = values ? native.scanValues : native.scan
    let buffer
    do {
      let size
      ;[buffer, size] = filled((room) => list.call(this, prefix, cursor, room), buffer)
      yield * [...records(values ? 'value' : 'scan', buffer, size, encoding)]
    } while (cursor[0] !== 0n)
  }

  * keys (options) {
    for (const { key } of this.scan(options)) yield key
  }

  * entries (options) {
    for (const { key, value } of this.scan({ ...options, values: true })) yield [key, value]
  }

  [Symbol.iterator] () {
    return this.entries()
  }

  coldest (limit, options) {
    return this.#listed(native.coldest, limit, options)
  }

  hottest (limit, options) {
    return this.#listed(native.hottest, limit, options)
  }

  #listed (list, limit, options) {
    const { encoding = 'utf8' } = optionsOf(options)
    const most = count(limit, 'limit')
    // As many as fit are written: all of them, if a longer buffer has no more.
    for (let room = 128 * 1024; ; room *= 8) {
      const [buffer, size] = filled((bytes) => list.call(this, most, bytes), Buffer.allocUnsafeSlow(room))
      const found = [...records('scan', buffer, size, encoding)]
      if (found.length >= most || buffer.length - size > 66 * 1024) return found
    }
  }

  takeRemovals (options) {
    const { encoding = 'utf8' } = optionsOf(options)
    const taken = []
    for (let buffer, size; ;) {
      ;[buffer, size] = filled((room) => native.takeRemovals.call(this, room), buffer)
      if (size === -1) return taken
      taken.push(...records('removal', buffer, size, encoding))
    }
  }

  async clear () {
    return native.clear.call(this)
  }

  async deletePrefix (prefix) {
    return native.deletePrefix.call(this, prefix)
  }

  async evict (entries) {
    return native.evict.call(this, count(entries, 'entries'))
  }

  async cleanupExpired (options) {
    const { limit } = optionsOf(options)
    return native.cleanupExpired.call(this, count(limit, 'limit'))
  }

  async resize (bounds) {
    const { maxEntries, maxBytes } = optionsOf(bounds)
    return native.resize.call(this, count(maxEntries, 'maxEntries', 1), count(maxBytes, 'maxBytes', 1))
  }

  async save (path) {
    return native.save.call(this, pathOf(path))
  }

  async load (path) {
    return native.load.call(this, pathOf(path))
  }

  async audit (options) {
    const { prefix = '', remove = [], nearExpiry, idle, batchSize } = optionsOf(options)
    const kinds = remove.reduce((sum, kind) => sum | choice(KINDS, kind, 'remove'), 0)
    return native.audit.call(this, prefix, kinds, duration(nearExpiry, 'nearExpiry'),
      duration(idle, 'idle'), Math.min(count(batchSize, 'batchSize'), 2 ** 32 - 1))
  }

  // ---- Claims ----

  getOrClaim (key, options) {
    return getOrClaim(this, key, options)
  }

  async getOrCompute (key, compute, options) {
    return getOrCompute(this, this.#flights, key, compute, options)
  }

  // ---- Looking ----

  get options () {
    const found = native.options.call(this)
    return {
      maxEntries: found.maxEntries || undefined,
      maxBytes: found.maxBytes || undefined,
      ttl: found.ttl || Infinity,
      tti: found.tti || Infinity,
      jitter: found.jitterPermille / 1000,
      policy: Object.keys(POLICIES)[found.policy],
      noEvict: (found.flags & NO_EVICT) !== 0,
      manualClock: (found.flags & MANUAL_CLOCK) !== 0,
      reportRemovals: (found.flags & REPORT_REMOVALS) !== 0,
      shards: found.shards,
      hashSeed: found.hashSeed
    }
  }

  stats (options) {
    const { bigint = false } = optionsOf(options)
    return native.stats.call(this, Boolean(bigint))
  }

  window (ms) {
    return native.window.call(this, duration(ms, 'window'))
  }

  get sweeper () {
    this.#sweeper ??= new Sweeper(this)
    return this.#sweeper
  }

  advanceClock (ms) {
    native.advanceClock.call(this, span(ms, 'ms'))
  }

  get [Symbol.toStringTag] () {
    return 'Cache'
  }

  /** What the fields of `stats` are, for exporters. */
  static get statsFields () {
    const fields = []
    for (let i = 0, field; (field = statsField(i)) !== undefined; i++) {
      field.name = field.name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
      field.kind = field.kind === 1 ? 'counter' : 'gauge'
      fields.push(field)
    }
    return fields
  }
}

function whole (value, name) {
  if (typeof value === 'bigint') return value
  if (!Number.isSafeInteger(value)) throw outOfRange(name, 'a safe integer or a BigInt', value)
  return BigInt(value)
}

// `using` of newer Nodes.
if (Symbol.dispose) Cache.prototype[Symbol.dispose] = Cache.prototype.close

module.exports = { Cache }
