'use strict'
// One computes: among the callers of a thread, among workers, among processes.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const { Cache, ClosedError, TimeoutError } = require('..')
const { sleep, until, inWorker, startWorker, inProcess, startProcess, folder } = require('./helpers')

const opened = (context, options = { maxEntries: 1000 }) => {
  const cache = new Cache(options)
  context.after(() => cache.close())
  return cache
}

test('one of many callers computes, and each has bytes of its own', async (t) => {
  const cache = opened(t)
  let computed = 0
  const compute = async (key) => {
    computed += 1
    await sleep(20)
    return `value of ${key}`
  }
  const values = await Promise.all(Array.from({ length: 100 }, () => cache.getOrCompute('k', compute)))
  assert.strictEqual(computed, 1)
  values[0].fill('x')
  for (const value of values.slice(1)) assert.strictEqual(value.toString(), 'value of k')
  assert.strictEqual(await cache.getOrCompute('k', compute, { encoding: 'utf8' }), 'value of k')
  assert.strictEqual(computed, 1)
})

test('a failure goes to all who wait, and the next caller computes', async (t) => {
  const cache = opened(t)
  let computed = 0
  const fails = async () => {
    computed += 1
    await sleep(10)
    throw new Error('no luck')
  }
  const results = await Promise.allSettled([1, 2, 3].map(() => cache.getOrCompute('k', fails)))
  assert.deepStrictEqual(results.map((result) => result.reason?.message), ['no luck', 'no luck', 'no luck'])
  assert.strictEqual(computed, 1)
  assert.strictEqual(await cache.getOrCompute('k', () => 'luck', { encoding: 'utf8' }), 'luck')
  await assert.rejects(cache.getOrCompute('other', () => { throw new TypeError('at once') }), TypeError)
  await assert.rejects(cache.getOrCompute('other', () => ({})), TypeError)
  assert.strictEqual(await cache.getOrCompute('other', () => 'v', { encoding: 'utf8' }), 'v')
})

test('an absence is kept for as long as it is said to', async (t) => {
  const cache = opened(t, { maxEntries: 10, manualClock: true })
  let computed = 0
  const nothing = async () => { computed += 1 }
  for (let i = 0; i < 3; i++) assert.strictEqual(await cache.getOrCompute('k', nothing, { absent: 1000 }), undefined)
  assert.strictEqual(computed, 1)
  cache.advanceClock(1000)
  await cache.getOrCompute('k', nothing)
  await cache.getOrCompute('k', nothing)
  assert.strictEqual(computed, 3)
})

test('a stale value is served while one computes in the background', async (t) => {
  const cache = opened(t, { maxEntries: 10, manualClock: true })
  let computed = 0
  const compute = async () => {
    computed += 1
    await sleep(10)
    return String(computed)
  }
  const options = { ttl: 1000, stale: 5000, encoding: 'utf8' }
  assert.strictEqual(await cache.getOrCompute('k', compute, options), '1')
  cache.advanceClock(1000)
  const values = await Promise.all([1, 2, 3].map(() => cache.getOrCompute('k', compute, options)))
  assert.deepStrictEqual(values, ['1', '1', '1'])
  await until(() => cache.getString('k') === '2', 'the new value')
  assert.strictEqual(computed, 2)
  cache.advanceClock(1000)
  const errors = []
  const fail = async () => { throw new Error('later') }
  assert.strictEqual(await cache.getOrCompute('k', fail,
    { ...options, onBackgroundError: (error) => errors.push(error.message) }), '2')
  await until(() => errors.length === 1, 'the error')
})

test('what was deleted while it was computed is returned, and is not stored', async (t) => {
  const cache = opened(t)
  const value = cache.getOrCompute('k', async () => {
    cache.delete('k')
    return 'old'
  }, { encoding: 'utf8' })
  assert.strictEqual(await value, 'old')
  assert.strictEqual(cache.has('k'), false)
})

test('who asks after a delete does not get what was computed before it', async (t) => {
  const cache = opened(t)
  let finish
  const before = cache.getOrCompute('k', () => new Promise((resolve) => { finish = resolve }), { encoding: 'utf8' })
  await until(() => finish !== undefined, 'the computation')
  const waiting = cache.getOrCompute('k', () => 'asked before', { encoding: 'utf8' })
  cache.delete('k')
  const after = cache.getOrCompute('k', () => 'new', { encoding: 'utf8' })
  assert.strictEqual(await after, 'new')
  assert.strictEqual(await waiting, 'new')
  finish('old')
  assert.strictEqual(await before, 'old')
  assert.strictEqual(cache.getString('k'), 'new')
})

test('a value that the cache cannot hold is returned', async (t) => {
  const cache = opened(t, { maxBytes: 65536 })
  const value = await cache.getOrCompute('k', () => Buffer.alloc(1e6))
  assert.strictEqual(value.length, 1e6)
  assert.strictEqual(cache.has('k'), false)
})

test('waiting does not hold up the event loop, nor the pool', async (t) => {
  const cache = opened(t)
  const found = Array.from({ length: 20 }, (_, i) => cache.getOrClaim(`k${i}`))
  const waits = found.map((_, i) => cache.getOrCompute(`k${i}`, () => 'mine', { encoding: 'utf8' }))
  let turns = 0
  for (; turns < 50; turns++) {
    await new Promise((resolve) => setImmediate(resolve))
    await fs.promises.stat(__filename) // by the pool
  }
  found.forEach(({ claim }, i) => claim.fulfill(`theirs ${i}`))
  assert.deepStrictEqual(await Promise.all(waits), found.map((_, i) => `theirs ${i}`))
})

test('a wait ends after its timeout, and when the cache is closed', async (t) => {
  const cache = opened(t)
  const { claim } = cache.getOrClaim('k')
  const pending = cache.getOrClaim('k')
  assert.strictEqual(await pending.ended({ timeout: 0 }), false)
  assert.strictEqual(await pending.ended({ timeout: 30 }), false)
  await assert.rejects(cache.getOrCompute('k', () => 'v', { timeout: 30 }), TimeoutError)
  const wait = pending.ended()
  const compute = cache.getOrCompute('k', () => 'v')
  cache.close()
  await assert.rejects(wait, ClosedError)
  await assert.rejects(compute, ClosedError)
  assert.strictEqual(claim.isHeld, false)
  assert.throws(() => claim.fulfill('v'), ClosedError)
})

test('a computation that outlives its cache still returns', async (t) => {
  const cache = opened(t)
  const value = cache.getOrCompute('k', async () => {
    cache.close()
    return 'v'
  }, { encoding: 'utf8' })
  assert.strictEqual(await value, 'v')
})

test('a claim is ended once', (t) => {
  const cache = opened(t)
  const { claim } = cache.getOrClaim('k')
  assert.throws(() => claim.fulfill(5), TypeError)
  assert.throws(() => claim.fulfillAbsent(), /argument/)
  assert.strictEqual(claim.isHeld, true)
  assert.strictEqual(claim.fulfill('v'), true)
  assert.strictEqual(claim.isHeld, false)
  assert.throws(() => claim.fulfill('v'), { code: 'ERR_CACHECORE_STATE' })
  assert.throws(() => claim.abandon(), { code: 'ERR_CACHECORE_STATE' })
})

test('a claim ends by itself', async (t) => {
  const cache = opened(t, { maxEntries: 10, manualClock: true })
  const { claim } = cache.getOrClaim('k', { claimTime: 1000 })
  const compute = cache.getOrCompute('k', () => 'second', { encoding: 'utf8' })
  cache.advanceClock(1000)
  assert.strictEqual(await compute, 'second')
  assert.strictEqual(claim.fulfill('first'), false)
})

test('the key of a claim is a copy of the view that was given', async (t) => {
  const cache = opened(t)
  const key = Buffer.from('key')
  const { claim } = cache.getOrClaim(key)
  const pending = cache.getOrClaim(key)
  key.fill('x')
  claim.fulfill('v')
  assert.strictEqual(await pending.ended(), true)
  assert.strictEqual(cache.getString('key'), 'v')
})

test('one worker of several computes', async (t) => {
  const cache = opened(t)
  const counter = new Int32Array(new SharedArrayBuffer(4))
  const body = async () => {
    const cache = new cachecore.Cache({ handle: data.handle })
    const values = []
    for (let i = 0; i < 20; i++) {
      values.push(await cache.getOrCompute(`k${i}`, async () => {
        Atomics.add(data.counter, 0, 1)
        await sleep(2)
        return `value ${i}`
      }, { encoding: 'utf8' }))
    }
    cache.close()
    return values
  }
  const results = await Promise.all([1, 2, 3, 4].map(() => inWorker(body, { handle: cache.handle, counter })))
  for (const values of results) assert.deepStrictEqual(values, Array.from({ length: 20 }, (_, i) => `value ${i}`))
  assert.strictEqual(counter[0], 20)
})

test('a worker that is terminated while it computes gives its claim up', async (t) => {
  const cache = opened(t)
  const worker = startWorker(async () => {
    const cache = new cachecore.Cache({ handle: data })
    cache.getOrCompute('k', () => new Promise(() => setInterval(() => {}, 1000)))
    return 'computing'
  }, cache.handle)
  await new Promise((resolve) => worker.once('message', resolve))
  const value = cache.getOrCompute('k', () => 'mine', { encoding: 'utf8' })
  await worker.terminate()
  assert.strictEqual(await value, 'mine')
})

test('a worker that is terminated while it waits leaves nothing behind', async (t) => {
  const cache = opened(t)
  const { claim } = cache.getOrClaim('k')
  const workers = [1, 2, 3, 4].map(() => startWorker(async () => {
    const cache = new cachecore.Cache({ handle: data })
    for (let i = 0; i < 50; i++) cache.getOrCompute('k', () => 'worker').catch(() => {})
    cache.getOrClaim('k').ended({ timeout: 1 })
    return 'waiting'
  }, cache.handle))
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
  await Promise.all(workers.map((worker) => worker.terminate()))
  claim.fulfill('main')
  assert.strictEqual(cache.getString('k'), 'main')
})

test('one process of several computes, and the others wait for it', async (t) => {
  const place = `${folder(t)}/cache`
  const source = `
    const cache = new Cache({ maxEntries: 100, shared: args[0] })
    const value = await cache.getOrCompute('k', async () => {
      process.stdout.write('computed ')
      await sleep(100)
      return 'by ' + process.pid
    }, { encoding: 'utf8' })
    process.stdout.write(value)
    cache.close()`
  const results = await Promise.all([1, 2, 3].map(() => inProcess(source, [place])))
  assert.deepStrictEqual(results.map(({ code, error }) => [code, error]), [[0, ''], [0, ''], [0, '']])
  assert.strictEqual(results.filter(({ out }) => out.startsWith('computed')).length, 1)
  assert.strictEqual(new Set(results.map(({ out }) => out.replace('computed ', ''))).size, 1)
})

test('a process that is killed while it computes gives its claim up', async (t) => {
  const place = `${folder(t)}/cache`
  const cache = opened(t, { maxEntries: 100, shared: place })
  const child = startProcess(`
    const cache = new Cache({ maxEntries: 100, shared: args[0] })
    cache.getOrCompute('k', () => { process.stdout.write('computing'); return new Promise(() => {}) })
    setInterval(() => {}, 1000)`, [place])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const value = cache.getOrCompute('k', () => 'mine', { encoding: 'utf8' })
  child.kill('SIGKILL')
  assert.strictEqual(await value, 'mine')
})
