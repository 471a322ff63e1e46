'use strict'

const { native } = require('./native')
const { optionsOf, span, duration } = require('./lifetimes')

const RUN_AT_ONCE = 1
const RESTART_AFTER_FORK = 2
const STATES = ['stopped', 'running', 'paused']

/** The thread that removes expired entries; see lib/index.d.ts. */
class Sweeper {
  #cache

  constructor (cache) {
    this.#cache = cache
  }

  start (options) {
    const { interval, maxSlice, runAtOnce = false, restartAfterFork = false } = optionsOf(options)
    native.sweeperStart.call(this.#cache, span(interval, 'interval'), 1000 * span(maxSlice, 'maxSlice'),
      (runAtOnce ? RUN_AT_ONCE : 0) | (restartAfterFork ? RESTART_AFTER_FORK : 0))
  }

  async stop (options) {
    const { timeout } = optionsOf(options)
    const ms = duration(timeout, 'timeout')
    return native.sweeperStop.call(this.#cache, Math.min(ms === Infinity ? 0 : ms, 2 ** 32 - 1))
  }

  pause () {
    native.sweeperPause.call(this.#cache)
  }

  resume () {
    native.sweeperResume.call(this.#cache)
  }

  setInterval (interval) {
    native.sweeperSetInterval.call(this.#cache, span(interval, 'interval'))
  }

  async trigger () {
    return native.sweeperTrigger.call(this.#cache)
  }

  status () {
    const status = native.sweeperStatus.call(this.#cache)
    status.state = STATES[status.state]
    return status
  }
}

module.exports = { Sweeper }
