/** carbontracker's own prediction, to the digit, for those who compare. */
import { toKWh } from '../units'
import type { Settings } from './options'
import type { EpochUse, Prediction } from './types'

/** Epochs × mean of those seen whose figure is known; no interval. */
export function predictMean(epochs: readonly EpochUse[], settings: Settings): Prediction {
  const { confidence, pue, carbon } = settings
  const count = Math.max(settings.epochs, epochs.length)
  const joules = { value: count * meanOf(epochs.map((epoch) => epoch.joules)) }
  const seconds = { value: count * meanOf(epochs.map((epoch) => epoch.seconds)) }
  const known = Number.isFinite(joules.value) && Number.isFinite(seconds.value)
  return {
    epochs: count,
    seen: epochs.length,
    method: 'mean',
    confidence,
    rough: true,
    joules,
    seconds,
    ...(carbon &&
      known && {
        grams: { value: pue * toKWh(joules.value) * carbon.ahead(seconds.value).gramsPerKWh },
      }),
    from: 0,
    assumption: `Mean of the ${epochs.length} epochs seen, as carbontracker takes it: no interval.`,
    notes: [],
  }
}

function meanOf(values: readonly (number | null)[]): number {
  const known = values.filter((value): value is number => Number.isFinite(value))
  return known.reduce((sum, value) => sum + value, 0) / known.length
}

/** Seconds for which carbontracker counts a new intensity once more. */
const AGAIN_AFTER = 900

/**
 * The intensity that carbontracker values its prediction with: (Σ hᵢ + c (1 + ⌊T ÷ 900⌋)) ÷ (n + 1 +
 * ⌊T ÷ 900⌋), from the n values fetched before, one for the time to come and the predicted seconds T.
 */
export function carbontrackerIntensity(
  before: readonly number[],
  ahead: number,
  seconds: number,
): number {
  const times = 1 + Math.floor(seconds / AGAIN_AFTER)
  const sum = before.reduce((total, value) => total + value, 0)
  return (sum + ahead * times) / (before.length + times)
}
