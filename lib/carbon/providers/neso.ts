/** The National Energy System Operator of Great Britain: no key, half hours, two days ahead. */
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

/** A question reaches so far. */
const CHUNK_MS = 14 * 24 * 3_600_000
const HALF_HOUR = 1800

/**
 * @param options.region one of its regions, 1 … 17, or the outward part of a postcode (`RG41`); they
 *   have forecasts alone. Default: all of Great Britain.
 */
export function neso(http: Http, options: { url?: string; region?: string } = {}): Provider {
  const { url = 'https://api.carbonintensity.org.uk', region } = options
  const part =
    region === undefined
      ? ''
      : `/${/^\d+$/.test(region) ? 'regionid' : 'postcode'}/${outward(region)}`
  const base = `${url}${region === undefined ? '' : '/regional'}/intensity`
  const zone = region === undefined ? 'GB' : `GB:${outward(region)}`

  async function ask(path: string): Promise<readonly IntensityPoint[]> {
    const answer = await http.ask({
      url: new URL(`${base}/${path}${part}`),
      ttlSeconds: HALF_HOUR / 2,
      ...(options.url !== undefined && { plain: true }),
      read: samplesOf,
    })
    return pointsOf(answer.value, HALF_HOUR, {
      kind: 'average',
      factors: 'direct',
      boundary: 'consumption',
      status: 'forecast',
      zone,
      source: 'neso',
      ...ageOf(answer),
      licence: 'CC BY 4.0',
      attribution: 'National Energy System Operator, Carbon Intensity API',
    })
  }

  return {
    id: 'neso',
    covers: ({ country, zone = 'GB' }: Location) => country === 'GB' && zone === 'GB',
    async range(_location, from, to) {
      const points: IntensityPoint[] = []
      for (let start = from.getTime(); start < to.getTime(); start += CHUNK_MS) {
        const end = Math.min(start + CHUNK_MS, to.getTime())
        points.push(...(await ask(`${minute(floor(start))}/${minute(ceil(end))}`)))
      }
      return someOf(within(unique(points), from, to), 'neso')
    },
    async forecast(_location, hours) {
      const now = http.now()
      const points = await ask(`${minute(floor(now.getTime()))}/fw48h`)
      return someOf(within(points, now, new Date(now.getTime() + hours * 3_600_000)), 'neso')
    },
  }
}

/** Where a postcode goes out to, which is all that is told. */
function outward(region: string): string {
  return region.trim().split(/\s+/)[0]!.toUpperCase()
}

/** `data` is a list, or for a region an object that holds one, or a list of such an object. */
function samplesOf(text: string): Sample[] {
  const { data } = objectOf(text)
  const inner = Array.isArray(data) && data[0]?.data ? data[0].data : data
  const rows = Array.isArray(inner) ? inner : (inner as { data?: unknown } | null)?.data
  return listOf(rows, 'data').map(({ from, to, intensity }) => {
    const { actual, forecast } = (intensity ?? {}) as { actual?: unknown; forecast?: unknown }
    const measured = gramsOf(actual)
    return {
      start: timeOf(from),
      end: timeOf(to),
      gramsPerKWh: measured ?? gramsOf(forecast),
      status: measured === null ? 'forecast' : 'measured',
    }
  })
}

const floor = (time: number) => new Date(Math.floor(time / 1.8e6) * 1.8e6)
const ceil = (time: number) => new Date(Math.ceil(time / 1.8e6) * 1.8e6)

/** `2026-11-21T12:00Z`. */
function minute(time: Date): string {
  return `${time.toISOString().slice(0, 16)}Z`
}
