'use strict'

const { Cache } = require('./cache')
const { Claim, Found } = require('./claims')
const { KEEP } = require('./lifetimes')
const errors = require('./errors')

module.exports = {
  Cache,
  Claim,
  Found,
  KEEP,
  CacheError: errors.CacheError,
  ArgumentError: errors.ArgumentError,
  ClosedError: errors.ClosedError,
  StateError: errors.StateError,
  RefusedError: errors.RefusedError,
  FullError: errors.FullError,
  NoMemoryError: errors.NoMemoryError,
  TooSmallError: errors.TooSmallError,
  TimeoutError: errors.TimeoutError,
  NotANumberError: errors.NotANumberError,
  RangeError: errors.OverflowError,
  LayoutError: errors.LayoutError,
  AccessError: errors.AccessError
}
