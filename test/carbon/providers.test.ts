// Every provider asked the same questions, of a service that answers the shapes that theirs answers, with figures that are made up.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Http, httpClient } from '../../lib/carbon/http'
import { resolveLocation } from '../../lib/carbon/location'
import { carbonAware } from '../../lib/carbon/providers/carbon-aware'
import { electricityMaps } from '../../lib/carbon/providers/electricity-maps'
import { energiDataService } from '../../lib/carbon/providers/energi-data-service'
import { energyCharts } from '../../lib/carbon/providers/energy-charts'
import { neso } from '../../lib/carbon/providers/neso'
import { wattTime } from '../../lib/carbon/providers/watttime'
import { seriesOf } from '../../lib/carbon/series'
import type { Basis, IntensityPoint, Location, Provider } from '../../lib/carbon/types'
import { JouletapError } from '../../lib/errors'
import { type Asked, type Reply, type Service, startService } from '../support/service'

const NOW = Date.parse('2026-11-26T12:12:00Z')
const HOUR = 3_600_000
const at = (hours: number) => new Date(Date.parse('2026-11-26T00:00:00Z') + hours * HOUR)
/** Long enough for every answer that comes, and short enough to wait for one that does not. */
const PATIENT_MS = 20_000
const SHORT_MS = 400
/** For a machine that is busy. */
const SLACK_MS = 3000

interface Subject {
  place: string
  minutes: number
  basis: Basis
  zone: string
  /** The status of what has begun. */
  past: 'measured' | 'estimated'
  open(http: Http, url: string): Provider
  /** What it answers where these are the values from `start` on; NaN: a hole. */
  body(asked: Asked, start: Date, values: readonly number[]): string
  /** Text that is of its shape, but with a value in another unit. */
  wrongUnit?(asked: Asked, start: Date): string
}

const iso = (time: number) => new Date(time).toISOString()
const value = (grams: number) => (Number.isNaN(grams) ? null : grams)
const LOGIN = JSON.stringify({ token: 'TOKEN' })
const AVERAGE = { kind: 'average', factors: 'direct', boundary: 'consumption' } as const

const subjects: Record<string, Subject> = {
  neso: {
    place: 'GB',
    minutes: 30,
    basis: AVERAGE,
    zone: 'GB',
    past: 'measured',
    open: (http, url) => neso(http, { url }),
    body: (_asked, start, values) =>
      JSON.stringify({
        data: values.map((grams, i) => ({
          from: `${iso(start.getTime() + (i * HOUR) / 2).slice(0, 16)}Z`,
          to: `${iso(start.getTime() + ((i + 1) * HOUR) / 2).slice(0, 16)}Z`,
          intensity:
            start.getTime() + (i * HOUR) / 2 < NOW
              ? {
                  forecast: 1,
                  actual: value(grams),
                  index: 'low',
                  ...(Number.isNaN(grams) && { forecast: null }),
                }
              : { forecast: value(grams), actual: null, index: 'low' },
        })),
      }),
  },
  'energi-data-service': {
    place: 'DK-DK1',
    minutes: 5,
    basis: { ...AVERAGE, boundary: 'unknown' },
    zone: 'DK-DK1',
    past: 'measured',
    open: (http, url) => energiDataService(http, { url }),
    body: ({ path }, start, values) =>
      JSON.stringify({
        total: values.length,
        records: values
          .map((grams, i) => ({ time: start.getTime() + i * 300_000, grams }))
          .filter(({ time }) => path.endsWith('CO2EmisProg') === time >= NOW)
          .flatMap(({ time, grams }) => [
            { Minutes5UTC: iso(time).slice(0, 19), PriceArea: 'DK1', CO2Emission: value(grams) },
            { Minutes5UTC: iso(time).slice(0, 19), PriceArea: 'DK2', CO2Emission: 999 },
          ]),
      }),
  },
  'energy-charts': {
    place: 'DE',
    minutes: 15,
    basis: { kind: 'average', factors: 'unknown', boundary: 'production' },
    zone: 'DE',
    past: 'measured',
    open: (http, url) => energyCharts(http, { url }),
    body: (_asked, start, values) => {
      const times = values.map((_, i) => start.getTime() + i * 900_000)
      return JSON.stringify({
        unix_seconds: times.map((time) => time / 1000),
        co2eq: values.map((grams, i) => (times[i]! < NOW ? value(grams) : null)),
        co2eq_forecast: values.map((grams, i) => (times[i]! < NOW ? null : value(grams))),
        deprecated: false,
      })
    },
  },
  'electricity-maps': {
    place: 'FR',
    minutes: 60,
    basis: { kind: 'average', factors: 'lifecycle', boundary: 'consumption' },
    zone: 'FR',
    past: 'estimated',
    open: (http, url) => electricityMaps(http, { key: 'SECRET', url }),
    body: ({ path }, start, values) => {
      const rows = values.map((grams, i) => ({
        datetime: iso(start.getTime() + i * HOUR),
        carbonIntensity: value(grams),
        isEstimated: true,
      }))
      if (path.endsWith('latest')) return JSON.stringify({ zone: 'FR', ...rows.at(-1) })
      return JSON.stringify(
        path.endsWith('forecast') ? { zone: 'FR', forecast: rows } : { zone: 'FR', history: rows },
      )
    },
  },
  watttime: {
    place: 'US-CAL-CISO',
    minutes: 5,
    basis: { kind: 'marginal', factors: 'unknown', boundary: 'unknown' },
    zone: 'CAISO_NORTH',
    past: 'estimated',
    open: (http, url) => wattTime(http, { username: 'me', password: 'SECRET', url }),
    body: ({ path }, start, values) =>
      path === '/login'
        ? LOGIN
        : moer(
            start,
            values.map((grams) => grams / 0.45359237),
          ),
    wrongUnit: ({ path }, start) => (path === '/login' ? LOGIN : moer(start, [50], 'percentile')),
  },
  'carbon-aware': {
    place: 'azure:westeurope',
    minutes: 60,
    basis: { kind: 'average', factors: 'unknown', boundary: 'unknown' },
    zone: 'westeurope',
    past: 'estimated',
    open: (http, url) => carbonAware(http, { url }),
    body: ({ path }, start, values) => {
      const times = values.map((_, i) => iso(start.getTime() + i * HOUR))
      if (!path.endsWith('current')) {
        return JSON.stringify(
          values.map((grams, i) => ({
            location: 'westeurope',
            time: times[i],
            rating: value(grams),
          })),
        )
      }
      const forecastData = values.map((grams, i) => ({
        location: 'westeurope',
        timestamp: times[i],
        duration: 60,
        value: value(grams),
      }))
      return JSON.stringify([{ generatedAt: iso(NOW - HOUR), forecastData, optimalDataPoints: [] }])
    },
  },
}

function moer(start: Date, pounds: readonly number[], units = 'lbs_co2_per_mwh'): string {
  const data = pounds.map((one, i) => ({
    point_time: iso(start.getTime() + i * 300_000),
    value: value(one),
  }))
  return JSON.stringify({ data, meta: { units, generated_at: iso(NOW), warnings: [] } })
}

let service: Service
before(async () => {
  service = await startService()
})
after(() => service.close())
beforeEach(() => {
  service.asked.length = 0
})

const client = (timeoutMs = PATIENT_MS): Http =>
  httpClient({ timeoutMs, retries: 0, cacheFolder: null, now: () => new Date(NOW) })

async function rejection(what: Promise<unknown>): Promise<JouletapError> {
  const error = await what.then(
    () => undefined,
    (cause) => cause,
  )
  expect(error).to.be.instanceOf(JouletapError)
  expect(error.code).to.equal('INTENSITY_UNAVAILABLE')
  expect(error.message).to.not.match(/SECRET|TOKEN/)
  return error
}

for (const [id, subject] of Object.entries(subjects)) {
  describe(id, () => {
    const { minutes, basis, zone, past } = subject
    let provider: Provider
    let location: Location
    const step = minutes * 60_000
    /** From here on to the last that has begun, and a little way into what is expected. */
    const start = new Date(Math.floor((NOW - 3 * HOUR) / step) * step)
    const count = Math.floor((NOW - start.getTime()) / step) + 1
    const values = Array.from({ length: count + 4 }, (_, i) => 100 + i)
    const seen = (list: readonly number[]) => list.slice(0, count)
    const says = (list: readonly number[]) =>
      service.answer((asked) => ({ body: subject.body(asked, start, list) }))

    beforeEach(() => {
      provider = subject.open(client(), service.url)
      location = resolveLocation(subject.place)
    })
    const range = (to = new Date(NOW)) => provider.range(location, start, to)

    it('knows its place and no other, without asking', () => {
      expect(provider.id).to.equal(id)
      expect(provider.covers(location)).to.equal(true)
      const nowhere = resolveLocation(undefined, { environment: {}, timeZone: 'UTC' })
      expect(provider.covers(nowhere)).to.equal(false)
      expect(service.asked).to.deep.equal([])
    })

    it('gives all values of a stretch of time, and what they count', async () => {
      says(seen(values))
      const points = await range()
      expect(seriesOf(points).basis).to.deep.equal(basis)
      expect(points.map(({ gramsPerKWh }) => Math.round(gramsPerKWh))).to.deep.equal(seen(values))
      for (const [index, point] of points.entries()) {
        expect(point).to.include({ zone, source: id, status: past })
        expect(point.start.getTime()).to.equal(start.getTime() + index * step)
        expect(point.end.getTime()).to.equal(start.getTime() + (index + 1) * step)
        expect(point.fetchedAt!.getTime()).to.equal(NOW)
      }
    })

    it('leaves holes out, and takes none for zero', async () => {
      says(seen(values).map((grams, i) => (i === 1 ? Number.NaN : grams)))
      const points = await range()
      expect(points.map(({ gramsPerKWh }) => Math.round(gramsPerKWh))).to.deep.equal(
        seen(values).filter((_, i) => i !== 1),
      )
      says(values.map(() => Number.NaN))
      expect((await rejection(range())).message).to.equal(`${id} has no value for this time.`)
    })

    it('forecasts', async () => {
      const first = new Date(Math.floor(NOW / step) * step)
      const ahead = Array.from({ length: (6 * HOUR) / step + 1 }, (_, i) => 200 + i)
      service.answer((asked) => ({ body: subject.body(asked, first, ahead) }))
      const points = await provider.forecast!(location, 3)
      expect(points[0]!.start.getTime()).to.be.at.most(NOW + step)
      expect(points.at(-1)!.end.getTime()).to.be.at.least(NOW + 3 * HOUR)
      expect(points.at(-1)!.start.getTime()).to.be.below(NOW + 3 * HOUR)
      for (const point of points) {
        const expected = 200 + (point.start.getTime() - first.getTime()) / step
        expect(point.gramsPerKWh).to.be.closeTo(expected, 1e-9)
        if (point.start.getTime() >= NOW) expect(point.status).to.equal('forecast')
      }
      expect(seriesOf(points).basis).to.deep.equal(basis)
    })

    it('refuses values that cannot be', async () => {
      for (const wrong of [147_000, -5]) {
        says(seen(values).map((grams, i) => (i === 2 ? wrong : grams)))
        expect((await rejection(range())).message).to.match(/no intensity from 0 to 3000/)
      }
      if (!subject.wrongUnit) return
      service.answer((asked) => ({ body: subject.wrongUnit!(asked, start) }))
      expect((await rejection(range())).message).to.match(/its unit is/)
    })

    const failures: Record<string, [Reply | ((body: string) => Reply), RegExp]> = {
      'status 401': [{ status: 401, body: 'SECRET' }, /status 401: the key is not accepted/],
      'status 404': [{ status: 404 }, /status 404/],
      'status 429': [{ status: 429, headers: { 'retry-after': '60' } }, /status 429/],
      'status 500': [{ status: 500 }, /status 500/],
      'half an answer': [(body) => ({ how: 'torn', body }), /cannot be reached/],
      'half a JSON': [(body) => ({ body: body.slice(0, body.length / 2) }), /cannot be used/],
      HTML: [{ body: '<html><body>Sorry</body></html>' }, /answered with HTML/],
      'another JSON': [{ body: '{"error":{"code":"400 Bad Request"}}' }, /cannot be used/],
      'an empty list': [{ body: '[]' }, /cannot be used|no value/],
      null: [{ body: 'null' }, /cannot be used/],
    }
    for (const [what, [reply, message]] of Object.entries(failures)) {
      it(`survives ${what}`, async () => {
        service.answer((asked) => {
          if (asked.path === '/login' && what !== 'status 401') return { body: LOGIN }
          return typeof reply === 'function'
            ? reply(subject.body(asked, start, seen(values)))
            : reply
        })
        expect((await rejection(range())).message).to.match(message)
      })
    }

    it('takes what it has for good where the service says that nothing has changed', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'jouletap-providers-'))
      try {
        let time = NOW
        const http = httpClient({
          timeoutMs: PATIENT_MS,
          cacheFolder: folder,
          now: () => new Date(time),
        })
        const cached = subject.open(http, service.url)
        service.answer((asked) =>
          asked.headers['if-none-match'] === '"v1"'
            ? { status: 304 }
            : { body: subject.body(asked, start, seen(values)), headers: { etag: '"v1"' } },
        )
        const ask = () => cached.range(location, start, new Date(NOW))
        const first = await ask()
        const questions = service.asked.length
        time += HOUR / 2
        const grams = ({ gramsPerKWh, start }: IntensityPoint) => [gramsPerKWh, start]
        const again = await ask()
        expect(again.map(grams)).to.deep.equal(first.map(grams))
        expect(again[0]!.fetchedAt!.getTime()).to.equal(time)
        const conditional = service.asked.slice(questions)
        expect(conditional.some(({ headers }) => headers['if-none-match'] === '"v1"')).to.equal(
          true,
        )
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    for (const day of ['2026-03-29', '2026-10-25']) {
      it(`gives ${day}, on which clocks change, its 24 hours`, async () => {
        const midnight = new Date(`${day}T00:00:00Z`)
        const next = new Date(midnight.getTime() + 24 * HOUR)
        const all = Array.from({ length: (24 * HOUR) / step }, (_, i) => 100 + i)
        service.answer((asked) => ({ body: subject.body(asked, midnight, all) }))
        const points = await provider.range(location, midnight, next)
        expect(points.map(({ gramsPerKWh }) => Math.round(gramsPerKWh))).to.deep.equal(all)
        expect(points[0]!.start).to.deep.equal(midnight)
        expect(points.at(-1)!.end).to.deep.equal(next)
      })
    }

    it('is waited for no longer than it may be', async () => {
      service.answer({ how: 'never' })
      const hasty = subject.open(client(SHORT_MS), service.url)
      const begun = performance.now()
      const error = await rejection(hasty.range(location, start, new Date(NOW)))
      expect(error.message).to.match(/did not answer in time/)
      expect(performance.now() - begun).to.be.below(SHORT_MS + SLACK_MS)
    })
  })
}

describe('a service that says a key aloud', () => {
  for (const id of ['electricity-maps', 'watttime']) {
    const { open, place } = subjects[id]!
    const time = iso(at(11).getTime())
    // In the shapes of both.
    const row = { datetime: time, point_time: time, carbonIntensity: 'SECRET', value: 'SECRET' }
    const echoes: Record<string, string> = {
      'as text': 'SECRET is no key',
      'as a page': '<html>SECRET</html>',
      'as a value': JSON.stringify({ data: [row], meta: { units: 'lbs_co2_per_mwh' } }),
      'as a unit': JSON.stringify({ data: [row], meta: { units: 'SECRET' } }),
      'as a time': JSON.stringify({ data: [{ ...row, datetime: 'SECRET', point_time: 'SECRET' }] }),
    }
    for (const [how, body] of Object.entries(echoes)) {
      for (const status of [200, 401, 500]) {
        it(`is not repeated by ${id}: ${how}, with status ${status}`, async () => {
          service.answer({ status, body, headers: { 'x-key': 'SECRET', etag: '"SECRET"' } })
          const provider = open(client(), service.url)
          // Which expects no key in the message.
          await rejection(provider.range(resolveLocation(place), at(9), at(12)))
          await rejection(provider.forecast!(resolveLocation(place), 3))
        })
      }
    }
  }
})

describe('neso', () => {
  const half = (hours: number, intensity: object) => ({
    from: `${iso(at(hours).getTime()).slice(0, 16)}Z`,
    to: `${iso(at(hours + 0.5).getTime()).slice(0, 16)}Z`,
    intensity,
  })

  it('uses every half hour of ten, not the first alone', async () => {
    const data = Array.from({ length: 96 }, (_, i) => half(12 + i / 2, { forecast: 50 + i }))
    service.answer({ body: JSON.stringify({ data }) })
    const points = await neso(client(), { url: service.url }).forecast!(resolveLocation('GB'), 10)
    expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal(
      // From 12:12 to 22:12 there are ten whole half hours and two parts.
      Array.from({ length: 21 }, (_, i) => 50 + i),
    )
    expect(service.asked[0]!.path).to.equal('/intensity/2026-11-26T12:00Z/fw48h')
  })

  it('asks for a month in questions of fourteen days', async () => {
    service.answer(({ path }) => {
      const [, , from] = path.split('/')
      const start = (Date.parse(from!) - at(0).getTime()) / HOUR
      return { body: JSON.stringify({ data: [half(start, { actual: 5, forecast: 6 })] }) }
    })
    const from = new Date(NOW - 30 * 24 * HOUR)
    await neso(client(), { url: service.url }).range(resolveLocation('GB'), from, new Date(NOW))
    expect(service.asked).to.have.length(3)
    for (const { path } of service.asked) {
      const [, , start, end] = path.split('/')
      expect(Date.parse(end!) - Date.parse(start!)).to.be.at.most(14 * 24 * HOUR + HOUR)
    }
  })

  for (const [what, wrap] of [
    ['an object', (data: object) => ({ data: { regionid: 13, data } })],
    ['a list', (data: object) => ({ data: [{ regionid: 13, data }] })],
  ] as const) {
    it(`reads a region in ${what}, and tells of a postcode no more than it has to`, async () => {
      service.answer({ body: JSON.stringify(wrap([half(11, { forecast: 77, index: 'low' })])) })
      const provider = neso(client(), { url: service.url, region: 'sw1 2AA' })
      const [point] = await provider.range(resolveLocation('GB'), at(11), at(12))
      expect(point).to.include({ gramsPerKWh: 77, status: 'forecast', zone: 'GB:SW1' })
      expect(service.asked[0]!.path).to.match(/^\/regional\/intensity\/.*\/postcode\/SW1$/)
    })
  }
})

describe('energi-data-service', () => {
  /** Days on which Danish clocks change, and one on which they do not. */
  for (const day of ['2026-03-29', '2026-10-25', '2026-06-01']) {
    it(`gives all five minutes of ${day}, in UTC`, async () => {
      const start = Date.parse(`${day}T00:00:00Z`)
      const all = Array.from({ length: 2 * 288 }, (_, i) => start - 12 * HOUR + i * 300_000)
      service.answer(({ query }) => {
        // As the service has it: times of the question are of Copenhagen's clocks.
        const local = (time: number) =>
          new Date(time)
            .toLocaleString('sv-SE', { timeZone: 'Europe/Copenhagen' })
            .replace(' ', 'T')
        const records = all
          .filter((time) => local(time) >= query.start! && local(time) < query.end!)
          .map((time) => ({
            Minutes5UTC: iso(time).slice(0, 19),
            PriceArea: 'DK2',
            CO2Emission: (time - start) / 300_000 + 300,
          }))
        return { body: JSON.stringify({ records }) }
      })
      const provider = energiDataService(client(), { url: service.url })
      const to = new Date(start + 24 * HOUR)
      const points = await provider.range(resolveLocation('DK-DK2'), new Date(start), to)
      expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal(
        Array.from({ length: 288 }, (_, i) => 300 + i),
      )
      expect(service.asked[0]!.query).to.include({ limit: '0', sort: 'Minutes5UTC asc' })
      expect(JSON.parse(service.asked[0]!.query.filter!)).to.deep.equal({ PriceArea: ['DK2'] })
    })
  }

  it('asks for forecasts where they are', async () => {
    const start = new Date(Math.floor(NOW / 300_000) * 300_000)
    const subject = subjects['energi-data-service']!
    service.answer((asked) => ({ body: subject.body(asked, start, Array(500).fill(3)) }))
    await energiDataService(client(), { url: service.url }).forecast!(resolveLocation('DK-DK1'), 24)
    expect(service.asked.map(({ path }) => path)).to.deep.equal(['/dataset/CO2EmisProg'])
  })

  it('takes one area, never the mean of both', () => {
    const provider = energiDataService(client(), { url: service.url })
    expect(provider.covers(resolveLocation('DK'))).to.equal(false)
  })
})

describe('electricity-maps', () => {
  const fr = resolveLocation('FR')
  const rows = [9, 10, 11].map((hours) => ({
    datetime: iso(at(hours).getTime()),
    carbonIntensity: 10 * hours,
  }))
  for (const shape of ['history', 'data', 'forecast']) {
    it(`finds its series under ${shape}`, async () => {
      service.answer({ body: JSON.stringify({ zone: 'FR', [shape]: rows }) })
      const provider = electricityMaps(client(), { key: 'k', url: service.url })
      const points = await provider.range(fr, at(9), at(12))
      expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([90, 100, 110])
    })
  }

  it('sends its key in a header, and never has the caller looked up', async () => {
    service.answer({ body: JSON.stringify({ zone: 'FR', history: rows }) })
    const factors = 'direct'
    const provider = electricityMaps(client(), { key: 'k', url: service.url, factors })
    const [point] = await provider.range(fr, at(9), at(12))
    expect(point!.factors).to.equal('direct')
    for (const { headers, query } of service.asked) {
      expect(headers['auth-token']).to.equal('k')
      expect(query).to.deep.equal({
        zone: 'FR',
        emissionFactorType: 'direct',
        shouldUseFallbackCallerLookup: 'false',
      })
    }
    const degrees = resolveLocation('48.9,2.3')
    await provider.range(degrees, at(9), at(12))
    expect(service.asked.at(-1)!.query).to.include({ lat: '48.9', lon: '2.3' })
  })

  it('is told the most exact that is known of a place', async () => {
    service.answer({ body: JSON.stringify({ zone: 'X', history: rows }) })
    const provider = electricityMaps(client(), { key: 'k', url: service.url })
    const asked = async (more: Partial<Location>) => {
      await provider.range({ ...resolveLocation('US'), ...more }, at(9), at(12))
      const { zone, lat, lon } = service.asked.at(-1)!.query
      return { zone, lat, lon }
    }
    const degrees = { latitude: 38.9, longitude: -77 }
    const none = { zone: undefined, lat: undefined, lon: undefined }
    expect(await asked({})).to.deep.equal({ ...none, zone: 'US' })
    expect(await asked(degrees)).to.deep.equal({ ...none, lat: '38.9', lon: '-77' })
    expect(await asked({ ...degrees, zone: 'US-MIDA-PJM' })).to.deep.equal({
      ...none,
      zone: 'US-MIDA-PJM',
    })
  })

  it('refuses factors that it has not asked for', async () => {
    const told = rows.map((row) => ({ ...row, emissionFactorType: 'direct' }))
    service.answer({ body: JSON.stringify({ zone: 'FR', history: told }) })
    const open = (factors: 'direct' | 'lifecycle') =>
      electricityMaps(client(), { key: 'k', url: service.url, factors }).range(fr, at(9), at(12))
    expect(await open('direct')).to.have.length(3)
    const { message } = await rejection(open('lifecycle'))
    expect(message).to.match(/its factors are direct, not lifecycle/)
  })
})

describe('watttime', () => {
  const caiso = resolveLocation('US-CAL-CISO')

  it('makes 870 pounds a megawatt-hour 394.6 grams a kilowatt-hour', async () => {
    service.answer(({ path }) => ({ body: path === '/login' ? LOGIN : moer(at(12), [870]) }))
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    const [point] = await provider.range(caiso, at(12), new Date(NOW))
    expect(point!.gramsPerKWh).to.be.closeTo(394.6, 0.05)
    expect(point).to.include({ kind: 'marginal' })
  })

  it('logs in once, and again where the token does not hold', async () => {
    let tokens = 0
    let refuse = false
    service.answer(({ path, headers }) => {
      if (path === '/login') return { body: JSON.stringify({ token: `t${++tokens}` }) }
      if (refuse && headers.authorization === 'Bearer t1') return { status: 401 }
      return { body: moer(at(12), [870]) }
    })
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    const ask = () => provider.range(caiso, at(12), new Date(NOW))
    await ask()
    await ask()
    expect(tokens).to.equal(1)
    expect(service.asked[0]!.headers.authorization).to.equal(`Basic ${btoa('u:p')}`)
    refuse = true
    await ask()
    expect(tokens).to.equal(2)
  })

  it('does not log in for ever', async () => {
    service.answer(({ path }) => (path === '/login' ? { body: LOGIN } : { status: 401 }))
    const options = { username: 'u', password: 'p', url: service.url }
    const ask = () => wattTime(client(), options).range(caiso, at(12), new Date(NOW))
    await rejection(ask())
    const count = (path: string) => service.asked.filter((asked) => asked.path === path).length
    expect([count('/login'), count('/v3/historical')]).to.deep.equal([2, 2])
    service.answer({ status: 401 })
    await rejection(ask())
    expect(count('/login')).to.equal(3)
  })

  it('keeps answers over the tokens of a user', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-watttime-'))
    try {
      let tokens = 0
      service.answer(({ path }) => ({
        body: path === '/login' ? JSON.stringify({ token: `token${++tokens}` }) : moer(at(12), [9]),
      }))
      const http = httpClient({ cacheFolder: folder, now: () => new Date(NOW) })
      const ask = (username: string) =>
        wattTime(http, { username, password: 'p', url: service.url }).range(
          caiso,
          at(12),
          new Date(NOW),
        )
      for (const username of ['me', 'me', 'you']) await ask(username)
      const told = service.asked.filter(({ path }) => path === '/v3/historical')
      expect([tokens, told.length]).to.deep.equal([3, 2])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('reads numbers that are texts, and refuses other texts', async () => {
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    const ask = (value: unknown) => {
      const body = moer(at(12), [870]).replace('870', JSON.stringify(value))
      service.answer(({ path }) => ({ body: path === '/login' ? LOGIN : body }))
      return provider.range(caiso, at(12), new Date(NOW))
    }
    expect((await ask('870'))[0]!.gramsPerKWh).to.be.closeTo(394.6, 0.05)
    expect((await rejection(ask('many'))).message).to.match(/no intensity/)
    for (const wrong of [[], true]) {
      expect((await rejection(ask(wrong))).message).to.match(/no intensity/)
    }
    for (const hole of ['', ' ', null]) {
      expect((await rejection(ask(hole))).message).to.match(/no value/)
    }
  })

  it('passes on what the service warns of', async () => {
    const warnings = ['of old', { type: 'MODEL', message: 'a\nnew\u001b[31m model' }, null, 5]
    const body = moer(at(12), [870]).replace(
      '"warnings":[]',
      `"warnings":${JSON.stringify(warnings)}`,
    )
    service.answer(({ path }) => ({ body: path === '/login' ? LOGIN : body }))
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    const [point] = await provider.range(caiso, at(12), new Date(NOW))
    expect(point!.warnings).to.deep.equal([
      'watttime warns: of old',
      'watttime warns: a new [31m model',
    ])
  })

  it('asks for three days at the most, and for months in questions of thirty days', async () => {
    service.answer(({ path }) => ({ body: path === '/login' ? LOGIN : moer(at(12), [1, 2, 3, 4]) }))
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    await provider.forecast!(caiso, 100)
    expect(service.asked.at(-1)!.query).to.include({ horizon_hours: '72' })
    service.asked.length = 0
    await provider.range(caiso, at(-70 * 24), new Date(NOW))
    expect(service.asked).to.have.length(3)
    for (const { query } of service.asked) {
      const days = (Date.parse(query.end!) - Date.parse(query.start!)) / (24 * HOUR)
      expect(days).to.be.at.most(30)
    }
  })

  it('asks where degrees are', async () => {
    service.answer(({ path }) => {
      if (path === '/login') return { body: LOGIN }
      if (path.endsWith('region-from-loc')) return { body: '{"region":"PJM_DC"}' }
      return { body: moer(at(12), [100]) }
    })
    const provider = wattTime(client(), { username: 'u', password: 'p', url: service.url })
    const [point] = await provider.range(resolveLocation('38.9,-77'), at(12), new Date(NOW))
    expect(point!.zone).to.equal('PJM_DC')
  })
})
