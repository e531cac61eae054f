// Real providers on days on which their services fail in every way: there is an answer all the same, and it says what it is.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type IntensityOptions, intensity } from '../../lib/carbon/intensity'
import { resolveLocation } from '../../lib/carbon/location'
import type { ProviderName } from '../../lib/carbon/providers'
import { tableIntensity } from '../../lib/carbon/tables'
import { runCli } from '../support/child'
import { hour } from '../support/intensity'
import { type Reply, type Service, startService } from '../support/service'

const PLACES: Partial<Record<ProviderName, string>> = {
  neso: 'GB',
  'energi-data-service': 'DK-DK1',
  'energy-charts': 'DE',
  caiso: 'US-CAL-CISO',
  'electricity-maps': 'FR',
  watttime: 'US-CAL-CISO',
  'carbon-aware': 'SE',
}
/** For a machine that is busy. */
const SLACK_MS = 3000

const BAD: Record<string, Reply> = {
  'refuse the key': { status: 401 },
  'are not there': { status: 404 },
  'want to be left alone': { status: 429, headers: { 'retry-after': '3600' } },
  break: { status: 500 },
  'break until tomorrow': {
    status: 503,
    headers: { 'retry-after': new Date(Date.now() + 86_400_000).toUTCString() },
  },
  'never answer': { how: 'never' },
  'never end': { how: 'trickle' },
  'end too early': { how: 'torn', body: '{"data": [], "records": []}' },
  'have a login page': { body: '<!doctype html><title>Log in</title>' },
  'say nothing': { body: '' },
  'have nothing': { body: '{}' },
  'have an empty list': { body: '[]' },
  'speak of something else': { body: '{"data": 5, "records": "none", "co2eq": {}, "token": 1}' },
  'are nowhere to be found': { status: 302, headers: { location: '/round' } },
}

describe('bad days', () => {
  let service: Service
  beforeEach(async () => {
    service = await startService()
  })
  afterEach(() => service.close())

  const ask = (live: ProviderName, options: IntensityOptions = {}) =>
    intensity(PLACES[live], {
      live,
      urls: { [live]: service.url },
      electricityMapsKey: 'SECRET1',
      wattTimeUsername: 'me',
      wattTimePassword: 'SECRET2',
      cacheFolder: null,
      now: () => hour(12.25),
      ...options,
    })

  const timeoutSeconds = 1.5
  for (const [what, reply] of Object.entries(BAD)) {
    it(`on which services ${what}, have the table of the place, in time`, async () => {
      service.answer(reply)
      const begun = performance.now()
      const asked = Object.keys(PLACES).flatMap((name) => {
        const live = name as ProviderName
        const night = { from: hour(2), to: hour(9) }
        return [undefined, night].map(async (stretch) => {
          const { series, warnings } = await ask(live, { timeoutSeconds, ...stretch })
          const place = resolveLocation(PLACES[live])
          const { start, end } = series.points[0]!
          expect(series.points, live).to.deep.equal([tableIntensity(place, start, end).point])
          if (stretch) expect([start, end]).to.deep.equal([stretch.from, stretch.to])
          const { source, year } = series.points[0]!
          const [said] = warnings.filter((warning) => warning.startsWith(`${live} told nothing (`))
          expect(said, live).to.match(/\): the table of .*, \d{4}, stands in\.$/)
          expect(said).to.contain(source).and.to.contain(String(year))
          expect(warnings.join()).to.not.contain('SECRET')
        })
      })
      await Promise.all(asked)
      expect(performance.now() - begun).to.be.below(1000 * timeoutSeconds + SLACK_MS)
      expect(service.asked.length).to.be.at.least(Object.keys(PLACES).length)
    })
  }

  it('are told of where the last good value still holds, and have the table where it does not', async () => {
    const cacheFolder = mkdtempSync(join(tmpdir(), 'jouletap-bad-days-'))
    try {
      const hours = Array.from({ length: 8 }, (_, i) => hour(6 + i))
      const at = async (time: number, more: IntensityOptions = {}) => {
        const { series, warnings } = await ask('energy-charts', {
          cacheFolder,
          now: () => hour(time),
          ...more,
        })
        const [{ gramsPerKWh, status }] = series.points as [(typeof series.points)[0]]
        return { gramsPerKWh, status, warnings }
      }
      const body = JSON.stringify({
        unix_seconds: hours.map((time) => time.getTime() / 1000),
        co2eq: hours.map((_, i) => 100 + i),
      })
      service.answer({ body })
      const first = { gramsPerKWh: 106, status: 'measured', warnings: [] }
      expect(await at(12.25)).to.deep.equal(first)
      service.answer({ status: 500 })
      // It may be used again for half an hour, whatever the service does.
      expect(await at(12.5)).to.deep.equal(first)
      const failed = 'energy-charts failed: this is what it said at 2026-11-26T12:15:00.000Z.'
      expect(await at(12.9)).to.deep.equal({ ...first, warnings: [failed] })
      const range = await at(12.9, { from: hour(6), to: hour(9) })
      expect(range).to.deep.equal({ gramsPerKWh: 100, status: 'measured', warnings: [failed] })
      expect((await at(15)).status).to.equal('annual-average')
      // What it answers anew is not old.
      service.answer({ body })
      expect(await at(12.9)).to.deep.equal(first)
    } finally {
      rmSync(cacheFolder, { recursive: true })
    }
  })

  it('are those of any user’s server as well, though each question is of another time', async () => {
    const cacheFolder = mkdtempSync(join(tmpdir(), 'jouletap-bad-days-'))
    try {
      const at = (time: number) => ask('carbon-aware', { cacheFolder, now: () => hour(time) })
      const row = { location: 'SE', time: hour(12).toISOString(), duration: '01:00:00', rating: 42 }
      service.answer({ body: JSON.stringify([row]) })
      expect((await at(12.25)).warnings.join()).to.not.contain('failed')
      service.answer({ status: 500 })
      const { series, warnings } = await at(12.75)
      expect(series.points[0]).to.include({ gramsPerKWh: 42, stale: true })
      expect(warnings.join()).to.contain('carbon-aware failed: this is what it said at')
    } finally {
      rmSync(cacheFolder, { recursive: true })
    }
  })

  it('end a command well, with a warning on stderr alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-bad-days-'))
    try {
      writeFileSync(join(folder, 'jouletap.config.json'), '{"electricityMapsKey":"SECRET"}')
      service.answer({ status: 500, body: 'SECRET' })
      const args = ['intensity', 'SE', '--provider', 'carbon-aware', '--json']
      const { code, stdout, stderr } = await runCli(args, {
        env: {
          JOULETAP_CARBON_AWARE_URL: service.url,
          XDG_CACHE_HOME: folder,
          XDG_CONFIG_HOME: folder,
        },
        cwd: folder,
      })
      expect(code).to.equal(0)
      const { points, warnings } = JSON.parse(stdout)
      expect(points[0]).to.include({ status: 'annual-average', zone: 'SE' })
      expect(warnings.join()).to.contain('carbon-aware told nothing').and.to.contain('status 500')
      expect(stderr).to.contain('carbon-aware told nothing')
      expect(stdout + stderr).to.not.contain('SECRET')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
