// The intensity of a place, by providers that fail in every way, and without any.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { httpClient } from '../../lib/carbon/http'
import { type IntensityOptions, intensity } from '../../lib/carbon/intensity'
import { resolveLocation } from '../../lib/carbon/location'
import { chooseProvider, PROVIDER_NAMES } from '../../lib/carbon/providers'
import type { IntensityPoint, Provider } from '../../lib/carbon/types'
import { JouletapError } from '../../lib/errors'
import { hour, pointOf } from '../support/intensity'
import { mustBeBuilt, runNode } from '../support/process'
import { startService } from '../support/service'

const now = () => hour(12.25)
const day = Array.from({ length: 48 }, (_, h) => pointOf(h, h + 1, 100 + h, { zone: 'DK-DK1' }))

function made(points: readonly IntensityPoint[], more: Partial<Provider> = {}): Provider {
  return { id: 'made', covers: () => true, range: async () => points, ...more }
}
const of = (live: IntensityOptions['live'], options: IntensityOptions = {}) =>
  intensity('DK', { live: live ?? false, now, cacheFolder: null, ...options })

const wrong = async (options: object, message: RegExp): Promise<void> => {
  const error = await intensity('DK', options as IntensityOptions).catch((cause) => cause)
  expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'BAD_OPTION' })
  expect(error.message).to.match(message)
}

describe('intensity', () => {
  mustBeBuilt()

  it('is of a table where nobody is asked', async () => {
    const { series, location } = await of(false)
    expect(series.points).to.have.length(1)
    expect(series.points[0]).to.include({ status: 'annual-average', zone: 'DK', year: 2024 })
    expect(location.country).to.equal('DK')
  })

  it('is what holds now, or at a time', async () => {
    const at = async (options: IntensityOptions = {}) => {
      const { series } = await of(made(day), options)
      expect(series.points).to.have.length(1)
      return series.points[0]!.gramsPerKWh
    }
    expect(await at()).to.equal(112)
    expect(await at({ at: hour(5.5) })).to.equal(105)
    expect(await at({ at: hour(5) })).to.equal(105)
  })

  it('is all that overlaps a stretch of time', async () => {
    const { series } = await of(made(day), { from: hour(3.5), to: hour(6) })
    expect(series.points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([103, 104, 105])
    const upToNow = await of(made(day), { from: hour(10) })
    expect(upToNow.series.points).to.have.length(3)
  })

  it('is what a provider forecasts', async () => {
    const asked: number[] = []
    const forecast = async (_: unknown, hours: number) => {
      asked.push(hours)
      return day.slice(12, 20)
    }
    const { series } = await of(made([], { forecast }), { forecastHours: 3 })
    expect(series.points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([112, 113, 114, 115])
    expect(asked).to.deep.equal([3])
  })

  it('takes the latest where it is of the last hour, and says of when it is', async () => {
    const { series, warnings } = await of(made(day.slice(0, 12)))
    expect(series.points[0]!.gramsPerKWh).to.equal(111)
    expect(warnings.join()).to.contain('latest value of made is of 2026-11-26T11:00')
  })

  it('says of how much of the time nothing is known', async () => {
    const holes = async (points: readonly IntensityPoint[], options: IntensityOptions) => {
      const { warnings } = await of(made(points, { forecast: async () => points }), options)
      return warnings.filter((warning) => warning.includes('tells nothing'))
    }
    const night = { from: hour(0), to: hour(10) }
    const inside = await holes([...day.slice(0, 3), ...day.slice(8, 10)], night)
    expect(inside).to.deep.equal([
      'made tells nothing of 300 min of the time from 2026-11-26T00:00:00.000Z to 2026-11-26T10:00:00.000Z.',
    ])
    expect((await holes(day.slice(2, 10), night)).join()).to.contain(' 120 min ')
    expect((await holes(day.slice(0, 7), night)).join()).to.contain(' 180 min ')
    // From 12:15 on: 45 min and two hours are known of 24 hours.
    const ahead = await holes(day.slice(12, 15), { forecastHours: 24 })
    expect(ahead.join()).to.contain(` ${24 * 60 - 45 - 120} min `)
    // Services are late by up to an hour, or begin with their next step.
    expect(await holes(day.slice(0, 9), night)).to.deep.equal([])
    expect(await holes(day.slice(13, 16), { forecastHours: 3 })).to.deep.equal([])
  })

  const failures: [string, Pick<Provider, 'range'> & Partial<Provider>, RegExp][] = [
    ['rejects', made([], { range: () => Promise.reject(new Error('on strike')) }), /on strike/],
    [
      'throws',
      made([], {
        range: () => {
          throw new Error('broken')
        },
      }),
      /broken/,
    ],
    ['never answers', made([], { range: () => new Promise(() => {}) }), /in time/],
    ['has nothing', made([]), /needs a point|no value/],
    ['gives nonsense', made([pointOf(12, 13, -1)]), /0 to 3000/],
    ['gives no list', made(undefined as unknown as []), /cannot be used/],
    ['mixes', made([pointOf(12, 13, 1), pointOf(13, 14, 1, { kind: 'marginal' })]), /mixed/],
    ['repeats itself', made([pointOf(12, 13, 1), pointOf(12, 13, 2)]), /overlap/],
    ['has nothing but old values', made(day.slice(0, 5)), /no value for 2026-11-26T12:15/],
    ['gives texts', made([pointOf(12, 13, '120' as unknown as number)]), /0 to 3000/],
    ['cannot forecast', made(day), /no forecast/],
  ]
  for (const [what, provider, why] of failures) {
    it(`is of the table where the provider ${what}, and says so`, async () => {
      const asked = what === 'cannot forecast' ? { forecastHours: 4 } : {}
      const begun = performance.now()
      const { series, warnings } = await of(provider, { timeoutSeconds: 0.2, ...asked })
      expect(performance.now() - begun).to.be.below(2200)
      expect(series.points).to.have.length(1)
      expect(series.points[0]).to.include({ status: 'annual-average', zone: 'DK' })
      expect(warnings.join('\n')).to.match(
        /made told nothing .*: the table of Our World in Data, \d{4}, stands in\./,
      )
      expect(warnings.join('\n')).to.match(why)
    })
  }

  it('says that no provider without a key knows of a place', async () => {
    const { warnings, series } = await intensity('ZA', { live: 'auto', cacheFolder: null })
    expect(warnings.join()).to.contain('No provider without a key knows of South Africa')
    expect(series.points[0]!.zone).to.equal('ZA')
  })

  it('takes for a place the provider that needs no key', () => {
    const http = httpClient({ cacheFolder: null })
    const idOf = (place: string) => chooseProvider('auto', resolveLocation(place), {}, http)?.id
    const expected = {
      GB: 'neso',
      'DK-DK1': 'energi-data-service',
      DK: 'energy-charts',
      DE: 'energy-charts',
      'SE-SE3': undefined,
      US: undefined,
      'US-CAL-CISO': undefined,
    }
    for (const [place, id] of Object.entries(expected)) expect(idOf(place), place).to.equal(id)
  })

  it('takes a figure of the user’s', async () => {
    const { series } = await intensity('FR', { live: 'fixed', gramsPerKWh: 33, cacheFolder: null })
    expect(series.points[0]).to.include({ gramsPerKWh: 33, source: 'fixed', zone: 'FR' })
  })

  for (const [options, message] of [
    [{ at: hour(1), forecastHours: 2 }, /one of at, from with to, and forecastHours/],
    [{ at: hour(1), from: hour(0) }, /one of at/],
    [{ from: hour(2), to: hour(1) }, /^from must be/],
    [{ to: hour(1) }, /^from must be/],
    [{ forecastHours: 0 }, /^forecastHours must be/],
    [{ at: new Date('never') }, /^at must be/],
    [{ at: '2026-11-26T12:00Z' }, /^at must be a time/],
    [{ from: new Date('never'), to: hour(1) }, /^from must be a time/],
    [{ from: hour(1), to: 5 }, /^to must be a time/],
    [{ timeoutSeconds: 0 }, /^timeoutSeconds must be/],
    [{ live: 'oracle' }, /provider must be auto, or one of neso/],
    [{ live: { id: 'x' } }, /a provider must be a name, or an object with a method range/],
    [{ live: 'neso' }, /neso does not know of Denmark/],
    [{ live: 'file' }, /file needs the path/],
    [{ live: 'fixed' }, /fixed needs a figure/],
    [{ live: 'fixed', gramsPerKWh: -1 }, /an intensity must be/],
    [
      { live: 'electricity-maps' },
      /electricity-maps needs a key: set JOULETAP_ELECTRICITYMAPS_KEY/,
    ],
    [{ live: 'watttime' }, /watttime needs a login/],
    [{ live: 'carbon-aware' }, /carbon-aware needs its address/],
    [{ live: 'carbon-aware', carbonAwareUrl: 'ftp://x' }, /http:\/\/ or https:\/\//],
  ] as const) {
    it(`refuses ${JSON.stringify(options)}`, () => wrong(options, message))
  }

  it('asks a real provider, and the table where that fails', async () => {
    const service = await startService()
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-intensity-'))
    try {
      const ask = (at: number) =>
        intensity('GB', {
          live: 'auto',
          urls: { neso: service.url },
          now: () => hour(at),
          cacheFolder: folder,
          timeoutSeconds: 20,
        })
      const data = [{ from: hour(12), to: hour(12.5), intensity: { forecast: 80, actual: 90 } }]
      service.answer({ body: JSON.stringify({ data }) })
      expect((await ask(12.25)).series.points[0]).to.include({ gramsPerKWh: 90, source: 'neso' })
      service.answer({ status: 500 })
      const later = await ask(20)
      expect(later.series.points[0]).to.include({ status: 'annual-average', zone: 'GB' })
      expect(later.warnings.join()).to.contain('status 500')
    } finally {
      rmSync(folder, { recursive: true })
      await service.close()
    }
  })

  it('takes a null for a hole: the table stands in, and is flagged', async () => {
    const service = await startService()
    try {
      const row = { zone: 'FR', datetime: hour(12).toISOString(), carbonIntensity: null }
      service.answer(({ path }) => ({
        body: JSON.stringify(path.endsWith('latest') ? row : { zone: 'FR', history: [row] }),
      }))
      const { series, warnings } = await intensity('FR', {
        live: 'electricity-maps',
        electricityMapsKey: 'k',
        urls: { 'electricity-maps': service.url },
        now,
        cacheFolder: null,
        timeoutSeconds: 20,
      })
      expect(service.asked).to.have.length(2)
      expect(series.points[0]).to.include({ status: 'annual-average', source: 'Our World in Data' })
      expect(warnings.join()).to.contain('electricity-maps told nothing')
    } finally {
      await service.close()
    }
  })

  it('tells nobody a key: not in errors, warnings, or what can be listed', async () => {
    const service = await startService()
    try {
      service.answer(({ headers }) => ({
        status: 500,
        body: JSON.stringify(headers),
        headers: { 'x-echo': headers['auth-token']?.toString() ?? '' },
      }))
      const source = `
        const { intensity } = require('./dist/carbon')
        const urls = { 'electricity-maps': process.argv[1], watttime: process.argv[1] }
        const all = ['electricity-maps', 'watttime'].map((live) =>
          intensity('US-CAL-CISO', { live, urls, cacheFolder: null, timeoutSeconds: 20 }))
        Promise.all(all).then((answers) => {
          console.log(JSON.stringify(answers), process.title, process.argv.join())
          for (const { warnings } of answers) console.error(warnings.join())
        })`
      const { code, stdout, stderr } = await runNode(source, {
        args: [service.url],
        env: {
          JOULETAP_ELECTRICITYMAPS_KEY: 'SECRET1',
          JOULETAP_WATTTIME_USERNAME: 'me',
          JOULETAP_WATTTIME_PASSWORD: 'SECRET2',
        },
      })
      expect(code).to.equal(0)
      expect(service.asked.map(({ path }) => path)).to.include('/login')
      expect(stdout + stderr)
        .to.contain('status 500')
        .and.to.not.match(/SECRET|U0VDUkVU/)
    } finally {
      await service.close()
    }
  })
})

describe('the network', () => {
  mustBeBuilt()
  /** Fails and counts whatever would connect to anything, or look a name up. */
  const CUT = `
    let attempts = 0
    const cut = () => { attempts++; throw new Error('the network is cut') }
    require('node:net').Socket.prototype.connect = cut
    require('node:dgram').Socket.prototype.send = cut
    const dns = require('node:dns')
    for (const name of ['lookup', 'resolve']) { dns[name] = cut; dns.promises[name] = cut }
    globalThis.fetch = cut
    process.on('exit', () => console.log('attempts', attempts))
    `
  const cut = async (source: string, env: NodeJS.ProcessEnv = {}) => {
    const { stdout, stderr } = await runNode(CUT + source, { env })
    return { attempts: Number(/attempts (\d+)/.exec(stdout)![1]), stdout, stderr }
  }

  it('is not used where nobody asks for it', async () => {
    const commands = [['intensity'], ['intensity', 'FR'], ['regions'], ['doctor']]
    const { attempts, stderr } = await cut(`
      const jouletap = require('.')
      jouletap.intensity().then(() => jouletap.intensity('DK', { forecastHours: 5 }))
      jouletap.resolveLocation()
      jouletap.equivalents(5)`)
    expect({ attempts, stderr }).to.deep.equal({ attempts: 0, stderr: '' })
    for (const command of commands) {
      const told = await cut(
        `process.argv = ['node', 'jouletap', ...${JSON.stringify(command)}]\nrequire('./dist/cli/main.js')`,
      )
      expect(told.attempts, command.join(' ')).to.equal(0)
    }
  })

  /** What a run has loaded of the carbon side when its command starts. */
  const SPAWN = `
    const child = require('node:child_process')
    const { spawn } = child
    child.spawn = (...told) => {
      const loaded = Object.keys(require.cache).filter((path) => /tgwf|vvo|carbon.(http|intensity|location|tables|footprint)/.test(path))
      console.log('loaded', JSON.stringify(loaded))
      return spawn(...told)
    }
    process.argv = ['node', 'jouletap', 'run', '--sources', 'estimate', '--', 'true']
    require('./dist/cli/main.js')`

  it('is not used by a run, which tells its grams all the same, and starts without their modules', async () => {
    const { attempts, stdout, stderr } = await cut(SPAWN, { JOULETAP_PROVIDER: undefined })
    expect(attempts).to.equal(0)
    expect(stderr).to.contain('CO2e at')
    expect(stdout).to.contain('loaded []')
    const asked = await cut(SPAWN, {
      JOULETAP_PROVIDER: 'auto',
      JOULETAP_ZONE: 'GB',
      // No folder, so nothing is remembered of other runs.
      XDG_CACHE_HOME: '/dev/null',
    })
    expect(asked.attempts).to.be.above(0)
    expect(asked.stderr).to.contain('neso told nothing')
  })

  it('is used where it is asked for, so that this would be seen', async () => {
    const { attempts } = await cut(
      "require('.').intensity('GB', { live: 'auto', cacheFolder: null })",
    )
    expect(attempts).to.be.above(0)
    const asked = await cut("require('.').intensity('GB', { cacheFolder: null })", {
      JOULETAP_PROVIDER: 'auto',
    })
    expect(asked.attempts).to.be.above(0)
  })

  it('is not even looked at when the package is loaded', async () => {
    const source = `
      require('.').intensity
      const loaded = Object.keys(require.cache).filter((path) => /tgwf|vvo|carbon.(http|intensity|location|tables)/.test(path))
      console.log(JSON.stringify(loaded))`
    const { stdout } = await runNode(source)
    expect(stdout.trim()).to.equal('[]')
  })
})

describe('PROVIDER_NAMES', () => {
  it('are all that can be chosen', () => {
    expect(new Set(PROVIDER_NAMES).size).to.equal(PROVIDER_NAMES.length)
  })
})
