/** Energy-Charts of Fraunhofer ISE: the countries of Europe, no key, up to the end of the next day. */
import type { Http } from '../http'
import type { Location, Provider } from '../types'
import { ageOf, gramsOf, objectOf, pointsOf, type Sample, someOf, within } from './reply'

const COUNTRIES =
  'AL AT BA BE BG CH CY CZ DE DK EE ES FI FR GE GR HR HU IE IT LT LU LV MD ME MK MT NL NO PL PT RO RS SE SI SK UA XK'.split(
    ' ',
  )
const HOUR = 3600
/** It works its values out anew every hour. */
const TTL = HOUR / 2

export function energyCharts(http: Http, options: { url?: string } = {}): Provider {
  const { url = 'https://api.energy-charts.info' } = options

  async function range(location: Location, from: Date, to: Date) {
    const zone = location.country!
    const address = new URL(`${url}/co2eq`)
    const query = { country: zone.toLowerCase(), start: day(from), end: day(to) }
    for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
    const answer = await http.ask({
      url: address,
      ttlSeconds: TTL,
      ...(options.url !== undefined && { plain: true }),
      read: samplesOf,
    })
    const points = pointsOf(answer.value, HOUR, {
      kind: 'average',
      factors: 'unknown',
      boundary: 'production',
      status: 'forecast',
      zone,
      source: 'energy-charts',
      ...ageOf(answer),
      attribution: 'Energy-Charts, Fraunhofer ISE',
    })
    return someOf(within(points, from, to), 'energy-charts')
  }

  return {
    id: 'energy-charts',
    // Of a zone inside a country it knows nothing.
    covers: ({ country = '', zone = country }) => COUNTRIES.includes(country) && zone === country,
    range,
    forecast(location, hours) {
      const now = http.now()
      return range(location, now, new Date(now.getTime() + hours * HOUR * 1000))
    },
  }
}

/** `2026-11-21`: the end of a question is a whole day. */
function day(time: Date): string {
  return time.toISOString().slice(0, 10)
}

/** What was, else what is expected, at each time. */
function samplesOf(text: string): Sample[] {
  const { unix_seconds: times, co2eq = [], co2eq_forecast: expected = [] } = objectOf(text)
  if (!Array.isArray(times) || !Array.isArray(co2eq) || !Array.isArray(expected)) {
    throw new Error('unix_seconds or co2eq is missing')
  }
  return times.map((seconds, index) => {
    if (!Number.isFinite(seconds)) throw new Error(`${String(seconds)} is no time`)
    const measured = gramsOf(co2eq[index])
    return {
      start: new Date(1000 * seconds),
      gramsPerKWh: measured ?? gramsOf(expected[index]),
      status: measured === null ? 'forecast' : 'measured',
    }
  })
}
