'use strict'
// Finds and loads the addon, and the library that it uses.
//
// The addon is the file of CACHECORE_ADDON, else build/cachecore.node of this
// package.  The library is the file of CACHECORE_LIBRARY, and then nothing else;
// otherwise the first that loads of libcachecore.so beside the addon, that of the
// source tree, and libcachecore.so.1 as the system's loader finds it.

const fs = require('node:fs')
const path = require('node:path')
const { makeError } = require('./errors')

const root = path.resolve(__dirname, '..')
const file = process.env.CACHECORE_ADDON || path.join(root, 'build', 'cachecore.node')
if (!fs.existsSync(file)) {
  throw new Error(`cachecore: there is no ${file}: run tools/build.sh in ${root}`)
}
const addon = require(file)

function candidates () {
  const chosen = process.env.CACHECORE_LIBRARY
  if (chosen) return [chosen]
  const repository = path.resolve(root, '../..')
  const found = [path.join(path.dirname(file), 'libcachecore.so')]
  if (fs.existsSync(path.join(repository, 'include/cachecore.h'))) {
    found.push(path.join(repository, 'build/lib/libcachecore.so'))
  }
  return [...found, 'libcachecore.so.1']
}

function load () {
  const tried = []
  for (const candidate of candidates()) {
    const why = addon.load(candidate)
    if (why === undefined) return
    tried.push(why)
  }
  throw new Error(`cachecore: no usable libcachecore.so: ${tried.join('; ')}`)
}

load()
const NativeCache = addon.bind((status, detail) =>
  makeError(status, detail || addon.statusText(status)))

// Methods that are the public ones stay on the class.  The others, which take what
// the public ones make of their arguments, are functions here.
const PUBLIC = ['close', 'getString', 'peekString', 'has', 'ttl', 'inspect', 'delete', 'resetStats',
  'sharedInfo']
const native = {}
for (const name of Object.getOwnPropertyNames(NativeCache.prototype)) {
  if (name === 'constructor') continue
  native[name] = NativeCache.prototype[name]
  if (!PUBLIC.includes(name)) delete NativeCache.prototype[name]
}

module.exports = { NativeCache, native, statsField: addon.statsField }
