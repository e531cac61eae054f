// Series of the user's: what is read, and what is refused with file and line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolveLocation } from '../../lib/carbon/location'
import { custom } from '../../lib/carbon/providers/custom'
import { file } from '../../lib/carbon/providers/file'
import { fixed } from '../../lib/carbon/providers/fixed'
import type { IntensityPoint } from '../../lib/carbon/types'
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

  it('takes kilograms where a column says so, and blanks for holes', async () => {
    const grams = async (text: string) => (await all(text)).map(({ gramsPerKWh }) => gramsPerKWh)
    const rows = '2026-11-26T00:00Z,0.5\n2026-11-26T01:00Z, \n2026-11-26T02:00Z,0'
    expect(await grams(`start,kg_per_kwh\n${rows}`)).to.deep.equal([500, 0])
    expect(await grams(`start,g_per_kwh\n${rows}`)).to.deep.equal([0.5, 0])
    const json = [{ time: times[0], kgPerKWh: 0.25 }]
    expect(await grams(JSON.stringify(json))).to.deep.equal([250])
  })

  it('believes what its columns say of basis and status, before anything else', async () => {
    const rows = times.map((time) => `${time},5,marginal,direct,,estimated`).join('\n')
    const text = `start,g_per_kwh,kind,factors,boundary,status\n${rows}`
    writeFileSync(join(folder, 'series'), text)
    const basis = { kind: 'average', factors: 'unknown', boundary: 'production' } as const
    const provider = file(join(folder, 'series'), basis, now)
    const points = await provider.range(location, hour(0), hour(3))
    expect(points).to.have.length(3)
    for (const point of points) {
      expect(point).to.include({
        kind: 'marginal',
        factors: 'direct',
        boundary: 'production',
        status: 'estimated',
      })
    }
  })

  it('gives what overlaps, and forecasts what is to come', async () => {
    const provider = written(texts.CSV!)
    expect(await provider.range(location, hour(0.5), hour(0.6))).to.have.length(1)
    const ahead = await provider.forecast!(location, 2)
    expect(ahead.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([120])
  })

  for (const [text, message] of [
    ['start,g_per_kwh\n2026-11-26T00:00,1', /series, line 2: 2026-11-26T00:00 is no time/],
    ['start,g_per_kwh\n2026-11-26T00:00Z,many', /series, line 2: many is no intensity/],
    [
      '# mine\nstart,g_per_kwh\n\n2026-11-26T00:00Z,143300',
      /series, line 4: 143300 is no intensity from 0 to 3000/,
    ],
    ['start,grams\n2026-11-26T00:00Z,1', /line 2: none of the fields gramsPerKWh, g_per_kwh/],
    ['start,g_per_kwh\n2026-11-26T00:00Z', /^[^:]*series, line 2: 1 cells, not 2\.$/],
    ['[{]', /series: .*JSON/],
    ['{"a":1}', /series: there is no list in it/],
    ['', /series: there is no row in it/],
    ['start,g_per_kwh\n', /series: there is no row in it/],
    ['[{"time":"2026-11-26T00:00Z","g_per_kwh":1},5]', /series, row 2: it is no object/],
    ['[null]', /series, row 1: it is no object/],
    [
      'time,zone,g_per_kwh\n2026-11-26T00:00Z,DK1,1\n2026-11-26T00:00Z,DK2,9',
      /series, line 3: line 2 tells of 2026-11-26T00:00:00\.000Z as well/,
    ],
    [
      'start,end,g_per_kwh\n2026-11-26T01:00Z,,1\n2026-11-26T00:00Z,2026-11-26T02:00Z,1',
      /series, line 2: line 3 tells of 2026-11-26T01:00/,
    ],
    ['start,end,g_per_kwh\n2026-11-26T01:00Z,2026-11-26T00:00Z,1', /line 2: it ends before/],
    ['start,kg_per_kwh\n2026-11-26T00:00Z,143', /line 2: 143000 is no intensity/],
    ['start,kg_per_kwh\n2026-11-26T00:00Z,few', /line 2: few is no intensity/],
    [
      'start,g_per_kwh,kind\n2026-11-26T00:00Z,1,mean',
      /kind must be average or marginal, not mean/,
    ],
    [
      'start,g_per_kwh,kind\n2026-11-26T00:00Z,1,marginal\n2026-11-26T01:00Z,1,',
      /line 3: kind is average, and marginal in the first row/,
    ],
    ['start,g_per_kwh,status\n2026-11-26T00:00Z,1,sure', /line 2: status must be measured/],
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
  it('holds for the hours to come as well', async () => {
    const [point] = await fixed(33, undefined, () => hour(1)).forecast!(location, 5)
    expect(point).to.include({ gramsPerKWh: 33, status: 'estimated', source: 'fixed' })
    expect([point!.start, point!.end]).to.deep.equal([hour(1), hour(6)])
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
  const good = pointOf(0, 1, 5)
  const range = async () => [good]
  const fall = [
    { p: 0.1, gramsPerKWh: 9 },
    { p: 0.9, gramsPerKWh: 3 },
  ]

  it('puts what it gives in order, and checks it', async () => {
    const provider = custom({ range: async () => [pointOf(1, 2, 5), pointOf(0, 1, 4)] })
    expect(provider.covers(location)).to.equal(true)
    const points = await provider.range(location, hour(0), hour(2))
    expect(points.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([4, 5])
  })

  const wrong: [string, unknown, RegExp][] = [
    ['no list', 5, /it is no list of points/],
    ['no point', [null], /point 1 is no object/],
    ['times as texts', [{ ...good, start: '2026-11-26T00:00Z' }], /point 1 has no Date as start/],
    ['no end', [good, { ...good, end: undefined }], /point 2 has no Date as end/],
    ['times that are none', [{ ...good, end: new Date('x') }], /has no Date as end/],
    ['an issue that is no time', [{ ...good, issuedAt: 5 }], /has no Date as issuedAt/],
    ['too much', [pointOf(0, 1, 9000)], /gramsPerKWh that is no number from 0 to 3000/],
    ['texts for numbers', [{ ...good, gramsPerKWh: '120' }], /gramsPerKWh that is no number/],
    ['no basis', [{ ...good, kind: undefined }], /has no kind that is known/],
    ['another status', [{ ...good, status: 'guessed' }], /has no status that is known/],
    ['no zone', [{ ...good, zone: undefined }], /zone that is no text/],
    ['quantiles that fall', [{ ...good, quantiles: fall }], /quantiles that are no list/],
    ['an end before its start', [pointOf(2, 1, 5)], /ends before it starts/],
    ['what overlaps', [pointOf(0, 2, 5), pointOf(1, 3, 5)], /overlap/],
    ['two bases', [good, pointOf(1, 2, 5, { kind: 'marginal' })], /must not be mixed/],
    ['nothing', [], /^mine has no value for this time\.$/],
  ]
  for (const [what, points, message] of wrong) {
    it(`refuses ${what}, by its name`, async () => {
      const given = async () => points as IntensityPoint[]
      const provider = custom({ id: 'mine', range: given, forecast: given })
      for (const told of [
        provider.range(location, hour(0), hour(1)),
        provider.forecast!(location, 1),
      ]) {
        const error = await told.catch((cause) => cause)
        expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'INTENSITY_UNAVAILABLE' })
        expect(error.message)
          .to.match(message)
          .and.match(/^mine (gave what cannot be used: |has)/)
      }
    })
  }

  it('rejects where the object throws', async () => {
    const range = () => {
      throw new Error('broken')
    }
    const error = await custom({ range })
      .range(location, hour(0), hour(1))
      .catch((cause) => cause)
    expect(error.message).to.equal('broken')
  })

  for (const own of [null, 5, {}, { id: 5, range }, { id: '', range }, { key: 'SECRET' }]) {
    it(`refuses ${JSON.stringify(own)}, and does not show it`, () => {
      expect(() => custom(own as { range: typeof range }))
        .to.throw(JouletapError, /must be a name, or an object with a method range/)
        .with.property('message')
        .that.does.not.contain('SECRET')
    })
  }
})
