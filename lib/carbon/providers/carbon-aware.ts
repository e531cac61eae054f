/** A carbon-aware WebAPI of the Green Software Foundation, wherever the user has it. */
import { JouletapError } from '../../errors'
import type { Answer, Http } from '../http'
import type { Basis, Location, Provider } from '../types'
import { USUAL_BASIS } from './basis'
import { ageOf, gramsOf, listOf, pointsOf, type Sample, someOf, timeOf, within } from './reply'

const STEP = 300
const HOUR = 3600

/**
 * @param options.url the address of the server; it may be plain HTTP.
 * @param options.basis what its figures count, which it does not tell: that depends on where it has
 *   them from. Of WattTime's, for one, they are marginal.
 */
export function carbonAware(http: Http, options: { url: string; basis?: Basis }): Provider {
  const { basis = USUAL_BASIS } = options
  const base = addressOf(options.url)

  async function ask<T>(path: string, query: Record<string, string>, read: (text: string) => T) {
    const address = new URL(`${base}/${path}`)
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
    return http.ask({ url: address, ttlSeconds: STEP, plain: true, read })
  }
  const common = (location: Location, answer: Answer<unknown>) =>
    ({
      ...basis,
      zone: nameOf(location),
      source: 'carbon-aware',
      ...ageOf(answer),
    }) as const

  return {
    id: 'carbon-aware',
    covers: (location) => nameOf(location) !== '',
    async range(location, from, to) {
      const query = {
        location: nameOf(location),
        time: toHour(from, Math.floor),
        toTime: toHour(to, Math.ceil),
      }
      const answer = await ask('emissions/bylocation', query, emissionsOf)
      const points = pointsOf(answer.value, HOUR, {
        ...common(location, answer),
        status: 'estimated',
      })
      return someOf(within(points, from, to), 'carbon-aware')
    },
    async forecast(location, hours) {
      const query = { location: nameOf(location) }
      const answer = await ask('emissions/forecasts/current', query, forecastOf)
      const { samples, issuedAt } = answer.value
      const points = pointsOf(samples, HOUR, {
        ...common(location, answer),
        status: 'forecast',
        ...(issuedAt && { issuedAt }),
      })
      const now = http.now()
      const to = new Date(now.getTime() + hours * HOUR * 1000)
      return someOf(within(points, now, to), 'carbon-aware')
    },
  }
}

function addressOf(url: string): string {
  if (/^https?:\/\//.test(url) && URL.canParse(url) && !new URL(url).username) {
    return url.replace(/\/+$/, '')
  }
  // It is not shown, for it may hold a password.
  throw new JouletapError(
    'BAD_OPTION',
    'the URL of carbon-aware must be an address that begins with http:// or https://, without a user.',
  )
}

/** So that questions that are asked soon after each other are the same. */
function toHour(time: Date, round: (hours: number) => number): string {
  const ms = 1000 * HOUR
  return new Date(round(time.getTime() / ms) * ms).toISOString()
}

/** It knows the names of clouds' regions, and whatever its owner has configured. */
function nameOf({ cloud, zone, country }: Location): string {
  return cloud?.region ?? zone ?? country ?? ''
}

function emissionsOf(text: string): Sample[] {
  return listOf(JSON.parse(text), 'a list of emissions').map(({ time, duration, rating }) => ({
    start: timeOf(time),
    gramsPerKWh: gramsOf(rating),
    ...endOf(time, duration),
  }))
}

function forecastOf(text: string): { samples: Sample[]; issuedAt?: Date } {
  const [forecast] = listOf(JSON.parse(text), 'a list of forecasts')
  if (!forecast) throw new Error('there is no forecast in it')
  const { forecastData, generatedAt } = forecast
  const samples = listOf(forecastData, 'forecastData').map(({ timestamp, duration, value }) => ({
    start: timeOf(timestamp),
    gramsPerKWh: gramsOf(value),
    ...endOf(timestamp, duration),
  }))
  return { samples, ...(typeof generatedAt === 'string' && { issuedAt: timeOf(generatedAt) }) }
}

/** A duration is a number of minutes, or `hh:mm:ss`. */
function endOf(start: unknown, duration: unknown): { end?: Date } {
  const parts = typeof duration === 'string' ? /^(\d+):(\d+):(\d+)/.exec(duration) : null
  const minutes = parts
    ? Number(parts[1]) * 60 + Number(parts[2]) + Number(parts[3]) / 60
    : duration
  if (typeof minutes !== 'number' || !(minutes > 0)) return {}
  return { end: new Date(timeOf(start).getTime() + minutes * 60_000) }
}
