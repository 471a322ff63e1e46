/**
 * A bounded, concurrent cache of bytes, with lifetimes in milliseconds, which worker threads
 * and processes can share.
 *
 * Keys and values are strings, taken as UTF-8, or any view of an ArrayBuffer, taken as its
 * bytes.  A key has 1 to 65535 bytes.  A string and its bytes are the same key.  Values that
 * come out are copies: nothing that is done to them changes the cache.
 *
 * Durations are milliseconds, fractions rounded up; `Infinity` is no end.
 *
 * Methods that return a value are over in about a microsecond, or do a bounded amount of
 * work.  Those that return a promise may take long, and work on another thread.  They
 * reject with what the others throw.
 *
 * A wrong type is a TypeError, a number out of range a RangeError, each with Node's `code`.
 * What the library reports is a {@link CacheError}.
 *
 * @module
 */

/** A key or a value. */
export type Bytes = string | ArrayBufferView

/** How a key that comes back is handed out: as text, or as a Buffer. */
export type Encoding = 'utf8' | 'latin1' | 'hex' | 'base64' | 'buffer'

/** As a `ttl`: the entry keeps the deadline that it has. */
export const KEEP: unique symbol

/** What an entry gets that is stored. */
export interface Lifetime {
  /** Milliseconds, above 0; `Infinity`: it never expires; KEEP; left out: the cache's own. */
  ttl?: number | typeof KEEP
}

/** Where a shared cache lies. */
export interface SharedPlace {
  /** The file; left out: `fd` says which, and without that it is a new file without a name. */
  path?: string | URL
  /** The descriptor of such a file, which stays the caller's. */
  fd?: number
  /** `open` makes the cache if there is none; `create` fails if there is one, `attach` if
   * there is none; `replace` puts a new one in its place. */
  mode?: 'open' | 'create' | 'attach' | 'replace'
  /** So many processes may have it open at once; 64 if left out, 1023 at most. */
  maxProcesses?: number
}

/** At least one of the two bounds, or `handle`, must be given. */
export interface CacheOptions {
  /** Most entries held at once. */
  maxEntries?: number
  /** Most memory in use, bookkeeping included; at least 65536. */
  maxBytes?: number
  /** The lifetime of entries that are stored without one. */
  ttl?: number
  /** An entry that is not used for so long expires, whatever its lifetime. */
  tti?: number
  /** Each lifetime is shortened by a random part of up to this one, 0 to 1. */
  jitter?: number
  /** `lru` evicts what was used longest ago; `adaptive` weighs how often it was used, too. */
  policy?: 'lru' | 'adaptive'
  /** Never evict a live entry: a write that does not fit is a FullError. */
  noEvict?: boolean
  /** Time stands still until `advanceClock`: for tests. */
  manualClock?: boolean
  /** Keep what leaves the cache for `takeRemovals`. */
  reportRemovals?: boolean
  /** 1 to 256; left out: chosen; 1: one exact order of use. */
  shards?: number
  /** 0n: random, which keeps crafted keys harmless. */
  hashSeed?: bigint | number
  /** One cache for all processes that open the same file: its path, or more.  To attach, the
   * bounds must be valid; those of the cache hold. */
  shared?: string | URL | SharedPlace
  /** `handle` of a cache that another thread of this process has open; nothing else then. */
  handle?: bigint
}

/** What is known of an entry. */
export interface EntryInfo {
  /** Bytes of the value. */
  size: number
  /** Milliseconds left to live. */
  ttl: number
  /** Milliseconds since the value was stored. */
  age: number
  /** Milliseconds since it was stored, touched or read. */
  idle: number
  /** Differs for every value ever stored under the key. */
  version: bigint
}

/** An entry in a list. */
export interface Entry<K = string> {
  key: K
  /** Bytes of the value. */
  size: number
  /** Milliseconds left to live. */
  ttl: number
}

/** An entry in a list, with its value. */
export interface ValueEntry<K = string> extends Entry<K> {
  value: Buffer
}

/** An entry that left. */
export interface Removal<K = string> {
  key: K
  value: Buffer
  size: number
  cause: 'expired' | 'evicted' | 'replaced' | 'deleted'
}

/** What is listed. */
export interface ScanOptions {
  /** Only keys that begin with this. */
  prefix?: Bytes
  /** `utf8` if left out. */
  encoding?: Encoding
}

/** Counters since the cache was opened, or since `resetStats`, and readings of the moment.
 * cachecore.h says what each of them counts. */
export interface Stats<N = number> {
  shardCount: N
  entries: N
  bytesUsed: N
  bytesLimit: N
  entriesLimit: N
  hits: N
  misses: N
  inserts: N
  updates: N
  deletes: N
  evictions: N
  expirations: N
  refused: N
  bytesResident: N
  removalsLost: N
  expired: N
  entriesBefore: N
  stale: N
  absent: N
  staleServed: N
  absentServed: N
}

/** A field of the statistics, for exporters. */
export interface StatsField {
  name: keyof Stats
  /** A counter only rises, until `resetStats`. */
  kind: 'counter' | 'gauge'
  /** What it counts. */
  unit: string
  /** A sentence for people. */
  help: string
}

/** Hits and misses of the recent past. */
export interface Window {
  hits: number
  misses: number
  /** For so many milliseconds they were really counted. */
  span: number
}

/** What an audit found. */
export interface Audit {
  scanned: number
  expired: number
  nearExpiry: number
  withoutExpiry: number
  idle: number
  removed: number
  bytes: number
  removedBytes: number
  /** Milliseconds; undefined where there is nothing to take the average of. */
  averageTtl: number | undefined
  averageAge: number | undefined
}

export interface AuditOptions {
  prefix?: Bytes
  /** Kinds to remove; left out: none, a dry run. */
  remove?: Array<'expired' | 'nearExpiry' | 'withoutExpiry' | 'idle'>
  /** What is little time left to live; a minute if left out. */
  nearExpiry?: number
  /** What is a long time without use; 30 days if left out. */
  idle?: number
  /** Entries looked at in one hold of a lock; 100 if left out. */
  batchSize?: number
}

/** Who has a shared cache open, and what deaths have cost. */
export interface SharedInfo {
  processes: number
  maxProcesses: number
  /** It had entries when it was last opened by a process that found no other. */
  warm: boolean
  /** The file is no longer at its path. */
  unlinked: boolean
  recoveries: number
  entriesLost: number
  borrowsReclaimed: number
  regionBytes: number
}

export interface ClaimOptions {
  /** The claim is void after so long; 30 s if left out. */
  claimTime?: number
  /** Elect a caller to compute a fresh value anew, a little before its deadline. */
  early?: boolean
}

export interface ComputeOptions extends ClaimOptions, Lifetime {
  /** So long past its deadline the value may be served while the next is computed. */
  stale?: number
  /** For so long `undefined`, or null, from the function stands for "there is no value", and
   * nobody computes.  Left out: the next caller does. */
  absent?: number
  /** After a failure a stale value is served for so long before the next caller computes. */
  retry?: number
  /** The longest wait for somebody else's computation, after which it is a TimeoutError. */
  timeout?: number
  /** Hears of the failures of computations that nobody waits for; left out: a warning. */
  onBackgroundError?: (error: unknown) => void
}

/** The duty to compute the value of a key.  It is ended once, by one of the three methods.  One
 * that is not ended is void after its `claimTime`, and when its Cache object is closed or
 * collected. */
export class Claim {
  private constructor ()
  /** Whether it has not been ended.  It may be void by now. */
  get isHeld (): boolean
  /** Stores the value, as `set`; false, and nothing is stored, if the claim is void. */
  fulfill (value: Bytes, options?: Lifetime & { stale?: number }): boolean
  /** Stores that there is no value. */
  fulfillAbsent (options?: { ttl?: number }): boolean
  /** Gives it up; a stale value is served for `retry` before the next is elected. */
  abandon (options?: { retry?: number }): void
}

/** What `getOrClaim` found. */
export class Found {
  private constructor ()
  /** `fresh` and `stale` come with a value; `absent`: there is known to be none; `claimed`: the
   * caller computes it; `pending`: somebody else does. */
  readonly status: 'fresh' | 'stale' | 'absent' | 'claimed' | 'pending'
  readonly value: Buffer | undefined
  /** The caller's claim, if it was given one. */
  readonly claim: Claim | undefined
  /** The claim that stands, whoever has it; 0n: none was seen. */
  get seen (): bigint
  /** Resolves with true once that claim no longer stands, with false after `timeout`. */
  ended (options?: { timeout?: number }): Promise<boolean>
}

export interface SweeperStatus {
  state: 'stopped' | 'running' | 'paused'
  healthy: boolean
  /** Of the processes that share a cache one keeps the schedule. */
  leads: boolean
  interval: number
  sweepsRun: number
  entriesRemoved: number
  lastRemoved: number
  lastDurationNs: number
  maxSliceNs: number
  /** Milliseconds since the last sweep ended; undefined: there was none. */
  lastRunAge: number | undefined
  errors: number
  /** Entries expired and not yet removed. */
  backlog: number
  lastLag: number
  maxLag: number
}

/** A native thread that removes expired entries.  It keeps no process from ending. */
export interface Sweeper {
  /** StateError if it runs already.  `interval` 0, or left out: chosen. */
  start (options?: {
    interval?: number
    /** Longest that a lock is held at a time. */
    maxSlice?: number
    runAtOnce?: boolean
    restartAfterFork?: boolean
  }): void
  /** Resolves when the thread has ended. */
  stop (options?: { timeout?: number }): Promise<void>
  pause (): void
  resume (): void
  setInterval (interval: number): void
  /** Does a sweep now, and resolves with how many entries it removed. */
  trigger (): Promise<number>
  status (): SweeperStatus
}

/**
 * A cache.
 *
 * A Cache object belongs to the thread that made it.  Another thread of the process opens
 * the same cache by its `handle`.  The cache closes when the last of them is closed or
 * collected.
 *
 * What is written throws, and is not passed over in silence, if it was not stored:
 * RefusedError for a value that the cache cannot hold and NoMemoryError when the system has
 * no memory (the older value is gone in both cases), FullError when a cache with `noEvict` is at
 * its bound (nothing has changed).
 */
export class Cache implements Iterable<[string, Buffer]> {
  /** Opens a cache.  A shared one waits up to five seconds for a process that is making it. */
  constructor (options: CacheOptions)
  /** What exporters need to know of `stats`. */
  static readonly statsFields: StatsField[]

  /** Ends the waits and claims of this object, and its reference to the cache.  Jobs that are
   * under way are finished.  Any later call throws a ClosedError; `close` does nothing. */
  close (): void
  get closed (): boolean
  /** A number by which other threads of this process open the cache, while it is open. */
  get handle (): bigint

  /** The value, undefined for a miss.  A small one is a view of a larger ArrayBuffer, as
   * those of Buffer.allocUnsafe are. */
  get (key: Bytes): Buffer | undefined
  /** As `get`; counts as no use and in no statistic. */
  peek (key: Bytes): Buffer | undefined
  /** The value as text, in UTF-8: faster than get().toString(). */
  getString (key: Bytes): string | undefined
  peekString (key: Bytes): string | undefined
  /** Copies the value into the buffer, from the byte `offset` on, and returns its size in bytes;
   * undefined for a miss.  The fastest read of bytes.  TooSmallError, whose `size` is the
   * size needed. */
  getInto (key: Bytes, buffer: ArrayBufferView, offset?: number): number | undefined
  peekInto (key: Bytes, buffer: ArrayBufferView, offset?: number): number | undefined
  /** The value and what is known of it, of one moment: for compareAndSet.  A value of more than
   * 256 KB counts as two hits. */
  getWithInfo (key: Bytes): (EntryInfo & { value: Buffer }) | undefined
  /** Whether there is a live entry; counts as no use and in no statistic, as do the next two. */
  has (key: Bytes): boolean
  /** Milliseconds left to live; undefined for a miss. */
  ttl (key: Bytes): number | undefined
  inspect (key: Bytes): EntryInfo | undefined

  /** Stores the value, or replaces the one that is there. */
  set (key: Bytes, value: Bytes, options?: Lifetime): void
  /** As `set`, until a point of the wall clock: a Date, or milliseconds since 1970.  If that has
   * passed, nothing is stored and the older value is dropped. */
  setUntil (key: Bytes, value: Bytes, deadline: Date | number): void
  /** As `set`, but only if there is no live entry; whether it was stored. */
  add (key: Bytes, value: Bytes, options?: Lifetime): boolean
  /** As `set`, but only if there is a live entry; whether it was stored. */
  replace (key: Bytes, value: Bytes, options?: Lifetime): boolean
  /** As `set`, but only if the live entry still has the version; whether it was stored. */
  compareAndSet (key: Bytes, value: Bytes, version: bigint, options?: Lifetime): boolean
  /** Removes the entry; whether there was a live one. */
  delete (key: Bytes): boolean
  /** Gives a live entry a new lifetime; whether there is one. */
  touch (key: Bytes, options?: Lifetime): boolean
  /** Adds to a value that is a decimal number in text, atomically; returns the sum.  An absent
   * entry is stored as `initial` (left out: as `delta`).  NotANumberError, OverflowError. */
  increment (key: Bytes, delta?: number, options?: { initial?: number | bigint, ttl?: number }): number
  increment (key: Bytes, delta: bigint, options?: { initial?: number | bigint, ttl?: number }): bigint

  /** The values in the order of the keys, undefined for a miss; one native call.  The Buffers of
   * one call are views of one ArrayBuffer. */
  getMany (keys: Iterable<Bytes>, options?: { encoding?: undefined }): Array<Buffer | undefined>
  getMany (keys: Iterable<Bytes>, options: { encoding: Exclude<Encoding, 'buffer'> }): Array<string | undefined>
  /** Stores all entries; one native call.  If some were not stored, the error is that of the
   * first of these, and has all of them in `keys`. */
  setMany (entries: Iterable<readonly [Bytes, Bytes]>, options?: Lifetime): void
  /** How many live entries were removed; one native call. */
  deleteMany (keys: Iterable<Bytes>): number

  /** The number of live entries. */
  get size (): number
  /** Lists the live entries, a bounded amount of work at a time.  An entry that is there all the
   * while is seen at least once; one that comes or goes may be missed. */
  scan (options: ScanOptions & { encoding: 'buffer', values: true }): IterableIterator<ValueEntry<Buffer>>
  scan (options: ScanOptions & { encoding: 'buffer', values?: false }): IterableIterator<Entry<Buffer>>
  scan (options: ScanOptions & { values: true }): IterableIterator<ValueEntry>
  scan (options?: ScanOptions & { values?: false }): IterableIterator<Entry>
  keys (options: ScanOptions & { encoding: 'buffer' }): IterableIterator<Buffer>
  keys (options?: ScanOptions): IterableIterator<string>
  entries (options: ScanOptions & { encoding: 'buffer' }): IterableIterator<[Buffer, Buffer]>
  entries (options?: ScanOptions): IterableIterator<[string, Buffer]>
  [Symbol.iterator] (): IterableIterator<[string, Buffer]>
  /** The entries that would be evicted first, in that order. */
  coldest (limit: number, options: { encoding: 'buffer' }): Array<Entry<Buffer>>
  coldest (limit: number, options?: { encoding?: Encoding }): Entry[]
  /** Those that would be evicted last, in the reverse order. */
  hottest (limit: number, options: { encoding: 'buffer' }): Array<Entry<Buffer>>
  hottest (limit: number, options?: { encoding?: Encoding }): Entry[]
  /** What has left a cache with `reportRemovals` since the last call. */
  takeRemovals (options: { encoding: 'buffer' }): Array<Removal<Buffer>>
  takeRemovals (options?: { encoding?: Encoding }): Removal[]
  /** Removes every entry that is there. */
  clear (): Promise<void>
  /** Removes the entries whose keys begin with the prefix; resolves with how many. */
  deletePrefix (prefix: Bytes): Promise<number>
  /** Removes up to so many entries, as if room were needed; resolves with how many. */
  evict (entries: number): Promise<number>
  /** Removes what has expired, `limit` entries at most; resolves with how many. */
  cleanupExpired (options?: { limit?: number }): Promise<number>
  /** Sets new bounds, and evicts until they hold. */
  resize (bounds: { maxEntries?: number, maxBytes?: number }): Promise<void>
  /** Writes the entries to a file; resolves with how many. */
  save (path: string | URL): Promise<number>
  /** Adds those of a file, where there is nothing under the key; resolves with how many. */
  load (path: string | URL): Promise<number>
  /** Counts entries by kind, and removes some kinds. */
  audit (options?: AuditOptions): Promise<Audit>

  /**
   * The value; if there is none, what the function computes, once among all callers that
   * share the cache, in any thread and process.  The others wait, without blocking.
   *
   * A value that cannot be stored, or that was deleted or replaced while it was computed, is
   * returned and not stored.  A failure goes to the callers in this thread that wait; of the
   * others the next computes.  The function must not ask for its own key.
   */
  getOrCompute (key: Bytes, compute: (key: Bytes) => Bytes | Promise<Bytes>,
    options: ComputeOptions & { encoding: 'utf8' | 'latin1' }): Promise<string>
  getOrCompute (key: Bytes, compute: (key: Bytes) => Bytes | null | undefined | Promise<Bytes | null | undefined>,
    options: ComputeOptions & { encoding: 'utf8' | 'latin1' }): Promise<string | undefined>
  getOrCompute (key: Bytes, compute: (key: Bytes) => Bytes | Promise<Bytes>,
    options?: ComputeOptions): Promise<Buffer>
  getOrCompute (key: Bytes, compute: (key: Bytes) => Bytes | null | undefined | Promise<Bytes | null | undefined>,
    options?: ComputeOptions): Promise<Buffer | undefined>
  /** As `get`; on a miss one caller is given the claim to compute the value.  For what
   * getOrCompute does not do. */
  getOrClaim (key: Bytes, options?: ClaimOptions): Found

  /** What the cache was opened with, as it is in force. */
  get options (): Required<Omit<CacheOptions, 'shared' | 'handle' | 'maxEntries' | 'maxBytes'>> &
    { maxEntries: number | undefined, maxBytes: number | undefined }
  stats (options: { bigint: true }): Stats<bigint>
  stats (options?: { bigint?: boolean }): Stats
  /** Sets the counters to zero. */
  resetStats (): void
  /** Hits and misses of the last so many milliseconds; left out: since the cache was opened. */
  window (ms?: number): Window
  /** StateError for a private cache. */
  sharedInfo (): SharedInfo
  get sweeper (): Sweeper
  /** Moves the clock of a cache with `manualClock`. */
  advanceClock (ms: number): void
}

/** What the library reports: `code` is a name, `status` the number in cachecore.h. */
export class CacheError extends Error {
  readonly code: string
  readonly status: number
  /** Of setMany: the keys that were not stored. */
  readonly keys?: Bytes[]
}
/** ERR_CACHECORE_ARGUMENT: a size or an option is out of range. */
export class ArgumentError extends CacheError {}
/** ERR_CACHECORE_STATE: not now, such as a sweeper that runs already, or no such file. */
export class StateError extends CacheError {}
/** ERR_CACHECORE_CLOSED: the Cache object has been closed. */
export class ClosedError extends StateError {}
/** ERR_CACHECORE_REFUSED: larger than the cache can hold; the older value is gone. */
export class RefusedError extends CacheError {}
/** ERR_CACHECORE_FULL: a cache with `noEvict`, or with `maxProcesses`, is full. */
export class FullError extends CacheError {}
/** ERR_CACHECORE_NO_MEMORY: the system refused memory, a thread, or room in a file. */
export class NoMemoryError extends CacheError {}
/** ERR_CACHECORE_TOO_SMALL: getInto's buffer. */
export class TooSmallError extends CacheError {
  /** Bytes that are needed. */
  readonly size: number
}
/** ERR_CACHECORE_TIMEOUT: a wait has ended; of a write, another process is stopped in it. */
export class TimeoutError extends CacheError {}
/** ERR_CACHECORE_TYPE: increment's value is no decimal number. */
export class NotANumberError extends CacheError {}
/** ERR_CACHECORE_RANGE: the sum does not fit. */
export class OverflowError extends CacheError {}
/** ERR_CACHECORE_LAYOUT: a file that is no cache, or is damaged. */
export class LayoutError extends CacheError {}
/** ERR_CACHECORE_ACCESS: a file's owner or permissions. */
export class AccessError extends CacheError {}
