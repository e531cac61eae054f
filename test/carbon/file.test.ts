// Series of the user's: what is read, and what is refused with file and row.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolveLocation } from '../../lib/carbon/location'
import { custom } from '../../lib/carbon/providers/custom'
import { file } from '../../lib/carbon/providers/file'
import { fixed } from '../../lib/carbon/providers/fixed'
import { JouletapError } from '../../lib/errors'
import { hour, pointOf } from '../support/intensity'

const location = resolveLocation('FR')

describe('file', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-file-'))
  })
  after(() => rmSync(folder, { recursive: true }))
  const now = () => hour(1.5)
  const written = (text: string) => {
    const path = join(folder, 'series')
    writeFileSync(path, text)
    return file(path, undefined, now)
  }
  const all = (text: string) => written(text).range(location, hour(-24), hour(48))

  const times = [hour(0), hour(1), hour(2)].map((time) => time.toISOString())
  const rows = times.map((time, i) => ({ time, value: [100, null, 120][i] }))
  const texts: Record<string, string> = {
    CSV: `# of mine\nstart,g_per_kwh\n${rows.map(({ time, value }) => `${time},${value ?? ''}`).join('\n')}\n`,
    'CSV of a spreadsheet': `\uFEFFtimestamp,carbon_intensity\r\n${rows.map(({ time, value }) => `${time},${value ?? ''}`).join('\r\n')}`,
    'a list': JSON.stringify(
      rows.map(({ time, value }) => ({ datetime: time, carbonIntensity: value })),
    ),
    points: JSON.stringify({
      points: rows.map(({ time, value }) => ({ time, gramsPerKWh: value })),
    }),
  }
  for (const [what, text] of Object.entries(texts)) {
    it(`reads ${what}`, async () => {
      const points = await all(text)
      expect(
        points.map(({ start, end, gramsPerKWh, status }) => [start, end, gramsPerKWh, status]),
      ).to.deep.equal([
        [hour(0), hour(1), 100, 'measured'],
        [hour(2), hour(3), 120, 'forecast'],
      ])
      expect(points[0]).to.include({ zone: 'FR', kind: 'average', factors: 'unknown' })
    })
  }

  it('takes ends where they are, and offsets', async () => {
    const [point] = await all('start,end,g_per_kwh\n2026-11-26T01:00+01:00,2026-11-26T00:20Z,7')
    expect([point!.start, point!.end]).to.deep.equal([hour(0), hour(1 / 3)])
  })

  it('gives what overlaps, and forecasts what is to come', async () => {
    const provider = written(texts.CSV!)
    expect(await provider.range(location, hour(0.5), hour(0.6))).to.have.length(1)
    const ahead = await provider.forecast!(location, 2)
    expect(ahead.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([120])
  })

  for (const [text, message] of [
    ['start,g_per_kwh\n2026-11-26T00:00,1', /series: row 1: 2026-11-26T00:00 is no time/],
    ['start,g_per_kwh\n2026-11-26T00:00Z,many', /series: row 1: many is no intensity/],
    ['start,g_per_kwh\n2026-11-26T00:00Z,143300', /row 1: 143300 is no intensity from 0 to 3000/],
    ['start,grams\n2026-11-26T00:00Z,1', /row 1: none of the fields gramsPerKWh, g_per_kwh/],
    ['start,g_per_kwh\n2026-11-26T00:00Z', /series, line 2: 1 cells, not 2/],
    ['[{]', /series: .*JSON/],
    ['{"a":1}', /series: there is no list in it/],
  ] as const) {
    it(`refuses ${JSON.stringify(text)}`, async () => {
      const error = await all(text).then(
        () => undefined,
        (cause) => cause,
      )
      expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'BAD_INPUT' })
      expect(error.message).to.match(message)
    })
  }

  it('says that there is no such file', async () => {
    const error = await file(join(folder, 'none'))
      .range(location, hour(0), hour(1))
      .then(
        () => undefined,
        (cause) => cause,
      )
    expect(error.message).to.match(/none: ENOENT\.$/)
  })
})

describe('fixed', () => {
  it('holds for any time and place', async () => {
    const [point] = await fixed(0).range(location, hour(-1e4), hour(1e4))
    expect(point).to.include({ gramsPerKWh: 0, zone: 'FR', status: 'estimated' })
  })
  for (const grams of [-1, 3001, Number.NaN, '5']) {
    it(`refuses ${grams}`, () => {
      expect(() => fixed(grams as number)).to.throw(
        JouletapError,
        /an intensity must be g\/kWh from 0/,
      )
    })
  }
})

describe('custom', () => {
  it('puts what it gives in order, and checks it', async () => {
    const provider = custom({ range: async () => [pointOf(1, 2, 5), pointOf(0, 1, 4)] })
    expect(provider.covers(location)).to.equal(true)
    const points = await provider.range(location, hour(0), hour(2))
    expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([4, 5])
    const wrong = custom({ id: 'mine', range: async () => [pointOf(0, 1, 9000)] })
    const error = await wrong.range(location, hour(0), hour(1)).then(
      () => undefined,
      (cause) => cause,
    )
    expect(error).to.include({ code: 'INTENSITY_UNAVAILABLE' })
    expect(error.message).to.match(/^mine gave what cannot be used: .*0 to 3000/)
  })
})
