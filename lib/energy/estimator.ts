/** Samples the estimate on a timer of the event loop, at 1 to 10 Hz, and keeps its points. */
import { openEstimate } from './estimate'
import type { Settings } from './options'
import { type Channel, columnOf, emptyReading, joulesOf, type Reading } from './reading'

/** A running estimate. */
export interface Estimator {
  readonly channels: readonly Channel[]
  readonly notes: readonly string[]
  start(): void
  stop(): void
  /** Brings it up to the reading's time and writes its columns from `offset` on. */
  sample(into: Reading, offset: number): void
  /** From here on `drain` gives points; the first of them is taken now. */
  record(): void
  /** The points since the last call, oldest first: readings of the estimate's channels alone. */
  drain(): Reading[]
  /** Joules of a channel since start at a time, between the points around it. */
  joulesAt(timeMs: number, channel: number): number
  overhead(): { cpuSeconds: number; rows: number; overwritten: number }
}

/** Faster than this CPU times do not tell a load; slower, short peaks are smoothed and overstated. */
export const ESTIMATE_INTERVAL_MS = { least: 100, most: 1000 }
const KEPT_POINTS = 4096

/** Milliseconds of CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/**
 * Opens the estimate of a processor that none of `counters` reads, and of its memory unless one of
 * them does. Its timer does not keep the process alive.
 */
export function openEstimator(
  { host, intervalMs }: Settings,
  counters: readonly Channel[],
): Estimator {
  const memory = !counters.some(({ kind }) => kind === 'dram')
  const { channels, notes, sample } = openEstimate(host.root, memory)
  const points: Reading[] = []
  let timer: NodeJS.Timeout | undefined
  let made = 0
  let fetched = 0
  let overwritten = 0
  let cpuSeconds = 0

  function look(into: Reading, offset: number): void {
    const before = performance.now()
    sample(into, offset, into[0]!)
    cpuSeconds += (performance.now() - before) / 1000
  }

  function keepPoint(): void {
    const point = emptyReading(channels.length)
    point[0] = monotonicMs()
    look(point, columnOf(0))
    if (points.push(point) > KEPT_POINTS) points.shift()
    made++
  }

  return {
    channels,
    notes,
    start() {
      keepPoint()
      const { least, most } = ESTIMATE_INTERVAL_MS
      const period = Math.min(most, Math.max(least, intervalMs))
      timer = setInterval(keepPoint, period).unref()
    },
    stop() {
      clearInterval(timer)
      keepPoint()
    },
    sample: look,
    record() {
      keepPoint()
      fetched = made - 1
    },
    drain() {
      const fresh = points.slice(Math.max(0, points.length - (made - fetched)))
      overwritten += made - fetched - fresh.length
      fetched = made
      return fresh
    },
    joulesAt(timeMs, channel) {
      const after = points.findIndex((point) => point[0]! >= timeMs)
      const to = points.at(after)!
      const from = points[Math.max(0, after - 1)]!
      const gap = to[0]! - from[0]!
      const share = gap > 0 ? Math.min(1, Math.max(0, (timeMs - from[0]!) / gap)) : 1
      return joulesOf(from, channel) * (1 - share) + joulesOf(to, channel) * share
    },
    overhead: () => ({ cpuSeconds, rows: made, overwritten }),
  }
}
