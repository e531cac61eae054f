/** Electricity Maps: most of the world, with a key. */
import { badOption } from '../../errors'
import type { Http } from '../http'
import type { IntensityPoint, Location, Provider } from '../types'
import {
  ageOf,
  gramsOf,
  listOf,
  objectOf,
  pointsOf,
  type Sample,
  someOf,
  timeOf,
  unique,
  within,
} from './reply'

const HOUR = 3600
const DAY_MS = 24 * HOUR * 1000
/** A question for the past reaches so far. */
const CHUNK_MS = 10 * DAY_MS

export interface ElectricityMapsOptions {
  readonly key: string
  readonly url?: string
  /** Default lifecycle. */
  readonly factors?: 'lifecycle' | 'direct'
}

export function electricityMaps(http: Http, options: ElectricityMapsOptions): Provider {
  const { key, factors = 'lifecycle', url = 'https://api.electricitymaps.com' } = options
  if (factors !== 'lifecycle' && factors !== 'direct') {
    throw badOption('factors', factors, "'lifecycle' or 'direct'")
  }

  async function ask(location: Location, verb: string, query: Record<string, string> = {}) {
    const address = new URL(`${url}/v3/carbon-intensity/${verb}`)
    const all = {
      ...placeOf(location),
      emissionFactorType: factors,
      // Else it would look up where the caller is.
      shouldUseFallbackCallerLookup: 'false',
      ...query,
    }
    for (const [name, value] of Object.entries(all)) address.searchParams.set(name, value)
    const answer = await http.ask({
      url: address,
      headers: { 'auth-token': key },
      ttlSeconds: HOUR / 4,
      ...(options.url !== undefined && { plain: true }),
      read: (text) => replyOf(text, verb === 'forecast' ? 'forecast' : 'measured', factors),
    })
    return pointsOf(answer.value.samples, HOUR, {
      kind: 'average',
      factors,
      boundary: 'consumption',
      status: 'measured',
      zone: answer.value.zone ?? location.zone ?? location.country ?? location.name,
      source: 'electricity-maps',
      ...ageOf(answer),
      ...(answer.value.issuedAt && { issuedAt: answer.value.issuedAt }),
      licence: "Electricity Maps' terms",
      attribution: 'Electricity Maps',
    })
  }

  return {
    id: 'electricity-maps',
    covers: (location) => Object.keys(placeOf(location)).length > 0,
    async range(location, from, to) {
      const now = http.now()
      const points: IntensityPoint[] = []
      if (from.getTime() >= now.getTime() - DAY_MS) {
        points.push(...(await ask(location, 'history')), ...(await ask(location, 'latest')))
      } else {
        const end = Math.min(to.getTime(), now.getTime())
        for (let start = from.getTime(); start < end; start += CHUNK_MS) {
          const until = new Date(Math.min(start + CHUNK_MS, end))
          const query = { start: new Date(start).toISOString(), end: until.toISOString() }
          points.push(...(await ask(location, 'past-range', query)))
        }
      }
      return someOf(within(unique(points), from, to), 'electricity-maps')
    },
    async forecast(location, hours) {
      const now = http.now()
      const points = await ask(location, 'forecast', { horizonHours: String(horizonOf(hours)) })
      const to = new Date(now.getTime() + hours * HOUR * 1000)
      return someOf(within(points, now, to), 'electricity-maps')
    },
  }
}

/** The horizons that it knows. */
function horizonOf(hours: number): number {
  return [6, 24, 48, 72].find((horizon) => horizon >= hours) ?? 72
}

function placeOf({ zone, country, latitude, longitude }: Location): Record<string, string> {
  if (zone !== undefined) return { zone }
  // They tell more than a country, which may have several grids.
  if (latitude !== undefined && longitude !== undefined) {
    return { lat: String(latitude), lon: String(longitude) }
  }
  return country === undefined ? {} : { zone: country }
}

interface Reply {
  samples: Sample[]
  zone?: string
  issuedAt?: Date
}

/** One row, or a list under `history`, `forecast` or, from version 4 on, `data`. */
function replyOf(text: string, usual: 'measured' | 'forecast', factors: string): Reply {
  const reply = objectOf(text)
  const series = reply.history ?? reply.forecast ?? reply.data
  const rows = series === undefined ? [reply] : listOf(series, 'data')
  const samples = rows.map((row): Sample => {
    const { datetime, carbonIntensity, isEstimated, emissionFactorType = factors } = row
    if (emissionFactorType !== factors) {
      throw new Error(`its factors are ${String(emissionFactorType)}, not ${factors}`)
    }
    return {
      start: timeOf(datetime),
      gramsPerKWh: gramsOf(carbonIntensity),
      status: usual === 'measured' && isEstimated === true ? 'estimated' : usual,
    }
  })
  const { zone, updatedAt } = reply
  return {
    samples,
    ...(typeof zone === 'string' && { zone }),
    ...(usual === 'forecast' && typeof updatedAt === 'string' && { issuedAt: timeOf(updatedAt) }),
  }
}
