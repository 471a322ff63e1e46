'use strict'
// What several files of tests need.

const { spawn } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const binding = path.resolve(__dirname, '..')
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Until it is so; the wide bound is there to end a test that fails. */
async function until (isSo, what) {
  const end = Date.now() + 60_000
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`)
    global.gc?.()
    await sleep(5)
  }
}

/** Runs the body of a function in a worker; what it returns, or throws. */
function inWorker (body, workerData) {
  const worker = startWorker(body, workerData)
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
}

/** The body is the function's source; it has `cachecore`, `data`, and `parentPort`. */
function startWorker (body, workerData) {
  return new Worker(`
    const { parentPort, workerData: data } = require('node:worker_threads')
    const cachecore = require(${JSON.stringify(binding)})
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    ;(${body})().then((result) => parentPort.postMessage(result))
  `, { eval: true, workerData })
}

/** Runs a program in a process; {code, signal, out, error}. */
function inProcess (source, args = []) {
  const child = startProcess(source, args)
  let [out, error] = ['', '']
  child.stdout.on('data', (text) => { out += text })
  child.stderr.on('data', (text) => { error += text })
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, out, error })))
}

function startProcess (source, args = []) {
  const program = `
    const { Cache } = require(${JSON.stringify(binding)})
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    const args = process.argv.slice(1)
    ;(async () => { ${source} })()
  `
  return spawn(process.execPath, ['-e', program, '--', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
}

/** A folder that is removed after the test. */
function folder (context) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'cachecore-node-'))
  context.after(() => fs.rmSync(made, { recursive: true, force: true }))
  return made
}

module.exports = { sleep, until, inWorker, startWorker, inProcess, startProcess, folder }
