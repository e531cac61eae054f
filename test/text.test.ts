/** Numbers for people carry no digit that the uncertainty does not bear. */
import { expect } from 'chai'
import { durationText, joulesText, kWhText, table, wattsText } from '../lib/text'

describe('text of', () => {
  const JOULES: [joules: number, uncertainty: number, text: string][] = [
    [130.0234, 0.1123, '130.02 ± 0.11 J'],
    [130.0234, 0.4, '130.0 ± 0.4 J'],
    [130.0234, 0.354, '130.02 ± 0.35 J'],
    [130.0234, 0.355, '130.0 ± 0.4 J'],
    [130.0234, 0.96, '130.0 ± 1.0 J'],
    [130.0234, 1.2, '130.0 ± 1.2 J'],
    [130.0234, 5, '130 ± 5 J'],
    [130.0234, 60, '130 ± 60 J'],
    [134, 60, '130 ± 60 J'],
    [12, 15, '12 ± 15 J'],
    [0, 0.5, '0 ± 500 mJ'],
    [0, 0, '0 J'],
    [0.0123456, 0.000011, '12.346 ± 0.011 mJ'],
    [123456.7, 89, '123.46 ± 0.09 kJ'],
    [123456.7, 0, '123.5 kJ'],
    [9999.99, 100, '10000 ± 100 J'],
    [12_345_678, 120_000, '12.35 ± 0.12 MJ'],
    [5, Number.NaN, '5.000 J'],
  ]
  for (const [joules, uncertainty, text] of JOULES) {
    it(`${joules} J with ${uncertainty} J of uncertainty: ${text}`, () => {
      expect(joulesText(joules, uncertainty)).to.equal(text)
    })
  }

  it('watts, without the uncertainty but rounded by it', () => {
    expect(wattsText(64.9183, 0.056)).to.equal('64.92 W')
    expect(wattsText(64.9183, 12)).to.equal('65 W')
    expect(wattsText(0, 0)).to.equal('0 W')
    expect(wattsText(Number.NaN, Number.NaN)).to.equal('unknown W')
  })

  it('kilowatt-hours, from 0.01 kWh on', () => {
    expect(kWhText(35_999, 1)).to.equal(undefined)
    expect(kWhText(36_000, 360)).to.equal('0.01000 kWh')
    expect(kWhText(3_600_000, 400_000)).to.equal('1.00 kWh')
  })

  it('durations', () => {
    expect(durationText(0)).to.equal('0.000 s')
    expect(durationText(2.00349)).to.equal('2.003 s')
    expect(durationText(59.9996)).to.equal('1 min 0 s')
    expect(durationText(723.44)).to.equal('12 min 3.4 s')
    expect(durationText(3599.97)).to.equal('1 h 0 min')
    expect(durationText(7380)).to.equal('2 h 3 min')
  })

  it('tables, in columns without blanks at the end', () => {
    const rows = [
      ['a', 'long', ''],
      ['bbb', 'x', 'y'],
    ]
    expect(table(rows)).to.deep.equal(['  a    long', '  bbb  x     y'])
  })
})
