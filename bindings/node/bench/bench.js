'use strict'
// What a call costs, beside the caches that people of Node use:
//
//     node bench/bench.js [MILLISECONDS OF EACH ROUND]
//
// lru-cache is Debian's package node-lru-cache (or LRU_CACHE names another), Map is the
// language's own: objects of one thread, which hand out references.  Rounds of all rows are
// interleaved; what is printed is the median round, in nanoseconds of CPU time an operation, of
// all threads of the process, so that what else the machine does matters little.

const { Cache } = require('..')

const lruPath = process.env.LRU_CACHE || '/usr/share/nodejs/lru-cache'
const LRU = (() => {
  const found = require(lruPath)
  return found.LRUCache ?? found
})()

const ENTRIES = 10_000
const BATCH = 50
const ROUNDS = 9
const ROUND_MS = Number(process.argv[2] ?? 60)

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

function round (operation) {
  const start = process.cpuUsage()
  let count = 0
  let us
  do {
    for (let i = 0; i < 500; i++) operation()
    count += 500
    const { user, system } = process.cpuUsage(start)
    us = user + system
  } while (us < 1000 * ROUND_MS)
  return 1000 * us / count
}

const times = rows.map(() => [])
for (let i = 0; i < ROUNDS + 1; i++) { // the first warms up
  rows.forEach(([, each, operation], row) => {
    const ns = round(operation) / each
    if (i > 0) times[row].push(ns)
  })
}
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
const medians = times.map(median)
const base = medians[rows.findIndex(([name]) => name === 'get: lru-cache')]
console.log(`Node ${process.version}, ${ENTRIES} entries of 19 + 100 bytes\n`)
console.log('| what | ns | lru-cache get = 1 |\n|---|---:|---:|')
rows.forEach(([name], row) => console.log(`| ${name} | ${medians[row].toFixed(0)} | ${(medians[row] / base).toFixed(1)} |`))
if (sink < 0) console.log(sink) // so that nothing is left out
cache.close()
shared.close()
