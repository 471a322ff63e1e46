'use strict'
// What only JavaScript can get wrong: strings, Buffers, numbers, options, errors.

const { test } = require('node:test')
const assert = require('node:assert')
const cachecore = require('..')
const { Cache, CacheError, KEEP } = cachecore
const { folder } = require('./helpers')

const opened = (context, options = { maxEntries: 1000 }) => {
  const cache = new Cache(options)
  context.after(() => cache.close())
  return cache
}
const code = (code, Class = Error) => (error) => {
  assert(error instanceof Class, `${error?.stack} is no ${Class.name}`)
  assert.strictEqual(error.code, code)
  return true
}

test('strings are UTF-8 and the same as their bytes', (t) => {
  const cache = opened(t)
  for (const text of ['plain', 'grün', '漢字', '😀', 'a\0b', 'x'.repeat(1018), 'x'.repeat(1023), 'ü'.repeat(512), '😀'.repeat(5000)]) {
    cache.set(text, text)
    assert.strictEqual(cache.getString(text), text)
    assert.deepStrictEqual(cache.get(Buffer.from(text)), Buffer.from(text))
    assert.strictEqual(cache.peekString(text), text)
  }
  assert.deepStrictEqual(new Set(cache.keys()).size, 9)
})

test('every length of string near the size of the buffer on the stack', (t) => {
  const cache = opened(t, { maxEntries: 10000 })
  for (const [letter, most] of [['x', 1100], ['ü', 520], ['漢', 350], ['😀', 260]]) {
    for (let n = 1; n <= most; n++) {
      cache.set(letter.repeat(n), letter.repeat(n))
      assert.strictEqual(cache.getString(letter.repeat(n)), letter.repeat(n))
    }
  }
})

test('bytes that are no UTF-8 stay as they are, and are replaced in strings', (t) => {
  const cache = opened(t)
  cache.set('k', Buffer.from([0xff, 0x41]))
  assert.deepStrictEqual(cache.get('k'), Buffer.from([0xff, 0x41]))
  assert.strictEqual(cache.getString('k'), '\ufffdA')
})

test('any view is a key and a value, from its offset on', (t) => {
  const cache = opened(t)
  const bytes = new Uint8Array([9, 1, 2, 3, 4, 5, 6, 7, 8, 9]).buffer
  for (const View of [Uint8Array, Int8Array, DataView, Uint8ClampedArray]) {
    cache.set(new View(bytes, 1, 3), new View(bytes, 4, 4))
    assert.deepStrictEqual(cache.get(Buffer.from([1, 2, 3])), Buffer.from([4, 5, 6, 7]))
  }
  cache.set('floats', new Float64Array([1.5, 2.5]))
  assert.strictEqual(cache.get('floats').readDoubleLE(8), 2.5)
  const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(7)
  cache.set('shared', shared)
  assert.deepStrictEqual(cache.get('shared'), Buffer.from([7, 7, 7, 7]))
})

test('a value is a copy: neither side changes the other', (t) => {
  const cache = opened(t)
  const given = Buffer.from('given')
  cache.set('k', given)
  given.fill('x')
  const got = cache.get('k')
  got.fill('y')
  assert.strictEqual(cache.getString('k'), 'given')
  const [first, second] = [cache.get('k'), cache.get('k')]
  first.fill('z')
  assert.strictEqual(second.toString(), 'given')
})

test('values of all sizes come back whole, and do not overlap', (t) => {
  const cache = opened(t)
  const sizes = [0, 1, 7, 8, 9, 1000, 4095, 4096, 4097, 16383, 16384, 16385, 100_000, 2_000_000]
  const kept = []
  for (let round = 0; round < 20; round++) {
    sizes.forEach((size, i) => {
      const value = Buffer.alloc(size, round * sizes.length + i)
      cache.set(`${size}`, value)
      kept.push([value, cache.get(`${size}`)])
    })
  }
  for (const [value, got] of kept) assert(value.equals(got))
})

test('getInto copies into a Buffer, from an offset on', (t) => {
  const cache = opened(t)
  cache.set('k', 'value')
  const buffer = Buffer.alloc(8, '-')
  assert.strictEqual(cache.getInto('k', buffer, 2), 5)
  assert.strictEqual(buffer.toString(), '--value-')
  assert.strictEqual(cache.getInto('k', buffer), 5)
  assert.strictEqual(cache.getInto('k', new Uint16Array(4)), 5)
  assert.strictEqual(cache.getInto('absent', buffer), undefined)
  assert.throws(() => cache.getInto('k', buffer, 4), (error) => {
    return code('ERR_CACHECORE_TOO_SMALL', cachecore.TooSmallError)(error) && error.size === 5
  })
  assert.throws(() => cache.getInto('k', buffer, 9), code('ERR_CACHECORE_ARGUMENT', CacheError))
  assert.throws(() => cache.getInto('k', buffer, -1), code('ERR_CACHECORE_ARGUMENT', CacheError))
  assert.throws(() => cache.getInto('k', 'text'), code('ERR_INVALID_ARG_TYPE', TypeError))
})

test('a wrong type is a TypeError and changes nothing', (t) => {
  const cache = opened(t)
  for (const wrong of [undefined, null, 5, 5n, true, Symbol('s'), {}, [1], () => 1, new ArrayBuffer(3)]) {
    const isTypeError = code('ERR_INVALID_ARG_TYPE', TypeError)
    assert.throws(() => cache.get(wrong), isTypeError)
    assert.throws(() => cache.getString(wrong), isTypeError)
    assert.throws(() => cache.set(wrong, 'v'), isTypeError)
    assert.throws(() => cache.set('k', wrong), isTypeError)
    assert.throws(() => cache.delete(wrong), isTypeError)
    assert.throws(() => cache.getMany([wrong]), isTypeError)
    assert.throws(() => cache.setMany([['k', wrong]]), isTypeError)
    assert.throws(() => cache.increment(wrong), isTypeError)
    assert.throws(() => cache.getOrClaim(wrong), isTypeError)
  }
  assert.throws(() => cache.set('k', 'v', 1000), code('ERR_INVALID_ARG_TYPE', TypeError))
  assert.strictEqual(cache.size, 0)
})

test('a lifetime is above 0, and rounded up', (t) => {
  const cache = opened(t, { maxEntries: 10, manualClock: true })
  for (const ttl of [0, -1, NaN, -Infinity]) {
    assert.throws(() => cache.set('k', 'v', { ttl }), code('ERR_OUT_OF_RANGE', RangeError))
  }
  for (const ttl of ['1000', 1000n, null]) {
    assert.throws(() => cache.set('k', 'v', { ttl }), code('ERR_INVALID_ARG_TYPE', TypeError))
  }
  cache.set('k', 'v', { ttl: 0.001 })
  assert.strictEqual(cache.ttl('k'), 1)
  cache.set('k', 'v', { ttl: 1e30 })
  assert(cache.ttl('k') > 1e12)
  cache.set('k', 'v', { ttl: Infinity })
  assert.strictEqual(cache.ttl('k'), Infinity)
  cache.set('k', 'v', { ttl: 500 })
  cache.advanceClock(100)
  cache.set('k', 'w', { ttl: KEEP })
  assert.strictEqual(cache.ttl('k'), 400)
  cache.setUntil('k', 'v', new Date(Date.now() + 60_000))
  assert(cache.ttl('k') > 30_000)
  cache.setUntil('k', 'v', Date.now() - 1)
  assert.strictEqual(cache.has('k'), false)
})

test('options are checked when a cache is opened', () => {
  for (const options of [{}, undefined, { maxBytes: 10 }, { maxEntries: 10, shards: 257 }]) {
    assert.throws(() => new Cache(options), code('ERR_CACHECORE_ARGUMENT', cachecore.ArgumentError))
  }
  for (const options of [{ maxEntries: 0 }, { maxEntries: -1 }, { maxEntries: 1.5 }, { maxEntries: 5, ttl: 0 },
    { maxEntries: 5, policy: 'fifo' }, { maxEntries: 5, jitter: 2 }, { maxEntries: NaN }]) {
    assert.throws(() => new Cache(options), code('ERR_OUT_OF_RANGE', RangeError))
  }
  for (const options of [5, null, { maxEntries: '5' }, { maxEntries: 5, ttl: '1' }]) {
    assert.throws(() => new Cache(options), code('ERR_INVALID_ARG_TYPE', TypeError))
  }
  assert.throws(() => new Cache({ maxBytes: 10 }), /max_bytes/)
  assert.throws(() => Cache({ maxEntries: 5 }), TypeError)
})

test('options are those that are in force', (t) => {
  const cache = opened(t, { maxEntries: 10, ttl: 500, policy: 'adaptive', noEvict: true, jitter: 0.1 })
  const { maxEntries, maxBytes, ttl, tti, policy, noEvict, manualClock, jitter } = cache.options
  assert.deepStrictEqual([maxEntries, maxBytes, ttl, tti, policy, noEvict, manualClock, jitter],
    [10, undefined, 500, Infinity, 'adaptive', true, false, 0.1])
})

test('every status is a class of its own, with a code', async (t) => {
  const cache = opened(t, { maxEntries: 1, shards: 1, noEvict: true })
  cache.set('k', 'v')
  assert.throws(() => cache.set('other', 'v'), code('ERR_CACHECORE_FULL', cachecore.FullError))
  assert.throws(() => cache.increment('k'), code('ERR_CACHECORE_TYPE', cachecore.NotANumberError))
  assert.throws(() => cache.get(''), code('ERR_CACHECORE_ARGUMENT', cachecore.ArgumentError))
  assert.throws(() => cache.advanceClock(1), code('ERR_CACHECORE_STATE', cachecore.StateError))
  await assert.rejects(cache.load('/nowhere'), code('ERR_CACHECORE_STATE', cachecore.StateError))
  await assert.rejects(cache.save('/dev/null'), code('ERR_CACHECORE_LAYOUT', cachecore.LayoutError))
  const small = opened(t, { maxBytes: 65536 })
  assert.throws(() => small.set('k', Buffer.alloc(1e6)), code('ERR_CACHECORE_REFUSED', cachecore.RefusedError))
  cache.close()
  assert.throws(() => cache.get('k'), code('ERR_CACHECORE_CLOSED', cachecore.ClosedError))
  await assert.rejects(cache.clear(), code('ERR_CACHECORE_CLOSED', cachecore.StateError))
  assert.strictEqual(cache.closed, true)
  cache.close()
})

test('an error has a name, a message, and a stack that leads to the caller', (t) => {
  const cache = opened(t)
  cache.close()
  assert.throws(() => cache.get('k'), (error) => {
    assert.strictEqual(String(error), 'ClosedError: the cache is closed')
    assert.match(error.stack, /cache\.test\.js/)
    return error.status === -6
  })
})

test('methods do not work on what is no cache', (t) => {
  const cache = opened(t)
  for (const self of [undefined, {}, Object.create(Cache.prototype), Cache, []]) {
    assert.throws(() => cache.get.call(self, 'k'), TypeError)
    assert.throws(() => cache.getString.call(self, 'k'), TypeError)
    assert.throws(() => cache.close.call(self), TypeError)
  }
  class Sub extends Cache {
    get (key) { return super.get(key)?.toString() }
  }
  const sub = new Sub({ maxEntries: 10 })
  sub.set('k', 'v')
  assert.strictEqual(sub.get('k'), 'v')
  sub.close()
})

test('numbers and BigInts of increment', (t) => {
  const cache = opened(t)
  assert.strictEqual(cache.increment('n'), 1)
  assert.strictEqual(cache.increment('n', 41), 42)
  assert.strictEqual(cache.increment('n', -50n), -8n)
  assert.strictEqual(cache.increment('m', 5, { initial: 0, ttl: 1000 }), 0)
  assert.throws(() => cache.increment('n', 1.5), code('ERR_OUT_OF_RANGE', RangeError))
  assert.throws(() => cache.increment('n', 2n ** 64n), code('ERR_CACHECORE_RANGE', cachecore.OverflowError))
  cache.set('large', String(2n ** 60n))
  assert.throws(() => cache.increment('large'), code('ERR_CACHECORE_RANGE', CacheError))
  assert.strictEqual(cache.increment('large', 1n), 2n ** 60n + 2n)
})

test('many at once', (t) => {
  const cache = opened(t, { maxEntries: 10, noEvict: true, shards: 1 })
  cache.setMany(new Map([['a', '1'], ['b', Buffer.from('2')]]), { ttl: 10_000 })
  cache.setMany(Object.entries({ c: 'x'.repeat(300_000), d: '' }))
  assert.deepStrictEqual(cache.getMany(new Set(['a', 'no', 'b']), { encoding: 'utf8' }), ['1', undefined, '2'])
  const values = cache.getMany(['a', 'c', 'no', 'd', 'b'])
  assert.deepStrictEqual(values.map((value) => value?.length), [1, 300_000, undefined, 0, 1])
  const long = cache.getMany(['c', 'a'], { encoding: 'utf8' })
  assert.deepStrictEqual(long.map((text) => text.length), [300_000, 1])
  const many = Array.from({ length: 12 }, (_, i) => [`k${i}`, 'v'])
  assert.throws(() => cache.setMany(many), (error) => {
    assert(error instanceof cachecore.FullError)
    assert.deepStrictEqual(error.keys, ['k6', 'k7', 'k8', 'k9', 'k10', 'k11'])
    return true
  })
  assert.strictEqual(cache.deleteMany(['a', 'b', 'no']), 2)
  assert.deepStrictEqual(cache.getMany([]), [])
  assert.throws(() => cache.getMany(['a', '']), code('ERR_CACHECORE_ARGUMENT', CacheError))
  assert.throws(() => cache.getMany(null), TypeError)
})

test('keys that close the cache when they are read', (t) => {
  for (const at of [0, 1, 2, 3]) {
    const cache = opened(t)
    const closing = { length: 2, 0: Buffer.from('a') }
    let reads = 0
    const key = () => { if (reads++ === at) cache.close(); return Buffer.from('b') }
    Object.defineProperty(closing, 1, { get: key })
    const array = Object.defineProperty(['a'], 1, { get: key })
    for (const keys of [closing, array, new Proxy(['a', 'b'], { get: (target, name) => { key(); return target[name] } })]) {
      try { cache.getMany(keys) } catch (error) { assert.strictEqual(error.code, 'ERR_CACHECORE_CLOSED') }
      try { cache.deleteMany(keys) } catch (error) { assert.strictEqual(error.code, 'ERR_CACHECORE_CLOSED') }
    }
    assert(cache.closed)
  }
})

test('many at once, of every kind of text', (t) => {
  const cache = opened(t, { maxEntries: 10_000 })
  const texts = ['a', 'ü', '漢字', '😀', 'x'.repeat(2000), 'a\0b', 'ä'.repeat(1500)]
  const kinds = [texts.filter((text) => /^[\0-\x7f]*$/.test(text)), texts, texts.map((text) => Buffer.from(text)),
    texts.map((text, i) => i % 2 ? Buffer.from(text) : text), Array.from({ length: 1000 }, (_, i) => `key ${i}`)]
  for (const keys of kinds) {
    cache.setMany(keys.map((key) => [key, key]), { ttl: 10_000 })
    assert.deepStrictEqual(cache.getMany(keys, { encoding: 'utf8' }), keys.map(String))
    assert.deepStrictEqual(cache.getMany(keys), keys.map((key) => Buffer.from(key)))
    assert.deepStrictEqual(cache.getMany(keys, { encoding: 'latin1' }), keys.map((key) => Buffer.from(key).toString('latin1')))
    assert(cache.ttl(keys[0]) > 5000)
    assert.strictEqual(cache.deleteMany(keys), keys.length)
    assert.strictEqual(cache.size, 0)
  }
  // Halves of one character, which are none when they stand alone.
  cache.setMany([['\ud83d', '1'], ['\ude00', '2']])
  assert.strictEqual(cache.size, 1)
})

test('iterating', async (t) => {
  const cache = opened(t, { maxEntries: 100_000 })
  const expected = new Map()
  for (let i = 0; i < 5000; i++) expected.set(`key:${i}`, `value ${i}`)
  expected.set('large', 'x'.repeat(500_000))
  cache.setMany(expected)
  const seen = new Map()
  for (const [key, value] of cache) seen.set(key, value.toString())
  assert.deepStrictEqual([...seen].sort(), [...expected].sort())
  assert.strictEqual([...cache.keys({ prefix: 'key:1' })].length, 1111)
  const [first] = cache.scan({ prefix: Buffer.from('large'), encoding: 'buffer' })
  assert.deepStrictEqual(first, { key: Buffer.from('large'), size: 500_000, ttl: Infinity })
  for (const key of cache.keys({ prefix: 'key:2' })) cache.delete(key)
  assert.strictEqual(cache.size, expected.size - 1111)
  assert.strictEqual(cache.hottest(5).length, 5)
  assert.strictEqual(cache.coldest(100_000).length, cache.size)
  const iterator = cache.keys()
  iterator.next()
  cache.close()
  assert.throws(() => { while (!iterator.next().done); }, code('ERR_CACHECORE_CLOSED', CacheError))
})

test('a removal has key, value and cause', (t) => {
  const cache = opened(t, { maxEntries: 2, shards: 1, reportRemovals: true })
  for (const key of ['a', 'b', 'c']) cache.set(key, `${key}'s`)
  const [removal] = cache.takeRemovals()
  assert.deepStrictEqual(removal, { key: 'a', size: 3, value: Buffer.from("a's"), cause: 'evicted' })
  cache.set('large', Buffer.alloc(300_000))
  cache.delete('large')
  assert.strictEqual(cache.takeRemovals().at(-1).value.length, 300_000)
})

test('statistics have every field that the library has', (t) => {
  const cache = opened(t)
  cache.set('k', 'v')
  cache.get('k')
  const names = Cache.statsFields.map((field) => field.name)
  assert.deepStrictEqual(Object.keys(cache.stats()).sort(), names.sort())
  assert.strictEqual(cache.stats().hits, 1)
  assert.strictEqual(cache.stats({ bigint: true }).hits, 1n)
  const hits = Cache.statsFields.find((field) => field.name === 'hits')
  assert.strictEqual(hits.kind, 'counter')
  assert.strictEqual(cache.window(Infinity).hits, 1)
})

test('audit and compareAndSet', async (t) => {
  const cache = opened(t, { maxEntries: 100, manualClock: true })
  cache.set('short', 'v', { ttl: 10 })
  cache.set('long', 'v')
  cache.advanceClock(20)
  const audit = await cache.audit({ remove: ['expired'], nearExpiry: 1000 })
  assert.deepStrictEqual([audit.scanned, audit.expired, audit.removed, audit.withoutExpiry], [2, 1, 1, 1])
  const { version, value } = cache.getWithInfo('long')
  assert.strictEqual(value.toString(), 'v')
  assert.strictEqual(cache.compareAndSet('long', 'w', version), true)
  assert.strictEqual(cache.compareAndSet('long', 'x', version), false)
  assert.throws(() => cache.compareAndSet('long', 'x', 5), code('ERR_INVALID_ARG_TYPE', TypeError))
  cache.set('large', Buffer.alloc(5000, 1))
  assert.strictEqual(cache.getWithInfo('large').value.length, 5000)
})

test('a shared cache: modes, and a URL', (t) => {
  const place = `${folder(t)}/cache`
  assert.throws(() => new Cache({ maxEntries: 10, shared: { path: place, mode: 'attach' } }),
    code('ERR_CACHECORE_STATE', cachecore.StateError))
  const one = opened(t, { maxEntries: 10, shared: { path: place, mode: 'create', maxProcesses: 3 } })
  one.set('k', 'v')
  const other = opened(t, { maxEntries: 10, shared: new URL(`file://${place}`) })
  assert.strictEqual(other.getString('k'), 'v')
  assert.strictEqual(other.sharedInfo().maxProcesses, 3)
  assert.throws(() => new Cache({ maxEntries: 10, shared: '' }), code('ERR_CACHECORE_ARGUMENT', CacheError))
  assert.throws(() => new Cache({ maxEntries: 10, shared: { path: place, mode: 'r' } }), RangeError)
})
