/** Sums over epochs: what they used, what lay between them, and their slices of time. */
import type { EnergySlice, FootprintPart, IntensityPoint } from '../carbon'
import { type Energy, type Quality, weakest } from '../energy'
import type { Prediction } from '../predict'
import type { RunCarbon } from '../record'
import type { Epoch, Used } from './types'

/** What an epoch had used by a time in the middle of it. */
export interface Look {
  time: Date
  joules: number
}

/** Some of the energy of an epoch. */
export type EpochSlice = EnergySlice & { epoch: Epoch }

/**
 * The sum of epochs. Errors of counters are of their readings, so those of many epochs add in
 * quadrature; those of gauges and models may all have one cause, so they add as they are.
 */
export function usedBy(epochs: readonly Epoch[]): Used {
  const errors = epochs.map(({ energy }) => energy.uncertaintyJoules)
  const isCounted = epochs.every(({ energy }) =>
    energy.domains.every(
      ({ additive, method, quality }) =>
        !additive || (method === 'energy-counter' && quality === 'measured'),
    ),
  )
  return {
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
    joules: epochs.reduce((sum, { energy }) => sum + energy.joules, 0),
    uncertaintyJoules: isCounted
      ? Math.hypot(...errors)
      : errors.reduce((sum, one) => sum + one, 0),
  }
}

/** How much the sum of epochs may be trusted; where there is none, as much as `total`. */
export function trustOf(
  epochs: readonly Epoch[],
  total: Energy,
): { quality: Quality; coverage: number } {
  const { quality, coverage } = total
  const seconds = epochs.reduce((sum, one) => sum + one.seconds, 0)
  if (seconds === 0) return { quality, coverage }
  const read = epochs.reduce((sum, one) => sum + one.energy.coverage * one.seconds, 0)
  return { quality: weakest(epochs.map(({ energy }) => energy.quality)), coverage: read / seconds }
}

/** A sentence where the error of what is measured, which no interval knows, is more than half of it. */
export function doubtOf({ joules }: Prediction, seen: Used): string[] {
  const { value, low = value, high = value } = joules
  const share = seen.joules > 0 ? seen.uncertaintyJoules / seen.joules : 0
  if (!(share * value > (high - low) / 4)) return []
  const percent = Number((100 * share).toPrecision(2))
  return [`What is measured is itself uncertain by ${percent} %, which is not in the interval.`]
}

/** What of the whole lies in no epoch. */
export function betweenOf(total: Energy, epochs: Used): Used {
  return {
    seconds: Math.max(0, total.seconds - epochs.seconds),
    joules: Math.max(0, total.joules - epochs.joules),
    uncertaintyJoules: total.uncertaintyJoules + epochs.uncertaintyJoules,
  }
}

/**
 * The time of an epoch cut where it was looked at, its energy spread as the looks tell. The clock may be
 * set while it goes on, and a date has no fractions of a millisecond: no slice begins before the last has
 * ended, and none is empty.
 */
export function slicesOf(epoch: Epoch, begun: Date, looks: readonly Look[]): EpochSlice[] {
  const { energy, seconds } = epoch
  const added = energy.domains.filter(({ additive }) => additive)
  const end = begun.getTime() + Math.max(1, Math.round(1000 * seconds))
  const slices: EpochSlice[] = []
  let [start, used] = [begun, 0]
  const inside = looks.filter(({ time }) => time.getTime() < end)
  for (const { time, joules } of [...inside, { time: new Date(end), joules: energy.joules }]) {
    if (time <= start) continue
    const upTo = Math.min(energy.joules, Math.max(used, joules))
    const share = energy.joules > 0 ? (upTo - used) / energy.joules : 0
    slices.push({
      epoch,
      start,
      end: time,
      joules: upTo - used,
      uncertaintyJoules: share * energy.uncertaintyJoules,
      domains: Object.fromEntries(added.map(({ id, joules }) => [id, share * joules])),
    })
    ;[start, used] = [time, upTo]
  }
  return slices
}

/** Gives each epoch the grams of its slices; slices and parts are both in order of time. */
export function fillGrams(
  slices: readonly EpochSlice[],
  parts: readonly Pick<FootprintPart, 'end' | 'grams'>[],
): void {
  let next = 0
  for (const { epoch } of slices) delete epoch.grams
  for (const { epoch, end } of slices) {
    for (; next < parts.length && parts[next]!.end <= end; next++) {
      if (epoch.energy.coverage > 0) epoch.grams = (epoch.grams ?? 0) + parts[next]!.grams
    }
  }
}

/** The intensities of a footprint, neighbours that are the same as one. */
export function pointsOf({ parts, intensity }: RunCarbon): IntensityPoint[] {
  const { kind, factors, boundary, year, licence, attribution } = intensity
  const points: IntensityPoint[] = []
  for (const { start, end, gramsPerKWh, status, zone, source, issuedAt, fetchedAt } of parts) {
    const last = points.at(-1)
    const isSame = last && last.gramsPerKWh === gramsPerKWh && last.zone === zone
    if (isSame && last.source === source && last.status === status) {
      points[points.length - 1] = { ...last, end }
      continue
    }
    points.push({
      ...{ start, end, gramsPerKWh, kind, factors, boundary, status, zone, source },
      ...(status === 'annual-average' && year !== undefined && { year }),
      ...(issuedAt && { issuedAt }),
      ...(fetchedAt && { fetchedAt }),
      ...(licence !== undefined && { licence }),
      ...(attribution !== undefined && { attribution }),
    })
  }
  return points
}
