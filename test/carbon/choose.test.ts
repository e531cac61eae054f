// Which provider a choice means, and what one answers that is chosen: for its places, of its basis, without its keys.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type IntensityOptions, intensity, providerFor } from '../../lib/carbon/intensity'
import { resolveLocation } from '../../lib/carbon/location'
import type { ProviderName, ProviderSettings } from '../../lib/carbon/providers'
import { JouletapError } from '../../lib/errors'
import { hour, pointOf } from '../support/intensity'
import { type Service, startService } from '../support/service'

const now = () => hour(12.25)
const KEYS: ProviderSettings = {
  electricityMapsKey: 'SECRET-OF-MAPS',
  wattTimeUsername: 'me',
  wattTimePassword: 'SECRET-OF-TIME',
}

describe('chooseProvider', () => {
  let service: Service
  before(async () => {
    service = await startService()
  })
  after(() => service.close())
  beforeEach(() => {
    service.asked.length = 0
  })
  const settings = (live: ProviderName): IntensityOptions => ({
    ...KEYS,
    live,
    urls: { [live]: service.url },
    cacheFolder: null,
    timeoutSeconds: 20,
    now,
  })

  const known = {
    neso: 'GB',
    'energi-data-service': 'DK-DK1',
    'energy-charts': 'DE',
    caiso: 'US-CAL-CISO',
    'electricity-maps': 'FR',
    watttime: 'US-CAL-CISO',
    'carbon-aware': 'FR',
  } as const
  const nowhere = resolveLocation(undefined, { environment: {}, timeZone: 'UTC' })
  for (const [name, place] of Object.entries(known) as [keyof typeof known, string][]) {
    it(`lets ${name} be asked of no place that it does not know`, async () => {
      const provider = providerFor(place, settings(name))!
      expect(provider.id).to.equal(name)
      for (const ask of [
        () => provider.range(nowhere, hour(11), hour(12)),
        ...(provider.forecast ? [() => provider.forecast!(nowhere, 3)] : []),
      ]) {
        const error = await ask().catch((cause) => cause)
        expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'INTENSITY_UNAVAILABLE' })
        expect(error.message).to.equal(`${name} does not know of ${nowhere.name}.`)
      }
      expect(service.asked).to.deep.equal([])
    })
  }

  it('has no forecast where there is none', () => {
    expect(providerFor('US-CAL-CISO', settings('caiso'))).to.not.have.property('forecast')
  })

  describe('basis', () => {
    const basis = { kind: 'marginal', boundary: 'consumption' } as const
    const expected = { ...basis, factors: 'unknown' }
    let folder: string
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'jouletap-choose-'))
      writeFileSync(
        join(folder, 'mine.csv'),
        `start,g_per_kwh\n${hour(12).toISOString()},5\n${hour(13).toISOString()},6\n`,
      )
    })
    after(() => rmSync(folder, { recursive: true }))

    for (const live of ['file', 'fixed', 'carbon-aware'] as const) {
      it(`is what the user says where ${live} does not`, async () => {
        const row = { location: 'FR', time: hour(12).toISOString(), duration: 60, rating: 5 }
        service.answer({ body: JSON.stringify([row]) })
        const options = { ...settings(live), file: join(folder, 'mine.csv'), gramsPerKWh: 5 }
        const told = await intensity('FR', { ...options, basis })
        expect(told.series.basis).to.deep.equal(expected)
        expect(told.series.points[0]!.gramsPerKWh).to.equal(5)
        const usual = await intensity('FR', options)
        expect(usual.series.basis).to.deep.equal({
          ...expected,
          kind: 'average',
          boundary: 'unknown',
        })
      })

      it(`is refused where it is no word, by ${live}`, async () => {
        const wrong = { kind: 'mean' } as unknown as typeof basis
        const options = { ...settings(live), file: 'mine.csv', gramsPerKWh: 5, basis: wrong }
        const error = await intensity('FR', options).catch((cause) => cause)
        expect(error).to.include({ code: 'BAD_OPTION' })
        expect(error.message).to.equal('basis.kind must be average or marginal, not "mean".')
      })
    }
  })

  it('counts by the clock that it is given, in a file as well', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-choose-'))
    try {
      const path = join(folder, 'mine.csv')
      const rows = [11, 12, 13].map((h) => `${hour(h).toISOString()},${h}`).join('\n')
      writeFileSync(path, `start,g_per_kwh\n${rows}\n`)
      const options = { ...settings('file'), file: path, from: hour(11), to: hour(14) }
      const { series } = await intensity('FR', options)
      expect(series.points.map(({ status }) => status)).to.deep.equal([
        'measured',
        'measured',
        'forecast',
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('passes on once what a service warns of', async () => {
    const row = (h: number) => ({ point_time: hour(h).toISOString(), value: 500 })
    const meta = { units: 'lbs_co2_per_mwh', warnings: ['The model changes.'] }
    service.answer(({ path }) => ({
      body: JSON.stringify(path === '/login' ? { token: 't' } : { data: [row(11), row(12)], meta }),
    }))
    const options = { ...settings('watttime'), from: hour(11), to: hour(12.1) }
    const { warnings, series } = await intensity('US-CAL-CISO', options)
    expect(series.points).to.have.length(2)
    expect(warnings.filter((one) => one.includes('The model changes.'))).to.deep.equal([
      'watttime warns: The model changes.',
    ])
  })

  describe('keys', () => {
    const places = { 'electricity-maps': 'FR', watttime: 'US-CAL-CISO' } as const
    const login = Buffer.from('me:SECRET-OF-TIME').toString('base64')
    const secret = new RegExp(`SECRET|TOKEN-OF-TODAY|${login.slice(0, 12)}`)
    /** All that a service knows of the caller, in an answer that is right but for that. */
    const echo = (headers: object, grams: unknown) => {
      const time = hour(12).toISOString()
      const row = { datetime: time, carbonIntensity: grams, point_time: time, value: grams }
      const meta = { units: 'lbs_co2_per_mwh', warnings: [JSON.stringify(headers)] }
      return JSON.stringify({ zone: `FR ${JSON.stringify(headers)}`, data: [row], meta })
    }
    for (const [live, place] of Object.entries(places) as [keyof typeof places, string][]) {
      for (const [what, status, grams] of [
        ['an answer', 200, 90],
        ['a wrong answer', 200, 'heaps'],
        ['an error', 500, 90],
      ] as const) {
        it(`are in nothing that comes of ${what} of ${live} which repeats them`, async () => {
          const folder = mkdtempSync(join(tmpdir(), 'jouletap-choose-'))
          try {
            service.answer(({ path, headers }) => {
              const body = path === '/login' ? '{"token":"TOKEN-OF-TODAY"}' : echo(headers, grams)
              return { status: path === '/login' ? 200 : status, body }
            })
            const options = { ...settings(live), cacheFolder: folder }
            const answer = await intensity(place, options)
            const sent = service.asked.map(({ headers }) => JSON.stringify(headers)).join()
            expect(sent).to.match(secret)
            expect(JSON.stringify(answer)).to.not.match(secret)
            const isLive = answer.series.points[0]!.source === live
            expect(isLive).to.equal(status === 200 && grams === 90)
            const files = readdirSync(folder).map((name) =>
              readFileSync(join(folder, name), 'utf8'),
            )
            expect(files.length > 0).to.equal(isLive)
            expect(files.join()).to.not.match(secret)
          } finally {
            rmSync(folder, { recursive: true })
          }
        })
      }
    }

    for (const options of [
      { live: { provider: 'electricity-maps', key: 'SECRET' } },
      { live: 'carbon-aware', carbonAwareUrl: 'ftp://me:SECRET@host' },
      { live: 'carbon-aware', carbonAwareUrl: 'https://me:SECRET@host' },
    ]) {
      it(`are not shown by the refusal of ${JSON.stringify(options)}`, async () => {
        const wrong = options as unknown as IntensityOptions
        const error = await intensity('FR', wrong).catch((cause) => cause)
        expect(error).to.include({ code: 'BAD_OPTION' })
        expect(error.message).to.not.contain('SECRET')
      })
    }
  })

  it('lets an object of the user’s forecast, and be asked only where it says so', async () => {
    const own = {
      id: 'mine',
      covers: ({ country }: { country?: string }) => country === 'FR',
      range: async () => [pointOf(11, 12, 4)],
      forecast: async () => [pointOf(12, 13, 5)],
    }
    const provider = providerFor('FR', { live: own })!
    const [point] = await provider.forecast!(resolveLocation('FR'), 1)
    expect(point!.gramsPerKWh).to.equal(5)
    expect(() => providerFor('DE', { live: own })).to.throw(/mine does not know of Germany/)
  })
})
