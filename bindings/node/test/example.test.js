'use strict'
// The example does what it says.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawn } = require('node:child_process')
const http = require('node:http')
const path = require('node:path')
const { folder } = require('./helpers')

const get = (port, url) => new Promise((resolve, reject) => {
  http.get({ port, path: url, host: '127.0.0.1', agent: false }, (response) => {
    let text = ''
    response.on('data', (part) => { text += part })
    response.on('end', () => resolve(text))
  }).on('error', reject)
})

test('several processes render a page once', async (t) => {
  const child = spawn(process.execPath, [path.resolve(__dirname, '../example/pages.js')],
    { env: { ...process.env, PORT: '0', RUNTIME_DIRECTORY: folder(t) } })
  t.after(() => child.kill())
  let out = ''
  const port = await new Promise((resolve, reject) => {
    child.on('exit', () => reject(new Error(out)))
    child.stderr.on('data', (text) => { out += text })
    child.stdout.on('data', (text) => {
      out += text
      const found = [...out.matchAll(/listens on port (\d+)/g)]
      if (found.length === 2) resolve(Number(found[0][1]))
    })
  })
  const pages = await Promise.all(Array.from({ length: 20 }, () => get(port, '/news')))
  assert.match(pages[0], /^<h1>\/news<\/h1><p>rendered by process \d+<\/p>/)
  assert.strictEqual(new Set(pages).size, 1)
})
