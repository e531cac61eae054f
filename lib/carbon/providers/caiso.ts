/** California's grid operator: five-minute files of the day, no key; no promise that it answers. */
import { JouletapError } from '../../errors'
import type { Http } from '../http'
import type { IntensityPoint, Provider } from '../types'
import { ageOf, gramsOf, pointsOf, type Sample, someOf, within } from './reply'

const STEP = 300
const DAY_MS = 24 * 3_600_000
const ZONE = 'US-CAL-CISO'
const PACIFIC = 'America/Los_Angeles'

export function caiso(http: Http, options: { url?: string } = {}): Provider {
  const { url = 'https://www.caiso.com' } = options

  async function table(day: string, name: 'co2' | 'fuelsource', isToday: boolean) {
    const path = isToday ? `current/${name}.csv` : `history/${day}/${name}.csv`
    return http.ask({
      url: new URL(`${url}/outlook/${path}`),
      ttlSeconds: isToday ? STEP : DAY_MS / 1000,
      ...(options.url !== undefined && { plain: true }),
      read: sumsOf,
    })
  }

  async function dayOf(day: string): Promise<readonly IntensityPoint[]> {
    const isToday = day === dayAt(http.now())
    const tonnes = await table(day, 'co2', isToday)
    const megawatts = await table(day, 'fuelsource', isToday)
    // Tonnes and megawatt-hours of an hour: 1e6 g ÷ 1e3 kWh.
    const samples = tonnes.value.flatMap((tonne, index): Sample[] => {
      const power = megawatts.value[index]
      if (tonne === null || !power) return []
      return [{ start: timeIn(day, index), gramsPerKWh: believed((1000 * tonne) / power) }]
    })
    return pointsOf(samples, STEP, {
      kind: 'average',
      factors: 'direct',
      boundary: 'consumption',
      status: 'measured',
      zone: ZONE,
      source: 'caiso',
      ...ageOf(tonnes.stale ? tonnes : megawatts),
      attribution: 'California ISO, Today’s Outlook',
    })
  }

  return {
    id: 'caiso',
    covers: ({ zone }) => zone === ZONE,
    async range(_location, from, to) {
      const points: IntensityPoint[] = []
      const end = Math.min(to.getTime(), http.now().getTime())
      for (const day of daysIn(from.getTime(), end)) points.push(...(await dayOf(day)))
      return someOf(within(points, from, to), 'caiso')
    },
  }
}

/** @throws {JouletapError} INTENSITY_UNAVAILABLE */
function believed(grams: number): number | null {
  try {
    return gramsOf(grams)
  } catch (error) {
    throw new JouletapError('INTENSITY_UNAVAILABLE', `caiso: ${(error as Error).message}.`)
  }
}

/** `20261126` in California. */
function dayAt(time: Date): string {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: PACIFIC }).format(time)
  return parts.replaceAll('-', '')
}

function daysIn(from: number, to: number): string[] {
  const days = new Set<string>()
  for (let time = from; time < to; time += DAY_MS / 2) days.add(dayAt(new Date(time)))
  if (to > from) days.add(dayAt(new Date(to - 1)))
  return [...days]
}

/**
 * When the row of that number began: rows are five minutes apart from midnight on, in real time, so
 * that a day on which clocks change has 23 or 25 hours of them.
 */
function timeIn(day: string, index: number): Date {
  return new Date(midnight(day) + index * STEP * 1000)
}

/** Of a day in California: eight hours after that of UTC, or seven. */
function midnight(day: string): number {
  const utc = Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00Z`)
  const hours = [7, 8].find((one) => {
    const time = new Date(utc + one * 3_600_000)
    const hour = new Intl.DateTimeFormat('en-GB', {
      timeZone: PACIFIC,
      hour: '2-digit',
      hourCycle: 'h23',
    }).format(time)
    return hour === '00' && dayAt(time) === day
  })
  return utc + hours! * 3_600_000
}

/**
 * The sum of each row: a time, then numbers. A row that is not complete is a hole; what comes after
 * `00:00` of the next day is not of this one.
 * @throws {Error} it is no such table.
 */
function sumsOf(text: string): (number | null)[] {
  const [header = '', ...lines] = text
    .replace(/^\uFEFF/, '')
    .trim()
    .split(/\r?\n/)
  const columns = header.split(',').length
  if (!/^"?time/i.test(header) || columns < 2) throw new Error('its first line is no header')
  const sums: (number | null)[] = []
  for (const [index, line] of lines.entries()) {
    const [time, ...cells] = line.split(',')
    if (!/^"?\d\d:\d\d/.test(time ?? '')) throw new Error(`line ${index + 2} begins with no time`)
    if (index > 0 && time!.includes('00:00') && index === lines.length - 1) break
    const numbers = cells.map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)))
    const sum = numbers.reduce((total, one) => total + one, 0)
    sums.push(numbers.length === columns - 1 && Number.isFinite(sum) ? sum : null)
  }
  return sums
}
