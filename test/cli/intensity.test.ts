/** `jouletap intensity`: what it prints, and what it refuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { runCli } from '../support/child'
import { hour } from '../support/intensity'

describe('jouletap intensity', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-cli-intensity-'))
  })
  after(() => rmSync(folder, { recursive: true }))
  const env = () => ({
    TZ: 'UTC',
    XDG_CONFIG_HOME: folder,
    LANG: 'C.UTF-8',
    JOULETAP_COUNTRY: undefined,
  })
  const run = (...args: string[]) => runCli(['intensity', ...args], { env: env(), cwd: folder })

  /** A day of hours that rise from 100 to 123 g/kWh, but for one. */
  const file = () => {
    const path = join(folder, 'day.csv')
    const rows = Array.from(
      { length: 24 },
      (_, h) => `${hour(h).toISOString()},${h === 7 ? 50 : 100 + h}`,
    )
    writeFileSync(path, `# mine\ntime,g_per_kwh\n${rows.join('\n')}\n`)
    return path
  }

  it('tells the annual mean of a country, its basis and its source', async () => {
    const { code, stdout, stderr } = await run('FR')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.match(/^44\.2 g\/kWh in France, annual average of \d{4}$/m)
    expect(stdout).to.match(/life-cycle average of production; Our World in Data.*CC BY 4\.0$/m)
  })

  it('says aloud where it knows no place', async () => {
    const { code, stdout, stderr } = await run()
    expect(code).to.equal(0)
    expect(stdout).to.match(/^445 g\/kWh in the world, annual average of 2024$/m)
    expect(stderr).to.contain('The time zone UTC tells no country')
    expect(stderr).to.contain("world's average of 2024")
  })

  it('finds the place by the time zone, and says so', async () => {
    const { stdout } = await runCli(['intensity'], {
      env: { ...env(), TZ: 'Europe/Paris' },
      cwd: folder,
    })
    expect(stdout).to.contain('in France').and.to.contain('place by the time zone: Europe/Paris')
  })

  it('draws a stretch of time, and marks the lowest', async () => {
    const day = ['--from', '2026-11-26', '--to', '2026-11-27']
    const { code, stdout } = await run('DK', '--file', file(), ...day)
    expect(code).to.equal(0)
    const lines = stdout.split('\n').filter((line) => /^ {2}2[67] Nov/.test(line))
    expect(lines).to.have.length(24)
    expect(lines[7]).to.match(/07:00 +50\.0 .*lowest$/)
    const blocks = (line: string) => line.split('█').length - 1
    expect(blocks(lines[23]!)).to.equal(40)
    expect(blocks(lines[7]!)).to.equal(Math.round((50 / 123) * 40))
  })

  it('draws with what a plain terminal has', async () => {
    const { stdout } = await runCli(
      ['intensity', 'DK', '--file', file(), '--from', '2026-11-26', '--to', '2026-11-27'],
      { env: { ...env(), LANG: 'C', LC_ALL: undefined }, cwd: folder },
    )
    expect(stdout).to.contain('####').and.to.not.contain('█')
  })

  it('prints no figure that is another', async () => {
    for (const [grams, told] of [
      ['0', '0'],
      ['0.5', '0.500'],
      ['33', '33.0'],
      ['999.6', '1000'],
      ['1234', '1230'],
      ['3000', '3000'],
    ] as const) {
      const { stdout } = await run('DK', '--grams', grams)
      expect(stdout).to.match(new RegExp(`^${told.replace('.', '\\.')} g/kWh in Denmark`), grams)
    }
  })

  it('names the zone of its times, and a year that is not this one', async () => {
    const path = join(folder, 'old.csv')
    writeFileSync(path, 'time,g_per_kwh\n2020-06-01T10:00Z,100\n2020-06-01T11:00Z,110\n')
    const { stdout } = await runCli(
      ['intensity', 'DK', '--file', path, '--at', '2020-06-01T10:30Z'],
      {
        env: { ...env(), TZ: 'Europe/Paris' },
        cwd: folder,
      },
    )
    expect(stdout).to.contain('01 Jun 2020 12:00 – 01 Jun 2020 13:00, times of Europe/Paris')
  })

  it('forecasts from the past that a file has', async () => {
    const path = join(folder, 'past.csv')
    const start = Math.floor(Date.now() / 3_600_000) - 10 * 24
    const rows = Array.from({ length: 10 * 24 }, (_, i) => {
      const time = new Date((start + i) * 3_600_000)
      return `${time.toISOString()},${200 + 10 * time.getUTCHours()}`
    })
    writeFileSync(path, `time,g_per_kwh\n${rows.join('\n')}\n`)
    const { stdout } = await run('DK', '--file', path, '--forecast', '24', '--json')
    const { points } = JSON.parse(stdout) as {
      points: { start: string; gramsPerKWh: number; source: string }[]
    }
    expect(points.length).to.be.within(24, 25)
    for (const { start, gramsPerKWh, source } of points) {
      expect(gramsPerKWh).to.be.closeTo(200 + 10 * new Date(start).getUTCHours(), 1e-9)
      expect(source).to.contain('profile of')
    }
  })

  it('answers machines with one object', async () => {
    const at = hour(9.5).toISOString()
    const { stdout } = await run('DK', '--file', file(), '--at', at, '--json')
    const { schema, location, basis, points, warnings } = JSON.parse(stdout)
    expect(schema).to.equal('jouletap.intensity/1')
    expect(location).to.include({ country: 'DK', foundBy: 'option' })
    expect(basis).to.deep.equal({ kind: 'average', factors: 'unknown', boundary: 'unknown' })
    expect(points).to.have.length(1)
    expect(points[0]).to.include({ start: hour(9).toISOString(), gramsPerKWh: 109 })
    expect(warnings).to.be.an('array')
  })

  it('reads the configuration, and what overrides it', async () => {
    const config = join(folder, 'jouletap.config.json')
    try {
      writeFileSync(config, '{"country":"PL"}')
      expect((await run()).stdout)
        .to.contain('in Poland')
        .and.to.contain('configuration: country')
      expect((await run('SE')).stdout).to.contain('in Sweden')
      for (const [text, message] of [
        [
          '{"country":"PL","contry":"x"}',
          /jouletap\.config\.json: a key must be one of .*"contry"/,
        ],
        ['{"pue":0.5}', /jouletap\.config\.json: pue must be a number from 1 to 10, not 0\.5/],
        ['{"electricityMapsKey":"SECRET",}', /jouletap\.config\.json must hold one JSON object/],
        ['{"electricityMapsKey":["SECRET"]}', /electricityMapsKey must be a text/],
        ['{"provider":"oracle"}', /must be auto, or one of neso/],
        ['{"country":"Narnia"}', /^jouletap: country must be a country/],
      ] as const) {
        writeFileSync(config, text)
        const { code, stderr } = await run()
        expect(code, text).to.equal(2)
        expect(stderr).to.match(message).and.to.not.contain('SECRET')
        expect(stderr.trim().split('\n')).to.have.length(1)
      }
    } finally {
      rmSync(config)
    }
  })

  for (const [args, message] of [
    [['Denmrak'], /near it: Denmark/],
    [['DK', 'SE'], /takes only one place and options, not "SE"/],
    [['DK', '--at', 'noon'], /--at must be a time like/],
    [['DK', '--forecast', '0'], /--forecast must be a number of hours from 1 to 336/],
    [['DK', '--provider', 'oracle'], /--provider must be auto, or one of/],
    [['DK', '--at', '2026-11-26', '--forecast', '3'], /one of at, from with to/],
    [['DK', '--file', 'nowhere.csv', '--provider', 'neso'], /neso does not know of Denmark/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(...args)
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr).to.match(message)
    })
  }

  it('refuses a file that is of no use, and names its line', async () => {
    const path = join(folder, 'bad.csv')
    writeFileSync(path, 'time,g_per_kwh\n2026-11-26T00:00:00Z,100\n2026-11-26T01:00:00,110\n')
    const { code, stdout, stderr } = await run('DK', '--file', path)
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.contain('bad.csv, line 3: 2026-11-26T01:00:00 is no time')
  })
})
