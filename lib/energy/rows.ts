/** Rows of a running meter as async batches. */
import { monotonicMs } from './feed'
import type { Tap } from './tap'
import type { Rows } from './types'

/** Milliseconds between looks for new rows, at the most and least. */
const DRAIN_MS = { least: 20, most: 100 }

/**
 * Pulls rows from the tap while somebody awaits them: the timer runs, and keeps the process alive,
 * only then. In between the tap keeps the rows.
 */
export function iterateRows(
  tap: Tap,
  intervalMs: number,
  isOver: () => boolean,
  onEnd: () => void,
): AsyncIterableIterator<Rows> {
  const pause = Math.min(DRAIN_MS.most, Math.max(DRAIN_MS.least, intervalMs))
  const offset = offsetToPerformance()
  tap.record(true)
  let ended = false

  function end(): IteratorReturnResult<undefined> {
    if (!ended) {
      ended = true
      tap.record(false)
      onEnd()
    }
    return { done: true, value: undefined }
  }

  return {
    async next() {
      while (!ended) {
        const over = isOver()
        const rows = tap.read(offset)
        if (rows.times.length > 0) return { done: false, value: rows }
        if (over) break
        await new Promise((wake) => setTimeout(wake, pause))
      }
      return end()
    },
    async return() {
      return end()
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

let known: number | undefined

/**
 * What to add to milliseconds of CLOCK_MONOTONIC to be on the timeline of `performance.now()`: always
 * the same, for both are one clock with two beginnings.
 */
export function offsetToPerformance(): number {
  known ??= findOffset()
  return known
}

function findOffset(): number {
  let tightest = Number.POSITIVE_INFINITY
  let offset = 0
  for (let attempt = 0; attempt < 10; attempt++) {
    const before = monotonicMs()
    const now = performance.now()
    const after = monotonicMs()
    if (after - before >= tightest) continue
    tightest = after - before
    offset = now - (before + after) / 2
  }
  return offset
}
