/** What a source is that lives in JavaScript, and the points such a source keeps. */
import { TALLY } from '../native'
import { type Channel, columnOf, joulesOf, type Reading } from './reading'

/** A running source beside the native sampler: its columns follow the sampler's. */
export interface Feed {
  readonly channels: readonly Channel[]
  /** Sentences for a person: how it comes by its numbers. */
  readonly notes: readonly string[]
  start(): void
  stop(): void
  /** Brings it up to the reading's time and writes its columns from `offset` on. */
  sample(into: Reading, offset: number): void
  /** From here on `drain` gives points; the first of them is taken now. */
  record(): void
  /** The points since the last call, oldest first: readings of this feed's channels alone. */
  drain(): Reading[]
  /** Joules of a channel since start at a time, between the points around it. */
  joulesAt(timeMs: number, channel: number): number
  overhead(): FeedOverhead
}

/** What a feed cost and missed. */
export interface FeedOverhead {
  /** CPU time in this process, in seconds. */
  cpuSeconds: number
  rows: number
  /** Milliseconds between points. */
  intervalMs: number
  /** Points that were dropped before anyone fetched them. */
  overwritten: number
}

/** The last points of a feed. */
export interface Points {
  keep(point: Reading): void
  /** Of the points so far, only the last is fetched by the next `drain`. */
  restart(): void
  drain: Feed['drain']
  joulesAt: Feed['joulesAt']
  /** How many there have been, and how many were dropped unfetched. */
  counts(): Pick<FeedOverhead, 'rows' | 'overwritten'>
}

const KEPT_POINTS = 4096

export function createPoints(): Points {
  const points: Reading[] = []
  let made = 0
  let fetched = 0
  let overwritten = 0

  return {
    keep(point) {
      if (points.push(point) > KEPT_POINTS) points.shift()
      made++
    },
    restart() {
      fetched = made - 1
    },
    drain() {
      const fresh = points.slice(Math.max(0, points.length - (made - fetched)))
      overwritten += made - fetched - fresh.length
      fetched = made
      return fresh
    },
    joulesAt(timeMs, channel) {
      // From the end: mostly it is now that is asked for.
      const before = points.findLastIndex((point) => point[0]! < timeMs)
      const from = points[Math.max(0, before)]!
      const to = points[before + 1] ?? from
      const gap = to[0]! - from[0]!
      const share = gap > 0 ? Math.min(1, Math.max(0, (timeMs - from[0]!) / gap)) : 1
      return joulesOf(from, channel) * (1 - share) + joulesOf(to, channel) * share
    },
    counts: () => ({ rows: made, overwritten }),
  }
}

const FRESH = TALLY.indexOf('fresh')

/** Joules of a channel in a row: NaN where it could not be read. */
export function rowOf(point: Reading, channel: number): number {
  return point[columnOf(channel) + FRESH] === 1 ? joulesOf(point, channel) : Number.NaN
}

/** Milliseconds of CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}
