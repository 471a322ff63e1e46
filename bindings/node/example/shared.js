'use strict'
// One of several programs, in any languages, that share a cache by the path of its file: it
// reads what another one stored, and computes what is missing, unless another one does.
//
//     node example/shared.js CACHE LOG
//
// It appends its name to LOG when it computes.

const fs = require('node:fs/promises')
const { setTimeout: sleep } = require('node:timers/promises')
const { Cache } = require('..') // require('libcachecore') in a program of yours

async function main (path, log) {
  const cache = new Cache({ maxBytes: 16 * 1024 * 1024, shared: path })
  console.log(`greeting: ${cache.getString('greeting')}`)
  const answer = await cache.getOrCompute('answer', async () => {
    await sleep(200) // what is slow
    await fs.appendFile(log, 'node\n')
    return 'computed by node'
  }, { ttl: 60_000 })
  console.log(`answer: ${answer}`)
  cache.close()
}

main(...process.argv.slice(2))
