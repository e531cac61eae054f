/** Follows the intensity of the grid of a place while something runs there. */
import {
  type EnergySlice,
  footprint,
  type IntensityAnswer,
  type IntensityOptions,
  type IntensityPoint,
  type IntensitySeries,
  intensity,
  type Place,
  resolveLocation,
  seriesOf,
  tableIntensity,
} from '../carbon'
import type { RunCarbon } from '../record'

/** How often a service is asked, and the energy looked at: the step of most grids' figures. */
export const EVERY_MS = 15 * 60_000
const HOUR_MS = 3_600_000
/** Hours of a forecast that are asked for: more than most services know, days of training. */
const AHEAD_HOURS = 96

/** Options of `intensity`, and the place. */
export type GridOptions = Omit<IntensityOptions, 'at' | 'from' | 'to' | 'forecastHours'> & {
  place?: Place | undefined
}

export interface GramsTold {
  /** Null where nobody could tell; `warnings` say why. */
  carbon: RunCarbon | null
  warnings: string[]
}

/** The mean intensity of a stretch of time, in g/kWh, with what it is between with probability 0.8 or so. */
export interface Ahead {
  gramsPerKWh: number
  low?: number
  high?: number
  /** A service is asked, but none has told of that time yet: this is a table's annual mean. */
  standsIn?: true
}

export interface Grid {
  /** From now on asks with other options. */
  use(options: GridOptions): void
  /** From now on asks for the hours to come as well: never waits. */
  foresee(): void
  /** The mean of the next so many seconds: never waits. */
  ahead(seconds: number): Ahead
  /** The footprint of slices since the start: waits for a service no longer than it may; never fails. */
  footprint(slices: readonly EnergySlice[], end: Date, pue: number): Promise<GramsTold>
  /** Asks no more. */
  close(): void
}

/**
 * Begins to follow; a service, where one is asked for, is asked every quarter of an hour, and `each`
 * is called just before. An annual mean is the same all the time, and looked up as it is needed.
 */
export function followGrid(
  first: GridOptions,
  startedAt: Date,
  each: () => void = () => {},
  everyMs = EVERY_MS,
): Grid {
  let { place, ...options } = first
  let timer: NodeJS.Timeout | undefined
  let known: readonly IntensityPoint[] = []
  let coming: IntensitySeries | undefined
  let isForeseeing = false

  /** From `from` to `to`; what is live is remembered. */
  async function ask(from: Date, to: Date) {
    const answer = await intensity(place, { ...options, from, to })
    const { points } = answer.series
    const isLive = !isMean(answer.series)
    if (isLive) known = [...known.filter((old) => !points.some(overlaps(old))), ...points]
    return { ...answer, isLive }
  }

  function foresee(): void {
    isForeseeing = true
    const asked = options
    intensity(place, { ...options, forecastHours: AHEAD_HOURS }).then(
      ({ series }) => {
        const isWorse = coming && isMean(series) && !isMean(coming)
        if (asked === options && !isWorse) coming = series
      },
      () => {},
    )
  }

  function use(next: GridOptions): void {
    ;({ place, ...options } = next)
    clearInterval(timer)
    if (options.live)
      timer = setInterval(look, everyMs).unref()
      // Two services may not count the same.
    ;[known, coming] = [[], undefined]
    if (isForeseeing) foresee()
  }

  function look(): void {
    each()
    // Any of them may fail, as the last may: then what is known stands in.
    ask(new Date(Date.now() - HOUR_MS), new Date()).catch(() => {})
    if (isForeseeing) foresee()
  }
  /** Until somebody answers. */
  function annualMean(): IntensitySeries {
    const now = new Date()
    const until = new Date(now.getTime() + HOUR_MS)
    return seriesOf([tableIntensity(resolveLocation(place, options), now, until).point])
  }

  use(first)
  return {
    foresee,
    use,
    ahead(seconds) {
      const from = Date.now()
      coming ??= annualMean()
      const standsIn = isMean(coming) && options.live
      const mean = meanOf(coming, from, from + 1000 * Math.max(1, seconds))
      return { ...mean, ...(standsIn && { standsIn: true }) }
    },
    async footprint(slices, end, pue) {
      try {
        const from = options.live ? new Date(startedAt.getTime() - HOUR_MS) : startedAt
        const answer = await ask(from, end)
        const recalled = !answer.isLive && known.length > 0
        // A service may have forgotten the beginning of a long run.
        const series = known.length > 0 ? seriesOf(known) : answer.series
        const { warnings, kWh: _, pue: __, ...told } = footprint(slices, series, { pue })
        return {
          carbon: { ...told, location: placeOf(answer) },
          warnings: [...(recalled ? [RECALLED] : answer.warnings), ...warnings],
        }
      } catch (error) {
        return { carbon: null, warnings: [`No footprint: ${(error as Error).message}`] }
      }
    },
    close: () => clearInterval(timer),
  }
}

const RECALLED = 'The service failed at the end: what it said during the run was used.'

const isMean = ({ points }: IntensitySeries) => points[0]!.status === 'annual-average'

const overlaps = (a: IntensityPoint) => (b: IntensityPoint) => a.start < b.end && b.start < a.end

function placeOf({ location }: IntensityAnswer): RunCarbon['location'] {
  const { name, zone, country, foundBy, detail } = location
  return { name, foundBy, detail, ...(zone && { zone }), ...(country && { country }) }
}

/** Weighted by time over what overlaps; what lies beyond the last point is like that. */
function meanOf({ points }: IntensitySeries, from: number, to: number): Ahead {
  const sums = { weight: 0, gramsPerKWh: 0, low: 0, high: 0 }
  const last = points.at(-1)!
  const shares = points.map((point) => ({
    point,
    weight: Math.max(0, Math.min(to, point.end.getTime()) - Math.max(from, point.start.getTime())),
  }))
  shares.push({ point: last, weight: Math.max(0, to - Math.max(from, last.end.getTime())) })
  for (const { point, weight } of shares) {
    const { gramsPerKWh, quantiles = [] } = point
    sums.weight += weight
    sums.gramsPerKWh += weight * gramsPerKWh
    sums.low += weight * (quantiles[0]?.gramsPerKWh ?? gramsPerKWh)
    sums.high += weight * (quantiles.at(-1)?.gramsPerKWh ?? gramsPerKWh)
  }
  if (sums.weight === 0) return { gramsPerKWh: points[0]!.gramsPerKWh }
  const mean = (sum: number) => sum / sums.weight
  return { gramsPerKWh: mean(sums.gramsPerKWh), low: mean(sums.low), high: mean(sums.high) }
}
