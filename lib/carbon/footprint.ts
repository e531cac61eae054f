/** From energy and the intensity of the grid at the time to grams of CO2-equivalent. */
import type { Energy } from '../energy'
import { badOption, JouletapError } from '../errors'
import { toKWh } from '../units'
import { sigmaOf } from './quantiles'
import { type IntensitySeries, seriesOf } from './series'
import type { Basis, IntensityPoint, IntensityStatus } from './types'

/** A stretch of time and what was used in it, evenly. */
export interface EnergySlice {
  readonly start: Date
  /** After the start. */
  readonly end: Date
  /** Not negative. */
  readonly joules: number
  /** One standard deviation, in joules; default 0. */
  readonly uncertaintyJoules?: number
  /** Joules of each domain that is part of the total, by its id. */
  readonly domains?: Readonly<Record<string, number>>
}

export interface FootprintOptions {
  /** When the energy of a meter began to be used; default: so long before now as it took. */
  readonly start?: Date
  /**
   * Power usage effectiveness of the site: all that it takes from the grid ÷ what its computers take,
   * 1 … 10. Default 1. For orientation: 1.1 to 1.19 for the three large clouds (Cloud Carbon
   * Footprint), 1.58 for data centres on average (carbontracker's figure for 2023).
   */
  readonly pue?: number
  /** Water usage effectiveness of the site, in litres for each kWh of its computers: 0 … 100. */
  readonly wue?: number
}

/** The intensity that was used, on average over the energy. */
export interface UsedIntensity extends Basis {
  readonly gramsPerKWh: number
  /** The weakest of its parts'. */
  readonly status: IntensityStatus
  /** Of all its parts, separated by commas. */
  readonly zone: string
  readonly source: string
  /** Of annual averages. */
  readonly year?: number
  readonly licence?: string
  readonly attribution?: string
}

/** A stretch of time with one intensity. */
export interface FootprintPart extends EnergySlice {
  readonly gramsPerKWh: number
  /** One standard deviation, where whoever gave the intensity tells. */
  readonly uncertaintyGramsPerKWh?: number
  readonly status: IntensityStatus
  readonly zone: string
  readonly source: string
  readonly issuedAt?: Date
  readonly fetchedAt?: Date
  /** With PUE. */
  readonly grams: number
  /** Nobody told of this time: that of the nearest was taken. */
  readonly assumed?: true
}

/** What an energy means for the climate. */
export interface Footprint {
  /** Of CO2, or CO2-equivalent, with PUE. */
  readonly grams: number
  /**
   * One standard deviation: of the energy, and of the intensity as far as that is known. Errors of
   * one kind are taken to go the same way in all parts, which is the most that they can be.
   */
  readonly uncertaintyGrams: number
  /** What of it the uncertainty knows. */
  readonly uncertaintyOf: 'energy' | 'energy and intensity'
  /** Of the energy, without PUE. */
  readonly kWh: number
  readonly pue: number
  readonly intensity: UsedIntensity
  /** 0 … 1: the share of the energy for whose time an intensity was known. */
  readonly coverage: number
  /** Grams of each domain that is part of the total; empty where the energy does not tell. */
  readonly domains: readonly { readonly id: string; readonly grams: number }[]
  /** In order of time. */
  readonly parts: readonly FootprintPart[]
  /** Litres in each kWh, and of all; where a WUE was given. */
  readonly wue?: number
  readonly waterLitres?: number
  /** Sentences for a person. */
  readonly warnings: readonly string[]
}

/**
 * Grams = PUE × Σ joules ÷ 3 600 000 × g/kWh over the pieces into which the intensity cuts the energy:
 * not mean power × mean intensity, which is wrong where the two go together.
 *
 * An `Energy` is spread evenly over its seconds. Where the series has a hole, the intensity nearest in
 * time stands in, and `coverage` and a warning say so.
 * @throws {JouletapError} BAD_OPTION: a factor is out of its range; BAD_INPUT: the intensities cannot
 *   be added up, as `seriesOf` says, or slices of energy are none, overlap, end before they start or
 *   are negative.
 */
export function footprint(
  energy: Energy | readonly EnergySlice[],
  intensity: IntensitySeries | readonly IntensityPoint[],
  options: FootprintOptions = {},
): Footprint {
  const factors = checkFactors(options)
  const series = 'basis' in intensity ? intensity : seriesOf(intensity)
  const slices = 'joules' in energy ? [sliceOf(energy, options.start)] : inOrder(energy)
  const parts = slices.flatMap((slice) => cut(slice, series.points, factors.pue))
  const used = series.points.filter((point) => parts.some((part) => isOf(part, point)))
  return summed(parts, { ...series.basis, ...creditsOf(used) }, factors)
}

/**
 * The footprint of the same energy with other factors: those that are not given stay. Takes a
 * footprint, or what JSON has kept of one.
 * @throws {JouletapError} as `footprint` does.
 */
export function recompute(
  from: Pick<Footprint, 'parts' | 'intensity' | 'pue' | 'wue'>,
  {
    intensity,
    ...options
  }: { intensity?: IntensitySeries | readonly IntensityPoint[] } & Omit<
    FootprintOptions,
    'start'
  > = {},
): Footprint {
  const { pue, wue } = checkFactors({ pue: from.pue, ...defined({ wue: from.wue }), ...options })
  const parts = from.parts.map((part) => ({
    ...part,
    start: new Date(part.start),
    end: new Date(part.end),
  }))
  if (intensity) return footprint(parts, intensity, { pue, ...defined({ wue }) })
  const again = parts.map((part) => ({
    ...part,
    grams: pue * toKWh(part.joules) * part.gramsPerKWh,
  }))
  return summed(again, from.intensity, { pue, wue })
}

/** @throws {JouletapError} BAD_OPTION */
function checkFactors({ pue = 1, wue }: FootprintOptions): {
  pue: number
  wue?: number | undefined
} {
  if (!isWithin(pue, 1, 10)) throw badOption('pue', pue, 'a number from 1 to 10')
  if (wue !== undefined && !isWithin(wue, 0, 100)) {
    throw badOption('wue', wue, 'a number of litres per kWh from 0 to 100')
  }
  return { pue, wue }
}

function sliceOf(energy: Energy, start?: Date): EnergySlice {
  const ms = 1000 * energy.seconds
  const from = start?.getTime() ?? Date.now() - ms
  const domains = energy.domains.filter(({ additive }) => additive)
  return checkSlice({
    start: new Date(from),
    // A date has no fractions of a millisecond.
    end: new Date(Math.max(from + 1, Math.round(from + ms))),
    joules: energy.joules,
    uncertaintyJoules: energy.uncertaintyJoules,
    domains: Object.fromEntries(domains.map(({ id, joules }) => [id, joules])),
  })
}

function inOrder(slices: readonly EnergySlice[]): EnergySlice[] {
  if (slices.length === 0) throw new JouletapError('BAD_INPUT', 'A footprint needs some energy.')
  const sorted = [...slices].sort((a, b) => a.start.getTime() - b.start.getTime())
  for (const [index, slice] of sorted.entries()) {
    checkSlice(slice)
    const next = sorted[index + 1]
    if (next && next.start.getTime() < slice.end.getTime()) {
      const when = next.start.toISOString()
      throw new JouletapError('BAD_INPUT', `Two slices of energy overlap at ${when}.`)
    }
  }
  return sorted
}

function checkSlice(slice: EnergySlice): EnergySlice {
  const { start, end, joules, uncertaintyJoules = 0 } = slice
  if (!(start.getTime() < end.getTime())) {
    throw new JouletapError('BAD_INPUT', 'A slice of energy must end after it starts.')
  }
  if (!(joules >= 0 && uncertaintyJoules >= 0)) {
    throw new JouletapError('BAD_INPUT', `A slice of energy must not be negative: ${joules} J.`)
  }
  return slice
}

/** The pieces of a slice, each with the intensity of its time. */
function cut(slice: EnergySlice, points: readonly IntensityPoint[], pue: number): FootprintPart[] {
  const [from, to] = [slice.start.getTime(), slice.end.getTime()]
  const touched = points.slice(firstAfter(points, from), firstAfter(points, to) + 1)
  const edges = touched.flatMap(({ start, end }) => [start.getTime(), end.getTime()])
  const inside = [...new Set(edges)].filter((time) => from < time && time < to)
  const times = [from, ...inside.sort((a, b) => a - b), to]
  return times.slice(1).map((end, index) => {
    const start = times[index]!
    const { point, assumed } = nearest(points, start, end)
    const share = (end - start) / (to - from)
    const joules = slice.joules * share
    const sigma = sigmaOf(point)
    const { gramsPerKWh, status, zone, source, issuedAt, fetchedAt } = point
    return {
      start: new Date(start),
      end: new Date(end),
      joules,
      uncertaintyJoules: (slice.uncertaintyJoules ?? 0) * share,
      ...(slice.domains && {
        domains: mapValues(slice.domains, (ofDomain) => ofDomain * share),
      }),
      gramsPerKWh,
      ...defined({ uncertaintyGramsPerKWh: sigma, issuedAt, fetchedAt }),
      status,
      zone,
      source,
      grams: pue * toKWh(joules) * gramsPerKWh,
      ...(assumed && { assumed }),
    }
  })
}

/** The point of a piece, which no edge cuts: that which holds it, else the nearest to its middle. */
function nearest(
  points: readonly IntensityPoint[],
  start: number,
  end: number,
): { point: IntensityPoint; assumed: boolean } {
  const middle = (start + end) / 2
  const distance = ({ start, end }: IntensityPoint) =>
    Math.max(start.getTime() - middle, middle - end.getTime(), 0)
  const after = firstAfter(points, middle)
  const beside = points.slice(Math.max(0, after - 1), after + 1)
  const point = beside.reduce((best, one) => (distance(one) < distance(best) ? one : best))
  return { point, assumed: distance(point) > 0 }
}

/** Where the first point is that ends after a time: a day may have a million slices to ask for. */
function firstAfter(points: readonly IntensityPoint[], time: number): number {
  let [low, high] = [0, points.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (points[middle]!.end.getTime() > time) high = middle
    else low = middle + 1
  }
  return low
}

const WORST_FIRST: readonly IntensityStatus[] = [
  'annual-average',
  'forecast',
  'estimated',
  'measured',
]

/** Whose the intensities are. */
type Credits = Pick<UsedIntensity, 'year' | 'licence' | 'attribution'>

function creditsOf(points: readonly IntensityPoint[]): Credits {
  const years = [...new Set(points.map(({ year }) => year))]
  return defined({
    year: years.length === 1 ? years[0] : undefined,
    licence: list(points.map(({ licence }) => licence)),
    attribution: list(points.map(({ attribution }) => attribution)),
  })
}

function summed(
  parts: readonly FootprintPart[],
  { kind, factors, boundary, year, licence, attribution }: Basis & Credits,
  { pue, wue }: { pue: number; wue?: number | undefined },
): Footprint {
  const joules = sum(parts.map((part) => part.joules))
  const grams = sum(parts.map((part) => part.grams))
  const coverage = coverageOf(parts, joules)
  const sigmas = {
    energy: parts.map((part) => toKWh(part.uncertaintyJoules ?? 0) * part.gramsPerKWh),
    intensity: parts.map((part) => toKWh(part.joules) * (part.uncertaintyGramsPerKWh ?? 0)),
  }
  const told = parts.every((part) => part.uncertaintyGramsPerKWh !== undefined)
  return {
    grams,
    uncertaintyGrams: pue * Math.hypot(sum(sigmas.energy), sum(sigmas.intensity)),
    uncertaintyOf: told ? 'energy and intensity' : 'energy',
    kWh: toKWh(joules),
    pue,
    intensity: {
      gramsPerKWh: meanIntensity(parts, joules),
      kind,
      factors,
      boundary,
      status: WORST_FIRST.find((status) => parts.some((part) => part.status === status))!,
      zone: list(parts.map(({ zone }) => zone))!,
      source: list(parts.map(({ source }) => source))!,
      ...defined({ year, licence, attribution }),
    },
    coverage,
    domains: domainsOf(parts, pue),
    parts,
    ...(wue !== undefined && { wue, waterLitres: wue * toKWh(joules) }),
    warnings: coverage < 1 ? [ofHole(coverage, parts)] : [],
  }
}

function coverageOf(parts: readonly FootprintPart[], joules: number): number {
  const assumed = parts.filter((part) => part.assumed)
  if (assumed.length === 0) return 1
  return joules > 0 ? 1 - sum(assumed.map((part) => part.joules)) / joules : 0
}

/** Over the energy; over the time where none was used. */
function meanIntensity(parts: readonly FootprintPart[], joules: number): number {
  const rates = new Set(parts.map((part) => part.gramsPerKWh))
  // Sums would give one figure back with an error in its last digit.
  if (rates.size === 1) return parts[0]!.gramsPerKWh
  const weights = parts.map(joules > 0 ? (part) => part.joules : secondsOf)
  const products = parts.map((part, index) => part.gramsPerKWh * weights[index]!)
  return sum(products) / sum(weights)
}

function isOf(part: FootprintPart, point: IntensityPoint): boolean {
  return part.source === point.source && part.zone === point.zone
}

function ofHole(coverage: number, parts: readonly FootprintPart[]): string {
  const { start, end } = parts.find((part) => part.assumed)!
  return (
    `No intensity is known for ${(100 * (1 - coverage)).toFixed(1)} % of the energy, first from ` +
    `${start.toISOString()} to ${end.toISOString()}: that of the nearest time stands in.`
  )
}

/** Grams of each domain of which every part tells. */
function domainsOf(parts: readonly FootprintPart[], pue: number): { id: string; grams: number }[] {
  if (parts.some(({ domains }) => domains === undefined)) return []
  const ids = [...new Set(parts.flatMap(({ domains }) => Object.keys(domains!)))]
  return ids.map((id) => ({
    id,
    grams: sum(
      parts.map(({ domains, gramsPerKWh }) => pue * toKWh(domains![id] ?? 0) * gramsPerKWh),
    ),
  }))
}

function secondsOf({ start, end }: EnergySlice): number {
  return (end.getTime() - start.getTime()) / 1000
}

function list(names: readonly (string | undefined)[]): string | undefined {
  return [...new Set(names.filter((name) => name !== undefined))].join(', ') || undefined
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

function mapValues(
  of: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]))
}

/** Without the fields that are not there. */
function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>
  }
}
