/** What all providers do with answers: read JSON, check values and times, make points. */
import { JouletapError } from '../../errors'
import type { Answer } from '../http'
import { MOST_GRAMS_PER_KWH } from '../series'
import type { IntensityPoint } from '../types'

/** A value at the time at which its stretch begins; null: a hole. */
export interface Sample {
  readonly start: Date
  readonly gramsPerKWh: number | null
  /** Where the service tells it. */
  readonly end?: Date
  readonly status?: IntensityPoint['status']
  /** What the service warns of. */
  readonly warnings?: readonly string[]
}

/** What all points of an answer share. */
export type Common = Omit<IntensityPoint, 'start' | 'end' | 'gramsPerKWh'>

/** When an answer was given, and whether the service has failed since. */
export function ageOf({ fetchedAt, stale }: Answer<unknown>): Pick<Common, 'fetchedAt' | 'stale'> {
  return { fetchedAt, ...(stale && { stale }) }
}

/** @throws {Error} it is no object of JSON. */
export function objectOf(text: string): Record<string, unknown> {
  const value = JSON.parse(text) as unknown
  if (typeof value !== 'object' || value === null) throw new Error('it is no object')
  return value as Record<string, unknown>
}

/** @throws {Error} it is no list, or one of it no object. */
export function listOf(value: unknown, name: string): readonly Record<string, unknown>[] {
  if (!Array.isArray(value)) throw new Error(`${name} is missing`)
  if (value.some((one) => typeof one !== 'object' || one === null)) {
    throw new Error(`${name} holds what is no object`)
  }
  return value as Record<string, unknown>[]
}

/**
 * Grams per kWh, or null for a hole.
 * @throws {Error} it is no number from 0 to 3000.
 */
export function gramsOf(value: unknown): number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'string' && value.trim() === '') return null
  const grams = typeof value === 'string' ? Number(value) : value
  if (typeof grams === 'number' && grams >= 0 && grams <= MOST_GRAMS_PER_KWH) return grams
  throw new Error(`${String(value)} is no intensity from 0 to ${MOST_GRAMS_PER_KWH} g/kWh`)
}

/** @throws {Error} it is no time with an offset from UTC. */
export function timeOf(value: unknown): Date {
  const time =
    typeof value === 'string' && /(Z|[+-]\d\d:?\d\d)$/.test(value) ? new Date(value) : null
  if (time && !Number.isNaN(time.getTime())) return time
  throw new Error(`${String(value)} is no time`)
}

/**
 * Points of samples, in order of time, each up to its own end, else to the next sample; the last is as
 * long as the one before, or `seconds`. None is longer than that. Holes are left out.
 */
export function pointsOf(
  samples: readonly Sample[],
  seconds: number,
  common: Common,
): IntensityPoint[] {
  const sorted = [...samples].sort((a, b) => a.start.getTime() - b.start.getTime())
  const starts = sorted.map(({ start }) => start.getTime())
  return sorted.flatMap((sample, index) => {
    const { start, end, gramsPerKWh, status = common.status, warnings } = sample
    const from = starts[index]!
    const next = starts[index + 1] ?? Number.POSITIVE_INFINITY
    if (gramsPerKWh === null || next === from) return []
    const until = Math.min(end?.getTime() ?? from + 1000 * stepOf(starts, index, seconds), next)
    const point = { ...common, start, end: new Date(until), gramsPerKWh, status }
    return [warnings === undefined ? point : { ...point, warnings }]
  })
}

/** Seconds from a sample to the next, from the last before to the last; `usual` at the most. */
function stepOf(starts: readonly number[], index: number, usual: number): number {
  const [a, b] = index + 1 < starts.length ? [index, index + 1] : [index - 1, index]
  const step = starts[a] === undefined ? Number.POSITIVE_INFINITY : (starts[b]! - starts[a]!) / 1000
  return step > 0 ? Math.min(step, usual) : usual
}

/** @throws {JouletapError} INTENSITY_UNAVAILABLE: there is none. */
export function someOf(points: readonly IntensityPoint[], id: string): readonly IntensityPoint[] {
  if (points.length > 0) return points
  throw new JouletapError('INTENSITY_UNAVAILABLE', `${id} has no value for this time.`)
}

/** Those that overlap [from, to). */
export function within(
  points: readonly IntensityPoint[],
  from: Date,
  to: Date,
): readonly IntensityPoint[] {
  return points.filter(({ start, end }) => start < to && end > from)
}

/** What several answers tell of, once and in order of time: of one time, what was asked for last. */
export function unique(points: readonly IntensityPoint[]): IntensityPoint[] {
  const byStart = new Map(points.map((point) => [point.start.getTime(), point]))
  return [...byStart.values()].sort((a, b) => a.start.getTime() - b.start.getTime())
}
