/** The intensity of a place: from a live provider where one is asked for, else from a table. */
import { badOption, JouletapError } from '../errors'
import { type Http, httpClient } from './http'
import { type LocationOptions, type Place, resolveLocation } from './location'
import { chooseProvider, type ProviderChoice, type ProviderSettings } from './providers'
import { type IntensitySeries, seriesOf } from './series'
import { tableIntensity } from './tables'
import type { IntensityPoint, Location, Provider } from './types'

export interface IntensityOptions extends ProviderSettings, LocationOptions {
  /** A time; default: now. */
  readonly at?: Date
  /** A stretch of time, instead of `at`: [from, to). */
  readonly from?: Date
  readonly to?: Date
  /** Hours from now on, 1 … 336, instead of `at`. */
  readonly forecastHours?: number
  /**
   * Whether a service is asked, and which. Default: `JOULETAP_PROVIDER`, else false: the network is
   * not used.
   */
  readonly live?: false | ProviderChoice
  /** The longest that services are waited for, 0.1 … 60. Default 5. */
  readonly timeoutSeconds?: number
  /** Where answers of services are kept; null: nowhere. Default: `jouletap` in the user's cache folder. */
  readonly cacheFolder?: string | null
  /** Default: the clock. */
  readonly now?: () => Date
}

export interface IntensityAnswer {
  readonly location: Location
  /** Those that overlap the time that was asked for. */
  readonly series: IntensitySeries
  /** Sentences: what was assumed, what failed and what stands in for it. */
  readonly warnings: readonly string[]
}

/** Of one point of time: a value that is older than this is not of now. */
const NOW_MS = 3_600_000
const MOST_HOURS = 336

/**
 * The intensity of the grid of a place: now, at a time, in a stretch of time or in the hours to come. A
 * live provider that fails gives way to the annual mean of a table for all of that time, and a warning
 * says so: what comes back is of one basis.
 * @throws {JouletapError} BAD_OPTION: an option is wrong, or names a provider that lacks its key or does
 *   not know of the place; BAD_INPUT: the user's file is wrong.
 */
export async function intensity(
  place?: Place,
  options: IntensityOptions = {},
): Promise<IntensityAnswer> {
  const { now = () => new Date(), timeoutSeconds = 5 } = options
  if (!(timeoutSeconds >= 0.1 && timeoutSeconds <= 60)) {
    throw badOption('timeoutSeconds', timeoutSeconds, 'a number of seconds from 0.1 to 60')
  }
  const wanted = wantedTime(options, now())
  const location = resolveLocation(place, options)
  const { warnings } = location
  const live = liveOf(options)
  if (live === false) return fromTable(location, wanted, warnings)

  const provider = chooseProvider(live, location, options, clientOf(options))
  if (!provider) {
    const none = `No provider without a key knows of ${location.name}: a table tells of it.`
    return fromTable(location, wanted, [...warnings, none])
  }
  try {
    const answer = ask(provider, location, wanted)
    const { series, remarks } = await inTime(answer, 1000 * timeoutSeconds, provider.id)
    return { location, series, warnings: [...warnings, ...remarks, ...warningsIn(series)] }
  } catch (error) {
    if (error instanceof JouletapError && isUsers(error, provider)) throw error
    const why = error instanceof Error ? error.message : String(error)
    const table = fromTable(location, wanted, [])
    const [{ source, year }] = table.series.points as [IntensityPoint]
    const said = `${provider.id} told nothing (${why.replace(/\.$/, '')}): the table of ${source}, ${year}, stands in.`
    return { ...table, warnings: [...warnings, said, ...table.warnings] }
  }
}

/**
 * The provider that `intensity` would ask with these options: none where it would ask a table. Nothing
 * is asked of it yet.
 * @throws {JouletapError} BAD_OPTION as `intensity` does.
 */
export function providerFor(place?: Place, options: IntensityOptions = {}): Provider | undefined {
  const live = liveOf(options)
  if (live === false) return undefined
  return chooseProvider(live, resolveLocation(place, options), options, clientOf(options))
}

function clientOf({ timeoutSeconds = 5, cacheFolder, now }: IntensityOptions): Http {
  return httpClient({
    timeoutMs: 1000 * timeoutSeconds,
    ...(cacheFolder !== undefined && { cacheFolder }),
    ...(now && { now }),
  })
}

/** A mistake that its maker can mend, and wants to know of: no table stands in for that. */
function isUsers({ code }: JouletapError, { id }: Provider): boolean {
  return code === 'BAD_OPTION' || (code === 'BAD_INPUT' && id === 'file')
}

interface Wanted {
  kind: 'at' | 'range' | 'forecast'
  from: Date
  to: Date
  hours: number
}

function wantedTime({ at, from, to, forecastHours }: IntensityOptions, now: Date): Wanted {
  for (const [name, time] of Object.entries({ at, from, to })) {
    if (time === undefined || (time instanceof Date && !Number.isNaN(time.getTime()))) continue
    throw badOption(name, time, 'a time')
  }
  const given = [at, from ?? to, forecastHours].filter((one) => one !== undefined)
  if (given.length > 1) {
    throw badOption('the time', given, 'one of at, from with to, and forecastHours')
  }
  if (forecastHours !== undefined) {
    if (!(forecastHours >= 1 && forecastHours <= MOST_HOURS)) {
      throw badOption('forecastHours', forecastHours, `a number of hours from 1 to ${MOST_HOURS}`)
    }
    const until = new Date(now.getTime() + forecastHours * 3_600_000)
    return { kind: 'forecast', from: now, to: until, hours: forecastHours }
  }
  if (from !== undefined || to !== undefined) {
    const until = to ?? now
    if (!from || !(from.getTime() < until.getTime())) {
      throw badOption('from', from, 'a time before to, which is now where it is not given')
    }
    return { kind: 'range', from, to: until, hours: 0 }
  }
  const time = at ?? now
  return { kind: 'at', from: time, to: new Date(time.getTime() + 1), hours: 0 }
}

/** The environment's is checked where it is used. */
function liveOf({ live }: IntensityOptions): false | ProviderChoice {
  return live ?? ((process.env.JOULETAP_PROVIDER || false) as false | ProviderChoice)
}

function fromTable(
  location: Location,
  { from, to }: Wanted,
  warnings: readonly string[],
): IntensityAnswer {
  const { point, warnings: more } = tableIntensity(location, from, to)
  return { location, series: seriesOf([point]), warnings: [...warnings, ...more] }
}

async function ask(
  provider: Provider,
  location: Location,
  { kind, from, to, hours }: Wanted,
): Promise<{ series: IntensitySeries; remarks: string[] }> {
  if (kind === 'forecast') {
    if (!provider.forecast) {
      throw new JouletapError('INTENSITY_UNAVAILABLE', `${provider.id} has no forecast`)
    }
    return told(await provider.forecast(location, hours), from, to)
  }
  if (kind === 'range') return told(await provider.range(location, from, to), from, to)
  const early = new Date(from.getTime() - NOW_MS)
  const points = await provider.range(location, early, to)
  const holds = points.filter(({ start, end }) => start <= from && end > from)
  const latest = points.filter(({ start, end }) => start <= from && end > early).at(-1)
  const point = holds.at(-1) ?? latest
  if (!point) {
    throw new JouletapError('INTENSITY_UNAVAILABLE', `it has no value for ${from.toISOString()}`)
  }
  const answer = told([point], point.start, point.end)
  if (holds.length > 0) return answer
  const age = `The latest value of ${provider.id} is of ${point.start.toISOString()}.`
  return { ...answer, remarks: [...answer.remarks, age] }
}

/** What of the points is of [from, to), and what is to be said of them. */
function told(
  points: readonly IntensityPoint[],
  from: Date,
  to: Date,
): { series: IntensitySeries; remarks: string[] } {
  const series = seriesOf(points.filter(({ start, end }) => start < to && end > from))
  const remarks: string[] = []
  const old = series.points.find(({ stale }) => stale)
  if (old) {
    const { source, fetchedAt } = old
    remarks.push(`${source} failed: this is what it said at ${fetchedAt?.toISOString()}.`)
  }
  const missing = Math.round(missingMs(series.points, from.getTime(), to.getTime()) / 60_000)
  if (missing > 0) {
    const [{ source }] = series.points as [IntensityPoint]
    const stretch = `${from.toISOString()} to ${to.toISOString()}`
    remarks.push(`${source} tells nothing of ${missing} min of the time from ${stretch}.`)
  }
  return { series, remarks }
}

/** How much of a stretch no point holds; not of the last hour, which services tell of late. */
function missingMs(points: readonly IntensityPoint[], from: number, to: number): number {
  let [known, missing] = [from, 0]
  for (const { start, end } of points) {
    const gap = start.getTime() - known
    // Some begin with the next of their steps.
    if (gap >= end.getTime() - start.getTime()) missing += gap
    known = end.getTime()
  }
  return missing + (to - known > NOW_MS ? to - known : 0)
}

/** What the service warned of, each once. */
function warningsIn({ points }: IntensitySeries): string[] {
  return [...new Set(points.flatMap(({ warnings = [] }) => warnings))]
}

/** What comes in time; the timer keeps no process alive. */
async function inTime<T>(what: Promise<T>, timeoutMs: number, id: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new JouletapError('INTENSITY_UNAVAILABLE', `${id} did not answer in time`)
    timer = setTimeout(() => reject(error), timeoutMs)
  })
  try {
    return await Promise.race([what, late])
  } finally {
    clearTimeout(timer)
  }
}
