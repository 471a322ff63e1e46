'use strict'
// Runs the scenarios that all bindings share: a test for each.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Cache, CacheError, KEEP } = require('..')

const file = process.env.CACHECORE_SCENARIOS || path.resolve(__dirname, '../../scenarios.txt')

// Verbs that this binding lacks. Values are not lent to JavaScript: README.md says why.
const LACKING = { acquire: 'values are copied', borrowed: 'values are copied', release: 'values are copied' }

// ---- Words ----

function bytesOf (word) {
  if (word === '""') return Buffer.alloc(0)
  const star = word.lastIndexOf('*')
  const [text, times] = star < 0 ? [word, 1] : [word.slice(0, star), Number(word.slice(star + 1))]
  const latin = text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
  return Buffer.concat(Array(times).fill(Buffer.from(latin, 'latin1')))
}

/** Results are compared as bytes, hence in latin1. */
const expected = (word) => bytesOf(word).toString('latin1')
const said = (value) => Buffer.isBuffer(value) ? value.toString('latin1') : String(value)
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
const lasting = (ms) => ms === Infinity ? 'never' : ms
const byBytes = (one, other) => Buffer.compare(one.key, other.key)
const keysOf = (records) => records.map(({ key }) => key)

function lifetime (word) {
  if (word === 'default') return {}
  return { ttl: { never: Infinity, keep: KEEP }[word] ?? Number(word) }
}

const NAMES = { ERR_CACHECORE_REFUSED: 'refused', ERR_CACHECORE_CLOSED: 'e_state' }

function statusOf (error) {
  if (error.code === 'ERR_OUT_OF_RANGE') return 'e_argument'
  if (!(error instanceof CacheError)) throw error
  return NAMES[error.code] ?? error.code.replace('ERR_CACHECORE_', 'e_').toLowerCase()
}

// ---- Steps ----

const found = (value, ...rest) => value === undefined ? ['miss'] : ['ok', value, ...rest]
const yes = (is, otherwise = 'miss') => [is ? 'ok' : otherwise]

class Runner {
  constructor (folder) {
    this.folder = folder
    this.caches = new Map()
    this.kept = new Map()
  }

  in (name) {
    return path.join(this.folder, name)
  }

  open (name, ...options) {
    const given = {}
    for (const option of options) {
      const [key, value] = option.split('=')
      if (key === 'shared') given.shared = this.in(value)
      else if (key === 'policy') given.policy = value
      else given[camel(key).replace(/^default(T.i)Ms|^default(Ttl)Ms/, (_, a, b) => (a ?? b).toLowerCase())
        .replace('shardCount', 'shards')] = value === undefined ? true : Number(value)
    }
    this.cache = new Cache(given)
    this.caches.set(name, this.cache)
    return ['ok']
  }

  use (name) {
    this.cache = this.caches.get(name)
    return ['ok']
  }

  close () {
    this.cache.close()
    return ['ok']
  }

  closeAll () {
    for (const cache of this.caches.values()) cache.close()
  }

  set (key, value, ttl) {
    this.cache.set(bytesOf(key), bytesOf(value), lifetime(ttl))
    return ['ok']
  }

  add (key, value, ttl) {
    return yes(this.cache.add(bytesOf(key), bytesOf(value), lifetime(ttl)), 'exists')
  }

  replace (key, value, ttl) {
    return yes(this.cache.replace(bytesOf(key), bytesOf(value), lifetime(ttl)))
  }

  get (key) {
    const value = this.cache.get(bytesOf(key))
    const room = Buffer.alloc(300000)
    const size = this.cache.peekInto(bytesOf(key), room)
    assert.deepStrictEqual(size === undefined ? undefined : room.subarray(0, size), value)
    return found(value)
  }

  peek (key) {
    return found(this.cache.peek(bytesOf(key)))
  }

  contains (key) {
    return yes(this.cache.has(bytesOf(key)))
  }

  delete (key) {
    return yes(this.cache.delete(bytesOf(key)))
  }

  touch (key, ttl) {
    return yes(this.cache.touch(bytesOf(key), lifetime(ttl)))
  }

  ttl (key) {
    const ms = this.cache.ttl(bytesOf(key))
    return ms === undefined ? ['miss'] : ['ok', lasting(ms)]
  }

  inspect (key) {
    const info = this.cache.inspect(bytesOf(key))
    return info === undefined ? ['miss'] : ['ok', info.size, lasting(info.ttl), info.age]
  }

  increment (key, delta, initial, ttl) {
    const options = { initial: BigInt(initial), ...lifetime(ttl) }
    return ['ok', this.cache.increment(bytesOf(key), BigInt(delta), options)]
  }

  get_with_info (key, name) {
    const info = this.cache.getWithInfo(bytesOf(key))
    if (info === undefined) return ['miss']
    this.kept.set(name, info.version)
    return ['ok', info.value, lasting(info.ttl)]
  }

  compare_and_set (key, value, name, ttl) {
    const version = this.kept.get(name)
    const isStored = this.cache.compareAndSet(bytesOf(key), bytesOf(value), version, lifetime(ttl))
    return yes(isStored, this.cache.has(bytesOf(key)) ? 'conflict' : 'miss')
  }

  set_many (ttl, ...words) {
    const entries = []
    for (let i = 0; i < words.length; i += 2) entries.push([bytesOf(words[i]), bytesOf(words[i + 1])])
    this.cache.setMany(entries, lifetime(ttl))
    return ['ok']
  }

  get_many (...keys) {
    return ['ok', ...this.cache.getMany(keys.map(bytesOf)).flatMap((value) => found(value))]
  }

  delete_many (...keys) {
    return ['ok', this.cache.deleteMany(keys.map(bytesOf))]
  }

  count () {
    return ['ok', this.cache.size]
  }

  async clear () {
    await this.cache.clear()
    return ['ok']
  }

  async delete_prefix (prefix) {
    return ['ok', await this.cache.deletePrefix(bytesOf(prefix))]
  }

  #scanned (prefix, values) {
    return [...this.cache.scan({ prefix: bytesOf(prefix), encoding: 'buffer', values })].sort(byBytes)
  }

  scan (prefix) {
    return ['ok', ...keysOf(this.#scanned(prefix, false))]
  }

  scan_values (prefix) {
    return ['ok', ...this.#scanned(prefix, true).flatMap(({ key, value }) => [key, value])]
  }

  coldest (limit) {
    return ['ok', ...keysOf(this.cache.coldest(Number(limit)))]
  }

  hottest (limit) {
    return ['ok', ...keysOf(this.cache.hottest(Number(limit)))]
  }

  async evict (count) {
    return ['ok', await this.cache.evict(Number(count))]
  }

  async cleanup_expired () {
    return ['ok', await this.cache.cleanupExpired()]
  }

  async resize (entries, bytes) {
    await this.cache.resize({ maxEntries: Number(entries) || undefined, maxBytes: Number(bytes) || undefined })
    return ['ok']
  }

  stats (field) {
    const name = camel(field)
    assert.strictEqual(Number(this.cache.stats({ bigint: true })[name]), this.cache.stats()[name])
    return ['ok', this.cache.stats()[name]]
  }

  reset_stats () {
    this.cache.resetStats()
    return ['ok']
  }

  take_removals () {
    const taken = this.cache.takeRemovals({ encoding: 'buffer' })
    return ['ok', ...taken.flatMap(({ key, value, cause }) => [key, value, cause])]
  }

  advance (ms) {
    this.cache.advanceClock(Number(ms))
    return ['ok']
  }

  async save (name) {
    return ['ok', await this.cache.save(this.in(name))]
  }

  async load (name) {
    return ['ok', await this.cache.load(this.in(name))]
  }

  shared_info (field) {
    return ['ok', Number(this.cache.sharedInfo()[camel(field)])]
  }

  sweeper_start (ms) {
    this.cache.sweeper.start({ interval: Number(ms) })
    return ['ok']
  }

  async sweeper_trigger () {
    return ['ok', await this.cache.sweeper.trigger()]
  }

  async sweeper_stop () {
    await this.cache.sweeper.stop()
    return ['ok']
  }

  get_or_claim (key, name) {
    const answer = this.cache.getOrClaim(bytesOf(key))
    this.kept.set(name, answer)
    const words = [answer.status === 'fresh' ? 'ok' : answer.status]
    if (answer.value !== undefined) words.push(answer.value)
    if (answer.claim?.isHeld) words.push('held')
    return words
  }

  async claim_wait (name, ms) {
    return yes(await this.kept.get(name).ended({ timeout: Number(ms) }), 'e_timeout')
  }

  fulfill (name, value, ttl, stale) {
    const options = { ...lifetime(ttl), stale: Number(stale) || undefined }
    return yes(this.kept.get(name).claim.fulfill(bytesOf(value), options), 'conflict')
  }

  fulfill_absent (name, ttl) {
    return yes(this.kept.get(name).claim.fulfillAbsent(lifetime(ttl)), 'conflict')
  }

  abandon (name, retry) {
    this.kept.get(name).claim.abandon({ retry: Number(retry) })
    return ['ok']
  }
}

// ---- Scenarios ----

function scenarios () {
  const all = []
  fs.readFileSync(file, 'latin1').split('\n').forEach((line, i) => {
    if (line === '' || line.startsWith('#')) return
    const words = line.split(' ')
    if (words[0] === 'scenario') return all.push({ name: words[1], steps: [] })
    // `=` alone: an option such as max_entries=1 has one too.
    const middle = words.indexOf('=')
    all.at(-1).steps.push({ line: i + 1, text: line, call: words.slice(0, middle), result: words.slice(middle + 1) })
  })
  return all
}

async function answerOf (runner, [verb, ...words]) {
  try {
    return await runner[verb](...words)
  } catch (error) {
    return [statusOf(error)]
  }
}

const all = scenarios()
assert(all.length >= 20, `${file} has ${all.length} scenarios`)
for (const { name, steps } of all) {
  const lacking = steps.map(({ call }) => call[0]).find((verb) => verb in LACKING)
  if (lacking) {
    console.log(`scenario ${name} is not run: no ${lacking}, ${LACKING[lacking]}`)
    continue
  }
  test(`scenario ${name}`, async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cachecore-node-'))
    const runner = new Runner(folder)
    try {
      for (const { line, text, call, result } of steps) {
        const answer = (await answerOf(runner, call)).map(said)
        const label = text.length > 200 ? `${text.slice(0, 200)}...` : text
        assert.deepStrictEqual(answer, result.map(expected), `line ${line}: ${label}`)
      }
    } finally {
      runner.closeAll()
      fs.rmSync(folder, { recursive: true })
    }
  })
}
