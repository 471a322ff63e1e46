'use strict'
// Many entries at once. What native calls get is (array, its strings joined, their lengths):
// src/batch.c says why.

const { native } = require('./native')
const { makeError } = require('./errors')

const ARENA_SIZE = 256 * 1024
const OK = 0

/** Memory for what is copied on, or made text, before anything else runs. */
const arena = Buffer.allocUnsafeSlow(ARENA_SIZE)

// An array of our own, whose elements are no getters: one could close the cache in the
// middle of a call.
const arrayOf = (items) => Array.from(items)

/** The array, and what there is beside it if all of its elements are strings. */
function packed (array) {
  const lengths = new Uint32Array(array.length)
  for (let i = 0; i < array.length; i++) {
    if (typeof array[i] !== 'string') return [array, undefined, undefined]
    lengths[i] = array[i].length
  }
  return [array, array.join(''), lengths]
}

function getMany (cache, keys, encoding) {
  keys = arrayOf(keys)
  const sizes = new Float64Array(keys.length)
  const isText = encoding === 'utf8'
  const text = native.getMany.call(cache, ...packed(keys), arena, sizes, isText)
  if (text !== undefined) return cut(keys, sizes, (start, end) => text.slice(start, end), (key) => cache.peekString(key))
  let total = 0
  for (const size of sizes) if (size > 0) total += size
  const bytes = Buffer.from(arena.subarray(0, total)) // one memory for all values of the call
  const values = cut(keys, sizes, (start, end) => bytes.subarray(start, end), (key) => cache.peek(key))
  return encoding === undefined ? values : values.map((value) => value?.toString(encoding))
}

/** What lies one after another; what did not fit is read alone, and has been counted. */
function cut (keys, sizes, slice, alone) {
  let end = 0
  return keys.map((key, i) => {
    const size = sizes[i]
    if (size < 0) return size === -1 ? undefined : alone(key)
    const start = end
    end += size
    return slice(start, end)
  })
}

function setMany (cache, entries, lifetime) {
  const keys = []
  const values = []
  for (const [key, value] of entries) {
    keys.push(key)
    values.push(value)
  }
  const statuses = new Int32Array(keys.length)
  if (native.setMany.call(cache, ...packed(keys), ...packed(values), lifetime, statuses) === 0) return
  const failed = [...statuses.keys()].filter((i) => statuses[i] !== OK)
  const error = makeError(statuses[failed[0]], `${failed.length} of ${keys.length} entries were not stored`)
  error.keys = failed.map((i) => keys[i])
  throw error
}

const deleteMany = (cache, keys) => native.deleteMany.call(cache, ...packed(arrayOf(keys)))

module.exports = { arena, getMany, setMany, deleteMany }
