/** Samples the estimate on a timer of the event loop, at 1 to 10 Hz. */
import { createPoints, type Feed, monotonicMs } from './feed'
import type { Settings } from './options'
import { type Channel, columnOf, emptyReading, type Reading } from './reading'

/** Faster than this CPU times do not tell a load; slower, short peaks are smoothed and overstated. */
export const ESTIMATE_INTERVAL_MS = { least: 100, most: 1000 }

/**
 * Opens the estimate of a processor that none of `counters` reads, and of its memory unless one of
 * them does. Its timer does not keep the process alive.
 */
export function openEstimator({ host, intervalMs }: Settings, counters: readonly Channel[]): Feed {
  // Where counters are read nobody needs the model, and it is a quarter of this folder.
  const { openEstimate } = require('./estimate') as typeof import('./estimate')
  const memory = !counters.some(({ kind }) => kind === 'dram')
  const { channels, notes, sample } = openEstimate(host.root, memory)
  const points = createPoints()
  const { least, most } = ESTIMATE_INTERVAL_MS
  const period = Math.min(most, Math.max(least, intervalMs))
  let timer: NodeJS.Timeout | undefined
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
    points.keep(point)
  }

  return {
    channels,
    notes,
    start() {
      keepPoint()
      timer = setInterval(keepPoint, period).unref()
    },
    stop() {
      clearInterval(timer)
      keepPoint()
    },
    sample: look,
    record() {
      keepPoint()
      points.restart()
    },
    drain: points.drain,
    joulesAt: points.joulesAt,
    overhead: () => ({ cpuSeconds, intervalMs: period, ...points.counts() }),
  }
}
