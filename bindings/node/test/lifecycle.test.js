'use strict'
// Threads, processes and the garbage collector: who has a cache open, and when it closes.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const { Cache, ClosedError } = require('..')
const { sleep, until, inWorker, startWorker, inProcess, folder } = require('./helpers')

test('workers open a cache by its handle, and see the same entries', async () => {
  const cache = new Cache({ maxEntries: 1000 })
  cache.set('from', 'main')
  const seen = await inWorker(async () => {
    const cache = new cachecore.Cache({ handle: data })
    cache.set('to', 'main')
    return [cache.getString('from'), cache.handle === data]
  }, cache.handle)
  assert.deepStrictEqual(seen, ['main', true])
  assert.strictEqual(cache.getString('to'), 'main')
  cache.close()
})

test('a cache stays open until the last who has it open closes it', async () => {
  const cache = new Cache({ maxEntries: 1000 })
  const { handle } = cache
  const other = new Cache({ handle })
  cache.set('k', 'v')
  cache.close()
  assert.throws(() => cache.get('k'), ClosedError)
  assert.strictEqual(other.getString('k'), 'v')
  other.close()
  assert.throws(() => new Cache({ handle }), ClosedError)
  assert.throws(() => new Cache({ handle: 2n ** 63n }), ClosedError)
  assert.throws(() => new Cache({ handle: -1n }), ClosedError)
})

test('closing while workers read and write', async () => {
  for (let round = 0; round < 5; round++) {
    const cache = new Cache({ maxEntries: 1000 })
    cache.sweeper.start({ interval: 1 })
    const workers = [1, 2, 3].map(() => startWorker(async () => {
      const cache = new cachecore.Cache({ handle: data })
      const write = () => {
        for (let i = 0; i < 2000; i++) {
          cache.set(`k${i}`, 'value', { ttl: 5 })
          cache.getString(`k${i * 7 % 2000}`)
        }
        cache.getMany(Array.from({ length: 50 }, (_, i) => `k${i}`))
      }
      write()
      parentPort.postMessage('started')
      write()
      const waits = [cache.clear(), cache.cleanupExpired(), cache.sweeper.trigger()]
      cache.close()
      await Promise.allSettled(waits)
      return 'ended'
    }, cache.handle))
    const messages = workers.map((worker) => new Promise((resolve, reject) => {
      worker.on('error', reject)
      worker.on('message', (text) => text === 'ended' && resolve(text))
    }))
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
    cache.close()
    assert.deepStrictEqual(await Promise.all(messages), ['ended', 'ended', 'ended'])
  }
})

test('terminating workers in the middle of things', async () => {
  const cache = new Cache({ maxEntries: 1000 })
  for (let round = 0; round < 5; round++) {
    const worker = startWorker(async () => {
      const cache = new cachecore.Cache({ handle: data })
      setInterval(() => {
        for (let i = 0; i < 1000; i++) cache.set(`k${i}`, 'v'.repeat(i))
        cache.clear()
        cache.cleanupExpired()
      }, 0)
      return 'started'
    }, cache.handle)
    await new Promise((resolve) => worker.once('message', resolve))
    await sleep(3 * round)
    await worker.terminate()
  }
  cache.set('k', 'v')
  assert.strictEqual(cache.getString('k'), 'v')
  cache.close()
})

test('a job that is under way when the cache is closed is finished', async () => {
  const cache = new Cache({ maxEntries: 100_000 })
  cache.setMany(Array.from({ length: 50_000 }, (_, i) => [`k${i}`, 'v']))
  const jobs = [cache.deletePrefix('k1'), cache.audit()]
  cache.close()
  const [removed, audit] = await Promise.all(jobs)
  assert.strictEqual(removed, 11_111)
  assert(audit.scanned >= 38_889)
})

test('a cache that nobody has any more is closed by the garbage collector', async (t) => {
  assert(global.gc, 'run with --expose-gc')
  const place = `${folder(t)}/cache`
  const watcher = new Cache({ maxEntries: 10, shared: place })
  const open = () => { for (let i = 0; i < 5; i++) new Cache({ maxEntries: 10, shared: place }).get('k') }
  open()
  assert.strictEqual(watcher.sharedInfo().processes, 6)
  await until(() => watcher.sharedInfo().processes === 1, 'the garbage collector')
  watcher.close()
})

test('a job, a wait and an iterator keep their cache from being collected', async () => {
  const start = () => {
    const cache = new Cache({ maxEntries: 10_000 })
    cache.setMany(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'v']))
    const { claim } = cache.getOrClaim('claimed')
    const wait = cache.getOrCompute('claimed', () => 'mine', { encoding: 'utf8' })
    return { job: cache.deletePrefix('k4'), wait, keys: cache.keys(), claim }
  }
  const { job, wait, keys, claim } = start()
  for (let i = 0; i < 10; i++) {
    global.gc()
    await sleep(1)
  }
  assert.strictEqual(await job, 1111)
  assert.strictEqual([...keys].length, 3889)
  claim.fulfill('theirs')
  assert.strictEqual(await wait, 'theirs')
})

test('values outlive their cache, and the garbage collector', async () => {
  const values = []
  for (let i = 0; i < 2000; i++) {
    const cache = new Cache({ maxEntries: 10 })
    cache.set('k', `value ${i}`)
    values.push(cache.get('k'), cache.getMany(['k'])[0])
    cache.close()
    if (i % 500 === 0) global.gc()
  }
  values.forEach((value, i) => assert.strictEqual(value.toString(), `value ${i >> 1}`))
})

test('opening and closing leaves no memory behind', () => {
  const turn = () => {
    const cache = new Cache({ maxEntries: 1000 })
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, 'v'.repeat(100))
    cache.getOrClaim('k')
    cache.close()
  }
  const maps = () => fs.readFileSync('/proc/self/maps', 'latin1').split('\n').length
  for (let i = 0; i < 500; i++) turn()
  const before = maps()
  for (let i = 0; i < 3000; i++) turn()
  assert(maps() < before + 500, `${before} mappings became ${maps()}`)
})

test('a process ends with a sweeper that runs, and jobs under way', async (t) => {
  const place = `${folder(t)}/cache`
  for (const end of ['', 'process.exit(0)', 'setTimeout(() => process.exit(0), 20)', 'cache.close()']) {
    const result = await inProcess(`
      const cache = new Cache({ maxEntries: 10000, shared: args[0] })
      cache.sweeper.start({ interval: 1 })
      for (let i = 0; i < 5000; i++) cache.set('k' + i, 'v', { ttl: 5 })
      cache.clear()
      cache.sweeper.trigger().catch(() => {})
      ${end}`, [place])
    assert.deepStrictEqual(result, { code: 0, signal: null, out: '', error: '' }, end)
  }
  const cache = new Cache({ maxEntries: 10, shared: place })
  assert.strictEqual(cache.sharedInfo().recoveries, 0)
  assert.strictEqual(cache.sharedInfo().processes, 1)
  cache.close()
})

test('a process ends while a worker waits and another computes', async () => {
  const result = await inProcess(`
    const { Worker } = require('node:worker_threads')
    const cache = new Cache({ maxEntries: 10 })
    const program = \`
      const { workerData, parentPort } = require('node:worker_threads')
      const { Cache } = require(process.env.BINDING)
      const cache = new Cache({ handle: workerData })
      cache.getOrCompute('k', () => new Promise(() => setInterval(() => {}, 1000)))
      parentPort.postMessage('there')\`
    const workers = [1, 2].map(() => new Worker(program,
      { eval: true, workerData: cache.handle, env: { ...process.env, BINDING: ${JSON.stringify(require.resolve('..'))} } }))
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))))
    process.exit(0)`)
  assert.deepStrictEqual(result, { code: 0, signal: null, out: '', error: '' })
})

test('a process that waits for another does not end before it has the value', async (t) => {
  const place = `${folder(t)}/cache`
  const cache = new Cache({ maxEntries: 10, shared: place })
  const { claim } = cache.getOrClaim('k')
  const child = inProcess(`
    const cache = new Cache({ maxEntries: 10, shared: args[0] })
    console.log(await cache.getOrCompute('k', () => 'mine', { encoding: 'utf8' }))`, [place])
  await until(() => cache.sharedInfo().processes === 2, 'the other process')
  await sleep(50)
  claim.fulfill('theirs')
  const { code, out, error } = await child
  assert.deepStrictEqual([code, out, error], [0, 'theirs\n', ''])
  cache.close()
})

test('children of a process do not take part in its private caches', async () => {
  const { code, out, error } = await inProcess(`
    const { execFileSync } = require('node:child_process')
    const cache = new Cache({ maxEntries: 10 })
    cache.sweeper.start({ interval: 1 })
    cache.set('k', 'v')
    for (let i = 0; i < 20; i++) execFileSync('/bin/true')
    console.log(cache.getString('k'), cache.sweeper.status().state)`)
  assert.deepStrictEqual([code, out, error], [0, 'v running\n', ''])
})

test('a missing library and a missing addon are errors with a sentence', async () => {
  const attempt = async (name, value) => {
    const before = process.env[name]
    process.env[name] = value
    try {
      return await inProcess('')
    } finally {
      process.env[name] = before
    }
  }
  const library = await attempt('CACHECORE_LIBRARY', '/nowhere/libcachecore.so')
  assert.match(library.error, /no usable libcachecore\.so: \/nowhere/)
  const wrong = await attempt('CACHECORE_LIBRARY', 'libc.so.6')
  assert.match(wrong.error, /libc\.so\.6 has no cachecore_version/)
  const addon = await attempt('CACHECORE_ADDON', '/nowhere/cachecore.node')
  assert.match(addon.error, /there is no \/nowhere\/cachecore\.node: run tools\/build\.sh/)
})

test('the binding is an ES module as well', async () => {
  const module = await import(require.resolve('..'))
  assert.strictEqual(module.Cache, Cache)
  assert.strictEqual(module.ClosedError, ClosedError)
})
