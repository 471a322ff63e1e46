'use strict'
// One class for every status of the library that is not an answer.  Each has `code`,
// as Node's own errors do, and `status`, the number in cachecore.h.

class CacheError extends Error {
  constructor (message, status, code) {
    super(message)
    this.status = status
    this.code = code
  }

  get name () {
    return this.constructor.name
  }
}

class ArgumentError extends CacheError {}
class StateError extends CacheError {}
class ClosedError extends StateError {}
class RefusedError extends CacheError {}
class FullError extends CacheError {}
class NoMemoryError extends CacheError {}
class TooSmallError extends CacheError {}
class TimeoutError extends CacheError {}
class NotANumberError extends CacheError {}
class OverflowError extends CacheError {}
class LayoutError extends CacheError {}
class AccessError extends CacheError {}

const STATE = -6
const CLOSED = -100 // the addon's own

const CLASSES = new Map([
  [3, [RefusedError, 'REFUSED']],
  [-1, [ArgumentError, 'ARGUMENT']],
  [-2, [NoMemoryError, 'NO_MEMORY']],
  [-3, [TooSmallError, 'TOO_SMALL']],
  [-4, [CacheError, 'VERSION']],
  [-5, [FullError, 'FULL']],
  [STATE, [StateError, 'STATE']],
  [-7, [TimeoutError, 'TIMEOUT']],
  [-8, [NotANumberError, 'TYPE']],
  [-9, [OverflowError, 'RANGE']],
  [-10, [LayoutError, 'LAYOUT']],
  [-11, [AccessError, 'ACCESS']]
])

function makeError (status, text) {
  if (status === CLOSED) {
    return new ClosedError('the cache is closed', STATE, 'ERR_CACHECORE_CLOSED')
  }
  const [Class, name] = CLASSES.get(status) ?? [CacheError, 'UNKNOWN']
  return new Class(text, status, `ERR_CACHECORE_${name}`)
}

function tooSmall (size) {
  const error = makeError(-3, `the value has ${size} bytes, the buffer fewer`)
  error.size = size
  return error
}

// What is wrong with an argument is said as Node says it.

function wrongType (name, expected, value) {
  const error = new TypeError(`${name} must be ${expected}, not ${describe(value)}`)
  error.code = 'ERR_INVALID_ARG_TYPE'
  return error
}

function outOfRange (name, expected, value) {
  const error = new RangeError(`${name} must be ${expected}, not ${describe(value)}`)
  error.code = 'ERR_OUT_OF_RANGE'
  return error
}

function describe (value) {
  if (value === null || typeof value !== 'object') return String(value)
  return Array.isArray(value) ? 'an array' : `a ${value.constructor?.name ?? 'object'}`
}

module.exports = {
  CacheError,
  ArgumentError,
  StateError,
  ClosedError,
  RefusedError,
  FullError,
  NoMemoryError,
  TooSmallError,
  TimeoutError,
  NotANumberError,
  OverflowError,
  LayoutError,
  AccessError,
  makeError,
  tooSmall,
  wrongType,
  outOfRange
}
