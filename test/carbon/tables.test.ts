// Annual means against the tables' own files.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolveLocation } from '../../lib/carbon/location'
import { tableIntensity, tableProvider } from '../../lib/carbon/tables'
import { ROOT } from '../support/process'

const from = new Date('2026-11-26T12:00:00Z')
const to = new Date('2026-11-26T13:00:00Z')
const of = (place: string) => tableIntensity(resolveLocation(place), from, to)

/** The cells of the line of a file that begins so. */
function lineOf(file: string, start: string): string[] {
  const lines = readFileSync(join(ROOT, 'lib/data', file), 'utf8').split('\n')
  return lines.find((line) => line.startsWith(`${start},`))!.split(',')
}

describe('tables', () => {
  for (const code of ['DK', 'GB', 'US', 'DE', 'FR', 'SE', 'NO', 'IN', 'PL', 'ZA', 'NA']) {
    it(`give ${code} what the file has for it`, () => {
      const cells = lineOf('country-intensity.csv', code)
      const { point, warnings } = of(code)
      expect(point).to.deep.equal({
        start: from,
        end: to,
        gramsPerKWh: Number(cells.at(-1)),
        year: Number(cells.at(-2)),
        zone: code,
        kind: 'average',
        factors: 'lifecycle',
        boundary: 'production',
        status: 'annual-average',
        source: 'Our World in Data',
        licence: 'CC BY 4.0',
        attribution: 'Our World in Data, based on Ember and the Energy Institute',
      })
      expect(point.gramsPerKWh).to.be.within(15, 900)
      expect(warnings).to.deep.equal([])
    })
  }

  it('carry the check values of the publisher', () => {
    expect(of('DK').point).to.include({ gramsPerKWh: 143.30042, year: 2024 })
    expect(of('PL').point.gramsPerKWh).to.equal(614.98236)
    expect(of('Namibia').point).to.include({ gramsPerKWh: 59.25926, year: 2022 })
  })

  it('take the 0 of the Central African Republic for a hole, and say so', () => {
    expect(lineOf('country-intensity.csv', 'CF').at(-1)).to.equal('0.0')
    const { point, warnings } = of('CF')
    expect(point.gramsPerKWh).to.be.above(0)
    expect(warnings).to.have.length(1)
    expect(warnings[0])
      .to.contain('Central African Republic')
      .and.to.contain('counts as missing')
      .and.to.contain(`${point.gramsPerKWh} g/kWh, of ${point.year} and by ${point.source}`)
  })

  for (const [code, feeder] of Object.entries({
    JE: 'FR',
    LI: 'CH',
    MC: 'FR',
    SM: 'IT',
    VA: 'IT',
  })) {
    it(`give ${code} the figure of ${feeder}, whose grid feeds it, and say so`, () => {
      const { point, warnings } = of(code)
      expect(point).to.deep.equal(of(feeder).point)
      expect(warnings.join()).to.contain(resolveLocation(feeder).name)
    })
  }

  it('give islands that burn their own fuel no clean figure of a country far away', () => {
    for (const code of ['SJ', 'BL', 'CX', 'IO']) expect(of(code).point.zone, code).to.equal('WORLD')
  })

  it('know grid zones by their newest year', () => {
    const years = require('@tgwf/co2/data/electricity-maps') as Record<
      string,
      { data: Record<string, { carbonIntensity: { value: number } }> }
    >
    for (const zone of ['DK-DK1', 'US-CAL-CISO', 'SE-SE3', 'CA-ON']) {
      const { point } = of(zone)
      const year = years[`yearly${point.year}`]!
      expect(point.gramsPerKWh, zone).to.equal(year.data[zone]!.carbonIntensity.value)
      expect(years).not.to.have.property(`yearly${point.year! + 1}`)
      expect(point).to.include({ zone, boundary: 'consumption', licence: 'ODbL 1.0' })
      expect(point.attribution).to.contain('Electricity Maps')
    }
  })

  it('know states by what leaves the stack, and say how old that is', () => {
    const { point, warnings } = of('US-CA')
    expect(point.gramsPerKWh).to.equal(Number(lineOf('us-state-intensity.csv', 'US-CA').at(-1)))
    expect(point).to.include({ factors: 'direct', year: 2016 })
    expect(warnings.join()).to.contain('2016').and.to.contain('stack')
  })

  it('work a province out of its mix where no zone is known', () => {
    const cells = lineOf('canada-province-mix.csv', 'CA-ON').map(Number)
    // Coal, petroleum, gas, nuclear, hydro, wind, solar, biomass, tidal, other.
    const medians = [820, 650, 490, 12, 24, 11, 45, 230, 17, 700]
    const expected =
      medians.reduce((sum, grams, i) => sum + grams * cells[3 + i]!, 0) / cells.at(-1)!
    const ontario = { ...resolveLocation('CA'), subdivision: 'CA-ON' }
    expect(tableIntensity(ontario, from, to).point.gramsPerKWh).to.be.closeTo(expected, 1e-9)
  })

  it("know Google's regions by Google's figure, others by their grid or country", () => {
    expect(of('gcp:europe-north1').point).to.include({ year: 2023, zone: 'gcp:europe-north1' })
    expect(of('aws:eu-north-1').point.zone).to.equal('SE-SE3')
    expect(of('azure:northeurope').point.zone).to.equal('IE')
  })

  it('give the world to a place that is not known, and say so with the year', () => {
    for (const place of [{ latitude: 0, longitude: 0 }, undefined]) {
      const location = resolveLocation(place, { environment: {}, timeZone: 'UTC' })
      const { point, warnings } = tableIntensity(location, from, to)
      expect(point).to.include({ gramsPerKWh: 445, zone: 'WORLD', year: 2024 })
      expect(warnings.join()).to.contain("world's average of 2024")
    }
  })

  it('know every country that there is, or say that they do not', () => {
    for (const code of ['LI', 'MC', 'AX', 'XK', 'AQ']) {
      const { point, warnings } = of(code)
      expect(point.gramsPerKWh, code).to.be.above(0)
      expect(point.zone === code || warnings.length > 0, code).to.equal(true)
    }
  })

  it('are a provider that covers everything', async () => {
    const location = resolveLocation('FR')
    expect(tableProvider.covers(location)).to.equal(true)
    const [point, ...more] = await tableProvider.range(location, from, to)
    expect([point!.start, point!.end, more.length]).to.deep.equal([from, to, 0])
  })
})
