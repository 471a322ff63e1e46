'use strict'
// Options and durations.  Durations are milliseconds, fractions rounded up; Infinity is no end.

const { wrongType, outOfRange } = require('./errors')

/** As a `ttl`: the entry keeps the deadline that it has. */
const KEEP = Symbol('cachecore.KEEP')

const NOTHING = Object.freeze({})

/** The object of a call's options; a number there is a ttl that forgot its name. */
function optionsOf (options) {
  if (options === undefined) return NOTHING
  if (options === null || typeof options !== 'object') {
    throw wrongType('options', 'an object such as { ttl: 1000 }', options)
  }
  return options
}

function isNumber (value, name) {
  if (typeof value !== 'number') throw wrongType(name, 'a number of milliseconds', value)
  if (Number.isNaN(value)) throw outOfRange(name, 'a number of milliseconds', value)
}

/** A duration above 0; `otherwise` if there is none. */
function duration (value, name, otherwise = 0) {
  if (value === undefined) return otherwise
  isNumber(value, name)
  if (value <= 0) throw outOfRange(name, 'above 0 (Infinity: no end)', value)
  return value
}

/** A duration that may be 0. */
function span (value, name) {
  if (value === undefined) return 0
  isNumber(value, name)
  if (value < 0) throw outOfRange(name, '0 or more', value)
  return value
}

/** The ttl of options as the addon takes it: 0 default, -1 keep. */
function lifetime (options) {
  if (options === undefined) return 0
  const { ttl } = optionsOf(options)
  return ttl === KEEP ? -1 : duration(ttl, 'ttl')
}

/** A whole number, from `least` on. */
function count (value, name, least = 0) {
  if (value === undefined) return 0
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isInteger(value) && value !== Infinity) throw outOfRange(name, 'whole', value)
  if (value < least) throw outOfRange(name, `${least} or more`, value)
  return value
}

/** For an ended duration in a struct: 64 bits, where Infinity is the end of them. */
function milliseconds (value) {
  return value >= 2 ** 62 ? (value === Infinity ? 2n ** 64n - 1n : 2n ** 62n) : BigInt(Math.ceil(value))
}

module.exports = { KEEP, optionsOf, duration, span, lifetime, count, milliseconds }
