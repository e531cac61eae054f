// California's files: what the clock shows there, day by day, and what is not believed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type HttpOptions, httpClient } from '../../lib/carbon/http'
import { resolveLocation } from '../../lib/carbon/location'
import { caiso } from '../../lib/carbon/providers/caiso'
import { seriesOf } from '../../lib/carbon/series'
import { JouletapError } from '../../lib/errors'
import { type Reply, type Service, startService } from '../support/service'

const HOUR = 3_600_000
const STEP = 300_000
/** 04:12 in California. */
const NOW = Date.parse('2026-11-26T12:12:00Z')
const MIDNIGHT = Date.parse('2026-11-26T08:00:00Z')
const SHORT_MS = 400
/** For a machine that is busy. */
const SLACK_MS = 3000

const location = resolveLocation('US-CAL-CISO')
const show = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'America/Los_Angeles',
  hour: '2-digit',
  minute: '2-digit',
})

/** A file: for each time a row with what the clock shows then. */
const file = (times: readonly number[], cells: (time: number) => string, header = 'Time,Gas') =>
  [header, ...times.map((time) => `${show.format(time)},${cells(time)}`)].join('\r\n')
const timesFrom = (start: number, rows: number) =>
  Array.from({ length: rows }, (_, i) => start + i * STEP)

async function rejection(what: Promise<unknown>): Promise<JouletapError> {
  const error = await what.then(
    () => undefined,
    (cause) => cause,
  )
  expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'INTENSITY_UNAVAILABLE' })
  return error
}

describe('caiso', () => {
  let service: Service
  before(async () => {
    service = await startService()
  })
  after(() => service.close())
  beforeEach(() => {
    service.asked.length = 0
  })

  const open = (options: HttpOptions = {}) => {
    const usual = { timeoutMs: 20_000, retries: 0, cacheFolder: null, now: () => new Date(NOW) }
    return caiso(httpClient({ ...usual, ...options }), { url: service.url })
  }
  /** Tonnes an hour of these, in a thousand megawatts: as many grams per kilowatt-hour. */
  const answer = (times: readonly number[], tonnes: (time: number) => string) =>
    service.answer(({ path }) => ({
      body: path.endsWith('co2.csv') ? file(times, tonnes) : file(times, () => '1000'),
    }))
  const range = (from: number, to: number) => open().range(location, new Date(from), new Date(to))

  /** In California; how many rows the day has, and what UTC its midnight is. */
  const days = [
    ['20261120', 288, '2026-11-20T08:00:00Z'],
    ['20260308', 276, '2026-03-08T08:00:00Z'],
    ['20251102', 300, '2025-11-02T07:00:00Z'],
    ['20260701', 288, '2026-07-01T07:00:00Z'],
  ] as const
  for (const [day, rows, midnight] of days) {
    const start = Date.parse(midnight)
    const times = timesFrom(start, rows)
    const number = (time: number) => (time - start) / STEP

    it(`has ${rows} values on ${day}: tonnes an hour ÷ megawatts`, async () => {
      service.answer(({ path }) => ({
        body: path.endsWith('co2.csv')
          ? `${file(times, (time) => `${number(time)},1000`, 'Time,Biogas,Imports')}\r\n00:00,9,9`
          : file(times, () => '10000,10000', 'Time,Solar,Imports'),
      }))
      const points = await range(start, start + rows * STEP)
      expect(seriesOf(points).basis).to.deep.equal({
        kind: 'average',
        factors: 'direct',
        boundary: 'consumption',
      })
      expect(points.map(({ start }) => start.getTime())).to.deep.equal(times)
      expect(points.at(-1)!.end.getTime()).to.equal(start + rows * STEP)
      for (const point of points) {
        // (n + 1000) t ÷ 20 000 MWh
        const expected = (1e6 * (number(point.start.getTime()) + 1000)) / (1000 * 20_000)
        expect(point.gramsPerKWh).to.be.closeTo(expected, 1e-9)
        expect(point).to.include({ status: 'measured', zone: 'US-CAL-CISO', source: 'caiso' })
      }
      expect(service.asked.map(({ path }) => path)).to.deep.equal([
        `/outlook/history/${day}/co2.csv`,
        `/outlook/history/${day}/fuelsource.csv`,
      ])
    })

    it(`keeps the other values of ${day} at their time where rows are missing`, async () => {
      const there = times.filter((_, i) => i < 5 || (i > 9 && i % 40 !== 0))
      answer(there, (time) => String(number(time)))
      const points = await range(start, start + rows * STEP)
      const told = points.map(({ start, gramsPerKWh }) => [start.getTime(), gramsPerKWh])
      expect(told).to.deep.equal(there.map((time) => [time, number(time)]))
    })
  }

  it('joins both files by time, not by row', async () => {
    const times = timesFrom(MIDNIGHT, 12)
    service.answer(({ path }) => ({
      body: path.endsWith('co2.csv')
        ? file(times.slice(2), () => '100')
        : file(times, (time) => String(100 + (time - MIDNIGHT) / STEP)),
    }))
    const points = await range(MIDNIGHT, NOW)
    expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal(
      // 100 t ÷ (100 + n) MWh
      Array.from({ length: 10 }, (_, i) => (1000 * 100) / (102 + i)),
    )
  })

  it('reads the file of today while it grows, and leaves out what is not complete', async () => {
    const times = timesFrom(MIDNIGHT, 51)
    answer(times, (time) => (time === times.at(-1) ? '' : '500'))
    const points = await range(NOW - HOUR, NOW)
    expect(points.at(-1)!.gramsPerKWh).to.equal(500)
    expect(points.at(-1)!.end).to.deep.equal(new Date('2026-11-26T12:10:00Z'))
    expect(service.asked[0]!.path).to.equal('/outlook/current/co2.csv')
  })

  it('takes no file of yesterday for that of today, which has no date', async () => {
    answer(timesFrom(MIDNIGHT, 288), () => '500')
    const error = await rejection(range(NOW - HOUR, NOW))
    expect(error.message).to.equal('the file that caiso has for today is of another day.')
  })

  it('takes no file that it kept yesterday for that of today', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-caiso-'))
    try {
      let time = NOW - 12 * HOUR
      const kept = open({ cacheFolder: folder, now: () => new Date(time) })
      const yesterday = timesFrom(MIDNIGHT - 24 * HOUR, 30)
      answer(yesterday, () => '500')
      await kept.range(location, new Date(time - 24 * HOUR), new Date(time))
      service.answer({ status: 500 })
      time = NOW
      const told = kept.range(location, new Date(NOW - HOUR), new Date(NOW))
      expect((await rejection(told)).message).to.match(/of another day/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('takes what it has for good where nothing has changed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-caiso-'))
    try {
      let time = NOW
      const times = timesFrom(MIDNIGHT, 50)
      service.answer(({ path, headers }) =>
        headers['if-none-match'] === '"v1"'
          ? { status: 304 }
          : {
              headers: { etag: '"v1"' },
              body: file(times, () => (path.endsWith('co2.csv') ? '70' : '1000')),
            },
      )
      const kept = open({ cacheFolder: folder, now: () => new Date(time) })
      const ask = () => kept.range(location, new Date(MIDNIGHT), new Date(NOW))
      const first = await ask()
      time += HOUR
      const again = await ask()
      expect(again.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal(Array(50).fill(70))
      expect(again[0]!.fetchedAt!.getTime()).to.equal(first[0]!.fetchedAt!.getTime() + HOUR)
      expect(service.asked).to.have.length(4)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  for (const [reply, message] of [
    [{ status: 401 }, /status 401/],
    [{ status: 404 }, /status 404/],
    [{ status: 429, headers: { 'retry-after': '60' } }, /status 429/],
    [{ status: 500 }, /status 500/],
    [{ how: 'torn', body: 'Time,Gas\n00:00,5\n' }, /cannot be reached/],
    [{ body: 'Time,Gas\n00:00,900000\n' }, /no intensity from 0 to 3000/],
    [{ body: 'Time,Gas\n' }, /has no value/],
    [{ body: 'Time,Gas\n00:00,\n00:05,none\n' }, /has no value/],
    [{ body: '<html>' }, /answered with HTML/],
    [{ body: 'nothing' }, /its first line is no header/],
    [{ body: 'Time,Gas\nnoon,5' }, /line 2 begins with no time/],
  ] as [Reply, RegExp][]) {
    it(`survives ${JSON.stringify(reply)}`, async () => {
      const midnight = Date.parse('2026-11-20T08:00:00Z')
      const megawatts = file(timesFrom(midnight, 288), () => '1000')
      service.answer(({ path }) => (path.endsWith('fuelsource.csv') ? { body: megawatts } : reply))
      const error = await rejection(range(midnight, midnight + 24 * HOUR))
      expect(error.message).to.match(message)
    })
  }

  it('is waited for no longer than it may be', async () => {
    service.answer({ how: 'never' })
    const begun = performance.now()
    const hasty = open({ timeoutMs: SHORT_MS })
    const error = await rejection(hasty.range(location, new Date(NOW - HOUR), new Date(NOW)))
    expect(error.message).to.match(/did not answer in time/)
    expect(performance.now() - begun).to.be.below(SHORT_MS + SLACK_MS)
  })
})
