// Compiled, and never run: that programs can be written by the declarations, and wrong ones
// cannot.  Node's own are not at hand; what is needed of them is here.
declare global {
  interface Buffer extends Uint8Array { toString (encoding?: string): string }
  interface URL { href: string }
}
import { Cache, CacheError, ClosedError, Entry, Found, KEEP, Stats, TooSmallError } from '../lib/index'

export async function right (bytes: Uint8Array): Promise<unknown> {
  const cache = new Cache({ maxEntries: 10, ttl: 1000, shared: { path: '/x', mode: 'attach' } })
  cache.set('k', bytes, { ttl: KEEP })
  const value: Buffer | undefined = cache.get('k')
  const text: string | undefined = cache.getString(bytes)
  const size: number | undefined = cache.getInto('k', bytes, 3)
  const computed: Buffer = await cache.getOrCompute('k', async () => 'v')
  const computedText: string = await cache.getOrCompute('k', () => 'v', { encoding: 'utf8', stale: 5 })
  const perhaps: Buffer | undefined = await cache.getOrCompute('k', async () => null, { absent: 5 })
  const many: Array<string | undefined> = cache.getMany(['a'], { encoding: 'utf8' })
  const buffers: Array<Buffer | undefined> = cache.getMany(new Set(['a', bytes]))
  const sum: number = cache.increment('n', 1)
  const large: bigint = cache.increment('n', 1n)
  const entries: Entry[] = [...cache.scan({ prefix: 'x' })]
  const withValues: Buffer[] = [...cache.scan({ values: true })].map((entry) => entry.value)
  const keys: Buffer[] = [...cache.keys({ encoding: 'buffer' })]
  for (const [key, value] of cache) key.length + value.length
  const stats: Stats<bigint> = cache.stats({ bigint: true })
  const found: Found = cache.getOrClaim('k', { early: true })
  found.claim?.fulfill('v', { ttl: 1, stale: 2 })
  const error: CacheError = new ClosedError()
  if (error instanceof TooSmallError) return error.size
  const status: 'stopped' | 'running' | 'paused' = cache.sweeper.status().state
  return [value, text, size, computed, computedText, perhaps, many, buffers, sum, large, entries, withValues,
    keys, stats, status, error.code, await found.ended({ timeout: 5 })]
}

export function wrong (cache: Cache): void {
  // @ts-expect-error: a lifetime has a name
  cache.set('k', 'v', 1000)
  // @ts-expect-error: a value is bytes
  cache.set('k', 5)
  // @ts-expect-error: no such policy
  new Cache({ maxEntries: 10, policy: 'fifo' })
  // @ts-expect-error: a miss is undefined
  cache.get('k').length
  // @ts-expect-error: a claim is given by getOrClaim
  new Found()
}
