'use strict'

const { Cache } = require('./cache')
const { Claim, Found } = require('./claims')
const { KEEP } = require('./lifetimes')
const {
  CacheError, ArgumentError, StateError, ClosedError, RefusedError, FullError, NoMemoryError,
  TooSmallError, TimeoutError, NotANumberError, OverflowError, LayoutError, AccessError
} = require('./errors')

// Plain names, so that `import { Cache } from 'libcachecore'` finds them.
module.exports = {
  Cache,
  Claim,
  Found,
  KEEP,
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
  AccessError
}
