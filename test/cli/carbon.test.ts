// The footprint of a run, as it is told at its end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { recompute } from '../../lib/carbon'
import type { RunRecord } from '../../lib/record'
import { runCli } from '../support/child'
import { startService } from '../support/service'

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
