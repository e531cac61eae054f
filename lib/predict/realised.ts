/** How often past intervals held, now that it is known what they were about. */
import type { EpochUse, Estimate, Prediction } from './types'

/** Intervals that can be judged by now, and those of them that held what really was. */
export interface Coverage {
  readonly intervals: number
  readonly held: number
}

/** How many of some intervals hold a value; estimates without an interval do not count. */
export function coverageOf(estimates: readonly Estimate[], actual: number): Coverage {
  const told = estimates.filter(({ low, high }) => low !== undefined && high !== undefined)
  const held = told.filter(({ low, high }) => low! <= actual && actual <= high!)
  return Number.isFinite(actual)
    ? { intervals: told.length, held: held.length }
    : { intervals: 0, held: 0 }
}

/**
 * Of the energy of the very next epoch, as far as that has passed, and of the whole run, once it is
 * complete and the energy of every epoch is known; `predictions` in any order, of one run.
 */
export function realised(
  predictions: readonly Prediction[],
  epochs: readonly EpochUse[],
): { next: Coverage; whole: Coverage } {
  const joulesOf = (index: number) => epochs[index]?.joules ?? Number.NaN
  const total = epochs.reduce((sum, _, index) => sum + joulesOf(index), 0)
  const before = predictions.filter(({ seen }) => seen < epochs.length)
  return {
    next: added(
      before.flatMap(({ next, seen }) => (next ? coverageOf([next], joulesOf(seen)) : [])),
    ),
    whole: added(
      before
        .filter((one) => one.epochs === epochs.length)
        .map(({ joules }) => coverageOf([joules], total)),
    ),
  }
}

function added(some: readonly Coverage[]): Coverage {
  return some.reduce(
    (sum, { intervals, held }) => ({
      intervals: sum.intervals + intervals,
      held: sum.held + held,
    }),
    { intervals: 0, held: 0 },
  )
}
