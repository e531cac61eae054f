// The footprint of a run: the intensity that is followed while it goes on, and what is told at the end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { recompute } from '../../lib/carbon'
import type { Energy } from '../../lib/energy'
import type { RunRecord } from '../../lib/record'
import { watchCarbon } from '../../lib/tracker'
import { runCli } from '../support/child'
import { pointOf } from '../support/intensity'
import { startService } from '../support/service'

const KWH = 3_600_000

function energyOf(joules: number, seconds: number): Energy {
  const domain = {
    id: 'package-0',
    kind: 'package',
    source: 'made',
    additive: true,
    method: 'energy-counter',
    quality: 'measured',
    joules,
    uncertaintyJoules: 0,
    flags: [],
  } as const
  return {
    joules,
    uncertaintyJoules: joules / 100,
    seconds,
    watts: joules / seconds,
    quality: 'measured',
    coverage: 1,
    domains: [{ ...domain, flags: [] }],
    warnings: [],
  }
}

describe('watchCarbon', () => {
  const startedAt = new Date(Date.now() - 3_600_000)
  const none = { energy: () => energyOf(0, 1) }

  it('tells the footprint by a table, with the place', async () => {
    const watch = watchCarbon(none, startedAt, { live: false, place: 'DK', pue: 1.5 })
    const { carbon, warnings } = await watch.end(energyOf(KWH, 3600))
    expect(carbon!.grams).to.be.closeTo(1.5 * carbon!.intensity.gramsPerKWh, 1e-9)
    expect(carbon!.uncertaintyGrams).to.be.closeTo(carbon!.grams / 100, 1e-9)
    expect(carbon!.location).to.include({ country: 'DK', name: 'Denmark' })
    expect(carbon!.domains[0]!.grams).to.be.closeTo(carbon!.grams, 1e-9)
    expect(warnings.join()).to.contain('DK-DK1')
  })

  it('takes each joule at the intensity of its time where a service tells it', async () => {
    const at = (seconds: number) => new Date(startedAt.getTime() + 1000 * seconds)
    const stretch = { start: at(0), end: at(1800) }
    const points = [
      pointOf(0, 1, 100, stretch),
      pointOf(0, 1, 300, { start: at(1800), end: at(3600) }),
    ]
    const provider = { id: 'made', covers: () => true, range: async () => points }
    const watch = watchCarbon(none, startedAt, { live: provider, place: 'DK', pue: 1 })
    const { carbon } = await watch.end(energyOf(KWH, 3600))
    expect(carbon!.grams).to.be.closeTo(200, 1e-6)
    expect(carbon!.parts.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([100, 300])
  })

  it('looks at the energy now and then, and uses what was said where the service fails at the end', async () => {
    const begun = new Date()
    const since = () => (Date.now() - begun.getTime()) / 1000
    let used = 0
    const meter = {
      energy() {
        used += 1000
        return energyOf(used, since())
      },
    }
    let fails = false
    let asked = 0
    const provider = {
      id: 'made',
      covers: () => true,
      range: async (_: unknown, from: Date, to: Date) => {
        asked++
        if (fails) throw new Error('on strike')
        return [pointOf(0, 1, 250, { start: from, end: new Date(to.getTime() + 60_000) })]
      },
    }
    const watch = watchCarbon(meter, begun, { live: provider, place: 'DK', pue: 1 }, 20)
    while (asked < 3) await delay(5)
    fails = true
    const { carbon, warnings } = await watch.end(energyOf(10_000, since()))
    expect(carbon!.grams).to.be.closeTo((250 * 10_000) / KWH, 1e-9)
    expect(carbon!.parts.length).to.be.at.least(3)
    expect(carbon!.intensity).to.include({ source: 'made', status: 'measured' })
    expect(warnings.join()).to.contain('what it said during the run was used')
  })

  it('remembers what the service has forgotten at the end', async () => {
    const startedAt = new Date()
    const middle = new Date(startedAt.getTime() + 3_600_000)
    const end = new Date(startedAt.getTime() + 7_200_000)
    let isEnd = false
    let asked = 0
    const range = async (_: unknown, from: Date) => {
      asked++
      return isEnd
        ? [pointOf(0, 1, 300, { start: middle, end })]
        : [pointOf(0, 1, 100, { start: from, end: middle })]
    }
    const live = { id: 'made', covers: () => true, range }
    const watch = watchCarbon(none, startedAt, { live, place: 'DK', pue: 1 }, 5)
    while (asked < 1) await delay(1)
    isEnd = true
    const { carbon } = await watch.end(energyOf(KWH, 7200))
    expect(carbon!.coverage).to.equal(1)
    const byRate = (rate: number) =>
      carbon!.parts
        .filter(({ gramsPerKWh }) => gramsPerKWh === rate)
        .reduce((joules, part) => joules + part.joules, 0)
    expect(byRate(100)).to.be.closeTo(KWH / 2, KWH / 100)
    expect(byRate(300)).to.be.closeTo(KWH / 2, KWH / 100)
  })

  it('leaves no joule out, however soon after the last look the end comes', async () => {
    const begun = new Date()
    let looks = 0
    const meter = {
      energy() {
        looks++
        return energyOf(1000 * looks, 3600)
      },
    }
    const [start, end] = [-1, 1].map((hours) => new Date(begun.getTime() + hours * 3_600_000))
    const point = pointOf(0, 1, 100, { start: start!, end: end! })
    const live = { id: 'made', covers: () => true, range: async () => [point] }
    const watch = watchCarbon(meter, begun, { live, place: 'DK', pue: 1 }, 5)
    while (looks < 2) await delay(1)
    // By the meter it ended before it was last looked at.
    const { carbon } = await watch.end(energyOf(50_000, 1e-6))
    expect(carbon!.grams).to.be.closeTo((100 * 50_000) / KWH, 1e-9)
  })

  it('never fails, whatever the place', async () => {
    const watch = watchCarbon(none, startedAt, { live: false, place: 'Narnia', pue: 1 })
    const { carbon, warnings } = await watch.end(energyOf(1, 1))
    expect(carbon).to.equal(null)
    expect(warnings.join()).to.match(/^No footprint: the place must be a country/)
  })
})

describe('jouletap run', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-carbon-'))
  })
  after(() => rmSync(folder, { recursive: true }))
  const run = async (options: readonly string[], env: Record<string, string> = {}) => {
    const args = ['run', '--sources', 'estimate', '--json', '-', '--quiet', ...options]
    const child = await runCli([...args, '--', 'sleep', '0.2'], {
      env: {
        XDG_CONFIG_HOME: folder,
        XDG_CACHE_HOME: folder,
        TZ: 'UTC',
        JOULETAP_COUNTRY: undefined,
        ...env,
      },
      cwd: folder,
    })
    const record = child.stdout === '' ? undefined : (JSON.parse(child.stdout) as RunRecord)
    return { ...child, record }
  }

  it('can be told again from its record, with the same factors and with others', async () => {
    const { record } = await run(['--zone', 'PL', '--pue', '1.58'])
    const { carbon, pue } = record!
    const again = recompute({ ...carbon!, pue })
    expect(again.grams).to.equal(carbon!.grams)
    expect(again.uncertaintyGrams).to.equal(carbon!.uncertaintyGrams)
    const other = recompute({ ...carbon!, pue }, { pue: 1 })
    expect(other.grams).to.be.closeTo(carbon!.grams / 1.58, 1e-12)
  })

  it('takes place and PUE from the configuration, and says the world where there is none', async () => {
    const { record } = await run([])
    expect(record!.carbon!.intensity).to.include({ zone: 'WORLD', year: 2024 })
    expect(record!.warnings.join()).to.contain("world's average of 2024")
    writeFileSync(join(folder, 'jouletap.config.json'), '{"country":"SE","pue":1.2}')
    try {
      const configured = await run([])
      expect(configured.record!.pue).to.equal(1.2)
      expect(configured.record!.carbon!.location).to.deep.include({
        country: 'SE',
        foundBy: 'configuration',
      })
      expect((await run(['--pue', '1.1'])).record!.pue).to.equal(1.1)
      writeFileSync(join(folder, 'jouletap.config.json'), '{"pue":12}')
      const { code, stderr, record } = await run([])
      expect({ code, record }).to.deep.equal({ code: 2, record: undefined })
      expect(stderr).to.contain('pue must be a number from 1 to 10, not 12')
    } finally {
      rmSync(join(folder, 'jouletap.config.json'))
    }
  })

  it('asks the service that it is told to, keeps what it said, and no key', async () => {
    const service = await startService()
    try {
      const now = Date.now()
      service.answer({
        body: JSON.stringify(
          [-1, 0, 1].map((hours) => ({
            location: 'DK',
            time: new Date(now + hours * 3_600_000 - 600_000).toISOString(),
            rating: 321,
          })),
        ),
      })
      const { record, stdout, stderr } = await run(['--zone', 'DK', '--provider', 'carbon-aware'], {
        JOULETAP_CARBON_AWARE_URL: service.url,
        JOULETAP_ELECTRICITYMAPS_KEY: 'SECRET',
      })
      const { intensity, parts, coverage } = record!.carbon!
      expect(intensity).to.include({
        gramsPerKWh: 321,
        source: 'carbon-aware',
        status: 'estimated',
      })
      expect(parts[0]).to.include.keys('fetchedAt', 'start', 'end', 'source')
      expect(coverage).to.equal(1)
      expect(stdout + stderr).to.not.contain('SECRET')
    } finally {
      await service.close()
    }
  })

  it('is not held up by a service that does not answer, and keeps the exit code', async () => {
    const service = await startService()
    try {
      service.answer({ how: 'never' })
      const args = ['run', '--provider', 'carbon-aware', '--zone', 'DK', '--', 'sh', '-c', 'exit 3']
      const begun = performance.now()
      const { code, stderr } = await runCli(args, {
        env: { JOULETAP_CARBON_AWARE_URL: service.url, JOULETAP_TIMEOUT_SECONDS: '0.3' },
      })
      expect(performance.now() - begun).to.be.below(6000)
      expect(code).to.equal(3)
      expect(stderr)
        .to.match(/CO2e at 143 g\/kWh/)
        .and.to.contain('carbon-aware told nothing')
    } finally {
      await service.close()
    }
  })

  it("takes the user's own figure", async () => {
    const { record } = await run(['--zone', 'DK', '--grams', '50'])
    expect(record!.carbon!.intensity).to.include({ gramsPerKWh: 50, source: 'fixed', zone: 'DK' })
  })

  for (const [options, message] of [
    [['--zone', 'Narnia'], /the place must be a country/],
    [['--zone', 'DK', '--provider', 'neso'], /neso does not know of Denmark/],
    [['--provider', 'electricity-maps'], /needs a key: set JOULETAP_ELECTRICITYMAPS_KEY/],
    [['--provider', 'fixed'], /fixed needs a figure/],
    [['--grams', '-5'], /--grams must be g\/kWh from 0 to 3000/],
  ] as const) {
    it(`refuses ${options.join(' ')} before anything runs`, async () => {
      const { code, stderr, record } = await run(options)
      expect({ code, record }).to.deep.equal({ code: 2, record: undefined })
      expect(stderr).to.match(message)
    })
  }
})
