/** WattTime, version 3: most of the world, marginal or average, with a login. */
import { badOption } from '../../errors'
import { type Http, isUnauthorized } from '../http'
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
  within,
} from './reply'

/** Grams in a pound, exactly, ÷ kWh in a MWh. */
const GRAMS_PER_KWH_OF_POUND_PER_MWH = 0.45359237
const STEP = 300
const DAY_MS = 24 * 3_600_000
/** A question for the past reaches so far. */
const CHUNK_MS = 30 * DAY_MS
/** A token holds for half an hour. */
const TOKEN_MS = 25 * 60_000
/** Which region a place is in does not change often. */
const REGION_TTL = (7 * DAY_MS) / 1000
const MOST_HOURS = 72

export interface WattTimeOptions {
  readonly username: string
  readonly password: string
  readonly url?: string
  /** Default co2_moer, the marginal one. */
  readonly signal?: 'co2_moer' | 'co2_aoer'
}

export function wattTime(http: Http, options: WattTimeOptions): Provider {
  const { username, password, signal = 'co2_moer', url = 'https://api.watttime.org' } = options
  if (signal !== 'co2_moer' && signal !== 'co2_aoer') {
    throw badOption('signal', signal, "'co2_moer' or 'co2_aoer'")
  }
  const plain = options.url !== undefined && { plain: true }
  let token: { text: string; until: number } | undefined

  async function login(): Promise<string> {
    const now = http.now().getTime()
    if (token && now < token.until) return token.text
    const basic = Buffer.from(`${username}:${password}`).toString('base64')
    const { value } = await http.ask({
      url: new URL(`${url}/login`),
      headers: { authorization: `Basic ${basic}` },
      ttlSeconds: 0,
      ...plain,
      read: (text) => {
        const { token } = objectOf(text)
        if (typeof token === 'string' && token !== '') return token
        throw new Error('there is no token in it')
      },
    })
    token = { text: value, until: now + TOKEN_MS }
    return value
  }

  async function ask<T>(
    path: string,
    query: Record<string, string>,
    ttlSeconds: number,
    read: (text: string) => T,
  ) {
    const address = new URL(`${url}/v3/${path}`)
    const all = { signal_type: signal, ...query }
    for (const [name, value] of Object.entries(all)) address.searchParams.set(name, value)
    const askWith = (text: string) => {
      const headers = { authorization: `Bearer ${text}` }
      return http.ask({ url: address, headers, owner: username, ttlSeconds, ...plain, read })
    }
    const text = await login()
    try {
      return await askWith(text)
    } catch (error) {
      if (!isUnauthorized(error)) throw error
      // It holds no longer: once more with another, unless somebody has that already.
      if (token?.text === text) token = undefined
      return askWith(await login())
    }
  }

  async function regionOf({ zone, latitude, longitude }: Location): Promise<string> {
    if (latitude === undefined || longitude === undefined) return REGIONS[zone!]!
    const query = { latitude: String(latitude), longitude: String(longitude) }
    const { value } = await ask('region-from-loc', query, REGION_TTL, (text) => {
      const { region } = objectOf(text)
      if (typeof region === 'string' && region !== '') return region
      throw new Error('there is no region in it')
    })
    return value
  }

  async function points(
    path: string,
    region: string,
    query: Record<string, string>,
  ): Promise<readonly IntensityPoint[]> {
    const answer = await ask(path, { region, ...query }, STEP, replyOf)
    const { samples, issuedAt } = answer.value
    return pointsOf(samples, STEP, {
      kind: signal === 'co2_moer' ? 'marginal' : 'average',
      factors: 'unknown',
      boundary: 'unknown',
      status: path === 'forecast' ? 'forecast' : 'estimated',
      zone: region,
      source: 'watttime',
      ...ageOf(answer),
      ...(issuedAt && { issuedAt }),
      licence: "WattTime's terms",
      attribution: 'WattTime',
    })
  }

  return {
    id: 'watttime',
    covers: ({ zone = '', latitude }) => latitude !== undefined || REGIONS[zone] !== undefined,
    async range(location, from, to) {
      const region = await regionOf(location)
      const end = Math.min(to.getTime(), http.now().getTime())
      const all: IntensityPoint[] = []
      for (let start = from.getTime(); start < end; start += CHUNK_MS) {
        const until = new Date(Math.min(start + CHUNK_MS, end))
        const query = { start: new Date(start).toISOString(), end: until.toISOString() }
        const chunk = await points('historical', region, query)
        const known = all.at(-1)?.end
        all.push(...chunk.filter((point) => known === undefined || point.start >= known))
      }
      return someOf(within(all, from, to), 'watttime')
    },
    async forecast(location, hours) {
      const query = { horizon_hours: String(Math.min(Math.ceil(hours), MOST_HOURS)) }
      const all = await points('forecast', await regionOf(location), query)
      const now = http.now()
      return someOf(within(all, now, new Date(now.getTime() + hours * 3_600_000)), 'watttime')
    },
  }
}

/** Its regions for some grids that Electricity Maps has another name for; others by degrees. */
const REGIONS: Readonly<Record<string, string>> = {
  'US-CAL-CISO': 'CAISO_NORTH',
}

interface Reply {
  samples: Sample[]
  issuedAt?: Date
}

function replyOf(text: string): Reply {
  const { data, meta } = objectOf(text)
  const { units, generated_at: issuedAt, warnings: told } = (meta ?? {}) as Record<string, unknown>
  if (units !== 'lbs_co2_per_mwh') throw new Error(`its unit is ${String(units)}`)
  const warnings = warningsOf(told)
  const samples = listOf(data, 'data').map(({ point_time: time, value }) => {
    const pounds = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
    const grams = typeof pounds === 'number' ? pounds * GRAMS_PER_KWH_OF_POUND_PER_MWH : pounds
    return { start: timeOf(time), gramsPerKWh: gramsOf(grams), ...(warnings && { warnings }) }
  })
  return { samples, ...(typeof issuedAt === 'string' && { issuedAt: timeOf(issuedAt) }) }
}

/** Letters of a warning that are passed on. */
const LONGEST = 200

/** Texts, or objects with a `message`; on one line, as they go to terminals. */
function warningsOf(told: unknown): readonly string[] | undefined {
  if (!Array.isArray(told)) return undefined
  const texts = told
    .map((one) => (typeof one === 'string' ? one : (one as { message?: unknown } | null)?.message))
    .filter((one) => typeof one === 'string')
    .map((one) => `watttime warns: ${one.replace(/\p{Cc}+/gu, ' ').slice(0, LONGEST)}`)
  return texts.length > 0 ? texts : undefined
}
