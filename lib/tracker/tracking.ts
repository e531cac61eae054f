/** Epochs, predictions and reports of a tracker as records hold them. */
import type { Estimate, Prediction } from '../predict'
import type { RunEpoch, RunPrediction, RunTotals, RunTracking } from '../record'
import { toKWh } from '../units'
import type { Epoch, TrackerReport } from './types'

export function epochOf({ energy, grams: _, ...epoch }: Epoch): RunEpoch & { epoch: number } {
  const { joules, uncertaintyJoules, coverage } = energy
  // Nothing was read: that is not zero.
  return { ...epoch, joules: coverage > 0 ? joules : null, uncertaintyJoules }
}

export function trackingOf(report: TrackerReport): RunTracking {
  const { plannedEpochs, status, epochs, actual, between, predictions, realised } = report
  const { pue, files, warnings } = report
  return {
    plannedEpochs,
    status,
    epochs: epochs.map((one) => ({
      ...epochOf(one),
      ...(one.grams !== undefined && { grams: one.grams }),
    })),
    actual: totalsOf(report),
    quality: actual.quality,
    coverage: actual.coverage,
    between,
    predictions: predictions.map((one) => predictionOf(one, pue)),
    realised: realised.next,
    files,
    warnings,
  }
}

/** What all epochs used. */
export function totalsOf({ actual, carbon }: TrackerReport): RunTotals {
  const { quality: _, coverage: __, ...totals } = actual
  return { ...totals, grams: carbon?.grams ?? null }
}

type Limits = { low?: number; high?: number }

export function predictionOf(prediction: Prediction, pue: number): RunPrediction {
  const { seen, confidence, epochs, assumption, joules, seconds, grams } = prediction
  const limits = (end: keyof Limits): Partial<Record<keyof Limits, Omit<RunTotals, 'kWh'>>> => {
    const one = (estimate?: Estimate) => known(estimate?.[end])
    if (joules[end] === undefined) return {}
    return { [end]: { joules: one(joules), seconds: one(seconds), grams: one(grams) } }
  }
  return {
    ...{ seen, confidence, epochs, assumption },
    seconds: known(seconds.value),
    joules: known(joules.value),
    kWh: known(toKWh(joules.value) * pue),
    grams: known(grams?.value),
    ...limits('low'),
    ...limits('high'),
  }
}

/** A number, or null where there is none. */
const known = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : null
