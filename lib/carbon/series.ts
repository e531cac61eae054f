/** Intensities over time that may be added up, for all are of one basis; and their arithmetic. */
import { JouletapError } from '../errors'
import type { Basis, IntensityPoint } from './types'

declare const alike: unique symbol

/** Points of one basis, in order of time, without overlaps: only `seriesOf` makes it. */
export interface IntensitySeries {
  readonly basis: Basis
  /** At least one. */
  readonly points: readonly IntensityPoint[]
  readonly [alike]: true
}

/** The most that is believed, in grams per kilowatt-hour: twice that of the dirtiest coal. */
export const MOST_GRAMS_PER_KWH = 3000

/**
 * A series of these points, put in order.
 * @throws {JouletapError} BAD_INPUT: there is none; they differ in kind, factors or boundary; two
 *   overlap; one is no number from 0 to 3000, or ends before it starts.
 */
export function seriesOf(points: readonly IntensityPoint[]): IntensitySeries {
  const [first] = points
  if (!first) throw new JouletapError('BAD_INPUT', 'A series of intensities needs a point.')
  const sorted = [...points].sort((a, b) => a.start.getTime() - b.start.getTime())
  for (const [index, point] of sorted.entries()) {
    mustBeAlike(first, point)
    const { gramsPerKWh, start, end } = point
    if (
      !(typeof gramsPerKWh === 'number' && gramsPerKWh >= 0 && gramsPerKWh <= MOST_GRAMS_PER_KWH)
    ) {
      throw new JouletapError(
        'BAD_INPUT',
        `An intensity must be from 0 to ${MOST_GRAMS_PER_KWH} g/kWh, not ${gramsPerKWh} (${point.source}).`,
      )
    }
    if (!(start.getTime() < end.getTime())) {
      throw new JouletapError('BAD_INPUT', `An intensity of ${point.source} ends before it starts.`)
    }
    const next = sorted[index + 1]
    if (next && next.start.getTime() < end.getTime()) {
      throw new JouletapError(
        'BAD_INPUT',
        `Two intensities overlap: of ${point.source} and ${next.source} at ${next.start.toISOString()}.`,
      )
    }
  }
  const { kind, factors, boundary } = first
  return { basis: { kind, factors, boundary }, points: sorted } as unknown as IntensitySeries
}

/** @throws {JouletapError} BAD_INPUT if they do not count the same. */
export function mustBeAlike(a: IntensityPoint, b: IntensityPoint): void {
  for (const what of ['kind', 'factors', 'boundary'] as const) {
    if (a[what] === b[what]) continue
    throw new JouletapError(
      'BAD_INPUT',
      `Intensities of different ${what} must not be mixed: ${a[what]} (${a.source}) and ${b[what]} (${b.source}).`,
    )
  }
}

/** The point that holds at a time, if there is one. */
export function pointAt({ points }: IntensitySeries, time: Date): IntensityPoint | undefined {
  const at = time.getTime()
  return points.find(({ start, end }) => start.getTime() <= at && at < end.getTime())
}
