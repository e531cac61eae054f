/** `jouletap regions`: what it lists, what it takes for near, and what it refuses. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolveLocation, tableIntensity } from '../../lib/carbon'
import { runCli } from '../support/child'

interface Region {
  provider: string
  region: string
  country: string
  kilometres?: number
  intensity: { gramsPerKWh: number; year: number; zone: string; source: string }
}

interface Found {
  schema: string
  location: { country?: string; foundBy: string; latitude?: number }
  regions: Region[]
  cleanestNear?: Region
}

describe('jouletap regions', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-cli-regions-'))
  })
  after(() => rmSync(folder, { recursive: true }))
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    runCli(['regions', ...args], {
      env: {
        TZ: 'UTC',
        XDG_CONFIG_HOME: folder,
        JOULETAP_ZONE: undefined,
        JOULETAP_COUNTRY: undefined,
        AWS_REGION: undefined,
        AWS_DEFAULT_REGION: undefined,
        ...env,
      },
    })
  const found = async (args: readonly string[], env?: Record<string, string>) =>
    JSON.parse((await run([...args, '--json'], env)).stdout) as Found

  it('lists the regions of a cloud, the cleanest first', async () => {
    const { code, stdout, stderr } = await run(['gcp'])
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const rows = [...stdout.matchAll(/^gcp:(\S+) +(\d+) +g\/kWh, (\d{4})/gm)]
    expect(rows).to.have.length(40)
    const grams = rows.map(([, , value]) => Number(value))
    expect(grams).to.deep.equal([...grams].sort((a, b) => a - b))
    expect(stdout).to.contain('Google, region-carbon-info')
  })

  it('tells of each region what the tables do, with country, source and year', async () => {
    const { schema, regions } = await found([])
    expect(schema).to.equal('jouletap.regions/1')
    expect(new Set(regions.map(({ provider }) => provider)).size).to.equal(3)
    const now = new Date()
    for (const { provider, region, country, intensity } of regions) {
      const name = `${provider}:${region}`
      const { start: _, end: __, ...point } = tableIntensity(resolveLocation(name), now, now).point
      expect(intensity, name).to.deep.equal(point)
      expect(country, name).to.match(/^[A-Z]{2}$/)
    }
  })

  it('names the cleanest of the nearest', async () => {
    const { regions, cleanestNear } = await found(['aws', '--near', '55.7,12.6'])
    const nearest = regions.sort((a, b) => a.kilometres! - b.kilometres!).slice(0, 5)
    const least = Math.min(...nearest.map(({ intensity }) => intensity.gramsPerKWh))
    expect(
      nearest.find(({ region }) => region === cleanestNear!.region)!.intensity.gramsPerKWh,
    ).to.equal(least)
    // Copenhagen to Stockholm is 520 km.
    expect(regions.find(({ region }) => region === 'eu-north-1')!.kilometres).to.be.within(505, 535)
  })

  it('takes the region of this machine for the place, and names it', async () => {
    const env = { AWS_REGION: 'eu-west-1', AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE' }
    const { stdout } = await run(['aws'], env)
    expect(stdout).to.match(/^The cleanest of the 5 nearest to aws:eu-west-1 \(Ireland\): aws:/m)
  })

  it('takes the configured place', async () => {
    mkdirSync(join(folder, 'jouletap'))
    writeFileSync(join(folder, 'jouletap', 'config.json'), '{"zone":"55.7,12.6"}')
    try {
      const { location, cleanestNear } = await found([])
      expect(location).to.include({ foundBy: 'configuration', latitude: 55.7 })
      expect(cleanestNear).to.be.an('object')
    } finally {
      rmSync(join(folder, 'jouletap'), { recursive: true })
    }
  })

  it('says that distances are not known where no degrees are', async () => {
    const env = { JOULETAP_COUNTRY: 'DK' }
    const { location, cleanestNear, regions } = await found([], env)
    expect(location).to.include({ country: 'DK', foundBy: 'environment' })
    expect(cleanestNear).to.equal(undefined)
    expect(regions.filter(({ kilometres }) => kilometres !== undefined)).to.deep.equal([])
    expect((await run([], env)).stdout).to.contain('How far they are from Denmark is not known')
    expect((await run([])).stdout).to.contain('How far they are from here is not known')
  })

  for (const [args, message] of [
    [['ibm'], /the provider must be one of aws, azure, gcp/],
    [['aws', 'gcp'], /takes only one provider and options/],
    [['--near', 'DK'], /--near must be degrees/],
    [['--near', '99,0'], /latitude/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(args)
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr).to.match(message)
    })
  }
})
