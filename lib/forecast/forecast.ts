/** Forecasts as points of intensity, and a provider that makes them of its own past. */
import { type IntensityPoint, type IntensitySeries, type Provider, seriesOf } from '../carbon'
import { badOption, JouletapError } from '../errors'
import { bandsAt } from './bands'
import { hourStart, hoursOf, isKnown } from './hours'
import { METHODS, type Method, predict } from './model'

export interface ForecastOptions {
  /** Default profile. */
  readonly method?: Method
  /** Probability that the band holds the value, 0.5 … 0.95: 30 errors tell no more. Default 0.9. */
  readonly coverage?: number
}

const DAY = 24
const MOST_HOURS = 14 * DAY
/** What bands are made of: thirty days, and four days whose errors are not known yet. */
const HISTORY_MS = 41 * DAY * 3_600_000
const TOO_LITTLE = 'knows less than a day of the past'

/**
 * The hours after the end of a history: mean of the hour of the day on the last seven days, corrected by
 * what the last hours were above or below it, which fades by 5 % an hour; see `predict`. Each has
 * quantiles where enough days are known to tell how right it is: twenty for four days at 0.9. Forecasts
 * and annual means in the history count as unknown.
 * @param options.hours 1 … 336
 * @returns undefined where less than a day is known.
 * @throws {JouletapError} BAD_OPTION
 */
export function forecastIntensity(
  history: IntensitySeries,
  options: ForecastOptions & { readonly hours: number },
): IntensitySeries | undefined {
  const { hours } = options
  if (!(Number.isInteger(hours) && hours >= 1 && hours <= MOST_HOURS)) {
    throw badOption('hours', hours, `a whole number from 1 to ${MOST_HOURS}`)
  }
  const { method, coverage } = checkForecast(options)
  const { first, values } = hoursOf(history)
  const origin = values.findLastIndex((value) => value !== undefined)
  const known = values.filter((value) => value !== undefined).length
  const told = known < DAY ? undefined : predict(method, values, origin, hours)
  if (!told) return undefined
  const bands = bandsAt(method, values, origin, hours, coverage)
  const { zone, source, licence, attribution } = history.points.findLast(isKnown)!
  const points = told.map((gramsPerKWh, index): IntensityPoint => {
    const hour = first + origin + 1 + index
    return {
      ...history.basis,
      start: hourStart(hour),
      end: hourStart(hour + 1),
      gramsPerKWh: Math.min(gramsPerKWh, MOST_GRAMS_PER_KWH),
      status: 'forecast',
      ...quantilesOf(gramsPerKWh, bands[index]!, coverage),
      zone,
      source: `jouletap: ${method} of ${source}`,
      issuedAt: hourStart(first + origin + 1),
      ...(licence !== undefined && { licence }),
      ...(attribution !== undefined && { attribution }),
    }
  })
  return seriesOf(points)
}

/** That of `seriesOf`. */
const MOST_GRAMS_PER_KWH = 3000

function quantilesOf(middle: number, half: number, coverage: number) {
  if (!Number.isFinite(half)) return {}
  const within = (grams: number) => Math.min(Math.max(grams, 0), MOST_GRAMS_PER_KWH)
  const quantiles = [
    { p: (1 - coverage) / 2, gramsPerKWh: within(middle - half) },
    { p: (1 + coverage) / 2, gramsPerKWh: within(middle + half) },
  ]
  return { quantiles }
}

/** @throws {JouletapError} BAD_OPTION */
export function checkForecast({ method = 'profile', coverage = 0.9 }: ForecastOptions) {
  if (!METHODS.includes(method)) {
    throw badOption('method', method, `one of ${METHODS.join(', ')}`)
  }
  if (!(typeof coverage === 'number' && coverage >= 0.5 && coverage <= 0.95)) {
    throw badOption('coverage', coverage, 'a number from 0.5 to 0.95')
  }
  return { method, coverage }
}

/**
 * A provider whose forecast is its own where it has one, and does not fail, else one of its last 41
 * days.
 * @throws {JouletapError} BAD_OPTION
 */
export function withForecast(
  provider: Provider,
  options: ForecastOptions & { readonly now?: () => Date } = {},
): Provider {
  const { now = () => new Date() } = options
  checkForecast(options)

  async function ownPast(location: Parameters<Provider['range']>[0], hours: number) {
    const to = now()
    const from = new Date(to.getTime() - HISTORY_MS)
    const past = (await provider.range(location, from, to)).filter(isKnown)
    if (past.length === 0) throw unavailable(TOO_LITTLE)
    const history = seriesOf(past)
    const last = history.points.at(-1)!.end
    // The history may end some hours ago.
    const late = Math.ceil((to.getTime() - last.getTime()) / 3_600_000)
    const ahead = Math.min(MOST_HOURS, Math.ceil(hours) + Math.max(0, late) + 1)
    const series = forecastIntensity(history, { ...options, hours: ahead })
    if (!series) throw unavailable(TOO_LITTLE)
    const end = new Date(to.getTime() + hours * 3_600_000)
    const points = series.points.filter((point) => point.start < end && point.end > to)
    if (points.length === 0) throw unavailable(`knows nothing after ${last.toISOString()}`)
    return points
  }

  const unavailable = (why: string) =>
    new JouletapError(
      'INTENSITY_UNAVAILABLE',
      `${provider.id} ${why}: nothing can be forecast from that.`,
    )

  return {
    id: provider.id,
    covers: (location) => provider.covers(location),
    range: (location, from, to) => provider.range(location, from, to),
    async forecast(location, hours) {
      try {
        if (provider.forecast) return await provider.forecast(location, hours)
      } catch {
        // Its past may still be there.
      }
      return ownPast(location, hours)
    },
  }
}
