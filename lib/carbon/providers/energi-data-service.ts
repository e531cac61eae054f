/** Energinet's Energi Data Service: the two price areas of Denmark, no key, five minutes, a day ahead. */
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
  within,
} from './reply'

const STEP = 300
/** Times in a question are Danish: asked for so much more at both ends, UTC is in it all year. */
const MARGIN_MS = 3 * 3_600_000
const DATASETS = { measured: 'CO2Emis', forecast: 'CO2EmisProg' } as const

export function energiDataService(http: Http, options: { url?: string } = {}): Provider {
  const { url = 'https://api.energidataservice.dk' } = options

  async function ask(
    location: Location,
    status: 'measured' | 'forecast',
    from: Date,
    to: Date,
  ): Promise<readonly IntensityPoint[]> {
    const zone = location.zone!
    const address = new URL(`${url}/dataset/${DATASETS[status]}`)
    const query = {
      start: danish(from.getTime() - MARGIN_MS),
      end: danish(to.getTime() + MARGIN_MS),
      filter: JSON.stringify({ PriceArea: [zone.slice('DK-'.length)] }),
      sort: 'Minutes5UTC asc',
      limit: '0',
    }
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
    const answer = await http.ask({
      url: address,
      ttlSeconds: STEP,
      ...(options.url !== undefined && { plain: true }),
      read: (text) => samplesOf(text, zone),
    })
    const points = pointsOf(answer.value, STEP, {
      kind: 'average',
      factors: 'direct',
      boundary: 'unknown',
      status,
      zone,
      source: 'energi-data-service',
      ...ageOf(answer),
      attribution: 'Energinet, Energi Data Service',
    })
    return within(points, from, to)
  }

  async function range(location: Location, from: Date, to: Date) {
    const now = http.now()
    const past = from < now ? await ask(location, 'measured', from, to < now ? to : now) : []
    // What is measured comes some minutes late: till then the forecast holds.
    const known = past.at(-1)?.end ?? from
    const ahead = to > known ? await ask(location, 'forecast', known, to) : []
    const later = ahead.filter(({ start }) => start >= known)
    return someOf([...past, ...later], 'energi-data-service')
  }

  return {
    id: 'energi-data-service',
    covers: ({ zone }) => zone === 'DK-DK1' || zone === 'DK-DK2',
    range,
    forecast(location, hours) {
      const now = http.now()
      return range(location, now, new Date(now.getTime() + hours * 3_600_000))
    },
  }
}

/** To the hour, so that questions that are asked soon after each other are the same. */
function danish(time: number): string {
  return new Date(Math.floor(time / 3_600_000) * 3_600_000).toISOString().slice(0, 16)
}

function samplesOf(text: string, zone: string): Sample[] {
  return listOf(objectOf(text).records, 'records')
    .filter(({ PriceArea }) => `DK-${PriceArea}` === zone)
    .map(({ Minutes5UTC, CO2Emission }) => ({
      start: timeOf(`${Minutes5UTC}Z`),
      gramsPerKWh: gramsOf(CO2Emission),
    }))
}
