'use strict'
// A web server of several processes that render each page once among them.
//
//     PORT=8080 node example/pages.js
//
// The processes share one cache, by the path of its file.  When a page has expired, its old
// text is served for a minute more while one process renders it anew.

const cluster = require('node:cluster')
const http = require('node:http')
const path = require('node:path')
const { Cache } = require('..') // require('libcachecore') in a program of yours

const WORKERS = 2

if (cluster.isPrimary) {
  for (let i = 0; i < WORKERS; i++) cluster.fork()
  cluster.on('exit', (worker) => { if (!worker.exitedAfterDisconnect) cluster.fork() })
} else {
  const folder = process.env.RUNTIME_DIRECTORY ?? '/dev/shm'
  const pages = new Cache({
    maxBytes: 64 * 1024 * 1024,
    ttl: 10_000,
    shared: path.join(folder, `pages-of-${process.getuid()}`)
  })

  const render = async (url) => {
    await new Promise((resolve) => setTimeout(resolve, 200)) // a database, a template
    return `<h1>${encodeURI(url)}</h1><p>rendered by process ${process.pid}</p>\n`
  }

  const server = http.createServer(async (request, response) => {
    try {
      const url = request.url.slice(0, 1000)
      const page = await pages.getOrCompute(url, () => render(url), { stale: 60_000 })
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end(page)
    } catch (error) {
      response.statusCode = 500
      response.end(`${error.message}\n`)
    }
  })
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
    console.log(`process ${process.pid} listens on port ${server.address().port}`)
  })
}
