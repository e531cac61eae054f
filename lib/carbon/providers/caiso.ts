/** California's grid operator: five-minute files of the day, no key; no promise that it answers. */
import { JouletapError } from '../../errors'
import type { Http } from '../http'
import type { IntensityPoint, Provider } from '../types'
import { ageOf, gramsOf, pointsOf, type Sample, someOf, within } from './reply'

const STEP = 300
const DAY_MS = 24 * 3_600_000
/** By so much a clock here may be behind that of the service. */
const EARLY_MS = 900_000
const ZONE = 'US-CAL-CISO'
const PACIFIC = 'America/Los_Angeles'

export function caiso(http: Http, options: { url?: string } = {}): Provider {
  const { url = 'https://www.caiso.com' } = options

  async function table(day: string, name: 'co2' | 'fuelsource', isToday: boolean) {
    const path = isToday ? `current/${name}.csv` : `history/${day}/${name}.csv`
    const answer = await http.ask({
      url: new URL(`${url}/outlook/${path}`),
      ttlSeconds: isToday ? STEP : DAY_MS / 1000,
      ...(options.url !== undefined && { plain: true }),
      read: (text) => sumsOf(text, day),
    })
    // The file of today has no date in it: one that was kept overnight is of another day.
    if (isToday && dayAt(answer.fetchedAt) !== day) throw notToday()
    return answer
  }

  async function dayOf(day: string): Promise<readonly IntensityPoint[]> {
    const isToday = day === dayAt(http.now())
    const tonnes = await table(day, 'co2', isToday)
    const megawatts = await table(day, 'fuelsource', isToday)
    // Tonnes and megawatt-hours of an hour: 1e6 g ÷ 1e3 kWh.
    const samples = [...tonnes.value].flatMap(([time, tonne]): Sample[] => {
      const power = megawatts.value.get(time)
      return power ? [{ start: new Date(time), gramsPerKWh: believed((1000 * tonne) / power) }] : []
    })
    const last = samples.at(-1)?.start.getTime() ?? 0
    if (isToday && last > http.now().getTime() + EARLY_MS) throw notToday()
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

/** The times of a day, five minutes apart, with what the clock shows in California at each. */
function timesOf(day: string): { time: number; clock: string }[] {
  const show = new Intl.DateTimeFormat('en-GB', {
    timeZone: PACIFIC,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const start = midnight(day)
  // It has 23 to 25 hours.
  const end = midnight(dayAt(new Date(start + 26 * 3_600_000)))
  const times: { time: number; clock: string }[] = []
  for (let time = start; time < end; time += STEP * 1000) {
    times.push({ time, clock: show.format(time) })
  }
  return times
}

/**
 * The sum of each row, by the time at which it begins: what the clock shows, then numbers. Each row is
 * of the next time at which the clock shows that: an hour that comes twice is told apart by the order
 * of rows. One that comes no more, such as `00:00` of the next day, is not of this day; one that is not
 * complete is a hole.
 * @throws {Error} it is no such table.
 */
function sumsOf(text: string, day: string): Map<number, number> {
  const [header = '', ...lines] = text
    .replace(/^\uFEFF/, '')
    .trim()
    .split(/\r?\n/)
  const columns = header.split(',').length
  if (!/^"?time/i.test(header) || columns < 2) throw new Error('its first line is no header')
  const times = timesOf(day)
  const sums = new Map<number, number>()
  let next = 0
  for (const [row, line] of lines.entries()) {
    const [shown = '', ...cells] = line.split(',')
    const clock = /^"?(\d\d:\d\d)/.exec(shown)?.[1]
    if (clock === undefined) throw new Error(`line ${row + 2} begins with no time`)
    const index = times.findIndex((one, i) => i >= next && one.clock === clock)
    if (index < 0) continue
    next = index + 1
    const numbers = cells.map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)))
    const sum = numbers.reduce((total, one) => total + one, 0)
    if (numbers.length === columns - 1 && Number.isFinite(sum)) sums.set(times[index]!.time, sum)
  }
  return sums
}

function notToday(): JouletapError {
  const why = 'the file that caiso has for today is of another day.'
  return new JouletapError('INTENSITY_UNAVAILABLE', why)
}
