'use strict'
// What a call costs, beside the caches that people of Node use:
//
//     node bench/bench.js [ROUNDS]
//
// lru-cache is Debian's package node-lru-cache (or LRU_CACHE names another), Map is the
// language's own: objects of one thread, which hand out references.  Rounds of all rows are
// interleaved; what is printed is the fastest, in nanoseconds an operation: other work on the
// machine can only make a round slower.

const { Cache } = require('..')

const lruPath = process.env.LRU_CACHE || '/usr/share/nodejs/lru-cache'
const LRU = (() => {
  const found = require(lruPath)
  return found.LRUCache ?? found
})()

const ENTRIES = 10_000
const BATCH = 50
const ROUNDS = Number(process.argv[2] ?? 300)
const OPERATIONS = 2000 // in a round, which is short enough to be left alone now and then

const keys = Array.from({ length: ENTRIES }, (_, i) => `user:profile:${String(i).padStart(6, '0')}`)
const text = 'x'.repeat(100)
const bytes = Buffer.from(text)
const order = Uint16Array.from({ length: 65536 }, () => Math.floor(Math.random() * ENTRIES))

const cache = new Cache({ maxEntries: 2 * ENTRIES })
const shared = new Cache({ maxEntries: 2 * ENTRIES, shared: {} })
const lru = new LRU({ max: 2 * ENTRIES })
const lruTtl = new LRU({ max: 2 * ENTRIES, ttl: 3_600_000 })
const map = new Map()
for (const key of keys) {
  for (const each of [cache, shared, lru, lruTtl, map]) each.set(key, text)
}

let at = 0
let sink = 0
const next = () => keys[order[at = (at + 1) & 65535]]
const lifetime = { ttl: 3_600_000 }
const into = Buffer.alloc(256)
const batches = Array.from({ length: 64 }, () => Array.from({ length: BATCH }, next))
let batch = 0
const nextBatch = () => batches[batch = (batch + 1) & 63]

const rows = [
  ['a call that does nothing (cache.closed)', 1, () => { sink += cache.closed ? 1 : 0 }],
  ['get: Map', 1, () => { sink += map.get(next()).length }],
  ['get: lru-cache', 1, () => { sink += lru.get(next()).length }],
  ['get: lru-cache with a ttl', 1, () => { sink += lruTtl.get(next()).length }],
  ['get: cachecore getInto', 1, () => { sink += cache.getInto(next(), into) }],
  ['get: cachecore getString', 1, () => { sink += cache.getString(next()).length }],
  ['get: cachecore get (a Buffer)', 1, () => { sink += cache.get(next()).length }],
  ['get: cachecore getString, shared', 1, () => { sink += shared.getString(next()).length }],
  ['set: Map', 1, () => { map.set(next(), text) }],
  ['set: lru-cache', 1, () => { lru.set(next(), text) }],
  ['set: lru-cache with a ttl', 1, () => { lruTtl.set(next(), text) }],
  ['set: cachecore, a string', 1, () => { cache.set(next(), text) }],
  ['set: cachecore, a Buffer with a ttl', 1, () => { cache.set(next(), bytes, lifetime) }],
  ['set: cachecore, a string, shared', 1, () => { shared.set(next(), text) }],
  [`${BATCH} at once, each: lru-cache in a loop`, BATCH, () => { for (const key of nextBatch()) sink += lru.get(key).length }],
  [`${BATCH} at once, each: cachecore getMany, strings`, BATCH, () => { sink += cache.getMany(nextBatch(), { encoding: 'utf8' }).length }],
  [`${BATCH} at once, each: cachecore getMany, Buffers`, BATCH, () => { sink += cache.getMany(nextBatch()).length }]
]

function round (operation, count) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < count; i++) operation()
  return Number(process.hrtime.bigint() - start) / count
}

const fastest = rows.map(() => Infinity)
for (let i = 0; i < ROUNDS; i++) {
  rows.forEach(([, each, operation], row) => {
    fastest[row] = Math.min(fastest[row], round(operation, OPERATIONS / each) / each)
  })
}
const base = fastest[rows.findIndex(([name]) => name === 'get: lru-cache')]
console.log(`Node ${process.version}, ${ENTRIES} entries of 19 + 100 bytes\n`)
console.log('| what | ns | lru-cache get = 1 |\n|---|---:|---:|')
rows.forEach(([name], row) => console.log(`| ${name} | ${fastest[row].toFixed(0)} | ${(fastest[row] / base).toFixed(1)} |`))
if (sink < 0) console.log(sink) // so that nothing is left out
cache.close()
shared.close()
