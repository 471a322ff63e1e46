'use strict'
// Where values are copied to.
//
// To make a Buffer of its own for every value costs more than the whole read: memory is
// asked for, zeroed, and registered with the garbage collector.  So small values are copied
// one after another into a slab, and handed out as views of it, as Buffer.allocUnsafe does.
// A slab lives as long as one of its values.

const SIZE = 16 * 1024
const SMALL = SIZE / 4 // larger values have memory of their own

let slab = Buffer.allocUnsafeSlow(SIZE)
let offset = 0

/**
 * The value that `read` copies: `read(cache, key, buffer, offset)` returns its size, -1
 * for a miss (then undefined is returned), or -2 - N where N bytes are needed.  That counts
 * as a hit, so `again`, which is called then, is a read that counts as nothing.
 */
function take (read, again, cache, key) {
  let sized = read(cache, key, slab, offset)
  if (sized >= 0) return cut(sized)
  while (sized < -1) {
    const needed = -2 - sized
    if (needed > SMALL) {
      const own = Buffer.allocUnsafeSlow(needed)
      sized = again(cache, key, own, 0)
      if (sized >= 0) return sized === needed ? own : own.subarray(0, sized)
    } else {
      renew()
      sized = again(cache, key, slab, 0)
      if (sized >= 0) return cut(sized)
    }
  }
  return undefined
}

function renew () {
  slab = Buffer.allocUnsafeSlow(SIZE)
  offset = 0
}

function cut (size) {
  const start = offset
  offset = (start + size + 7) & ~7
  if (offset > SIZE) offset = SIZE
  return slab.subarray(start, start + size)
}

const copy = (source, _, buffer, at) => {
  if (source.length > buffer.length - at) return -2 - source.length
  buffer.set(source, at)
  return source.length
}

/** A copy, in a slab if it is small. */
const copyOf = (bytes) => take(copy, copy, bytes)

module.exports = { take, copyOf }
