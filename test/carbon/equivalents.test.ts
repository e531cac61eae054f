// Grams as other things: in the right direction, and by the figures of the table.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { equivalents, socialCost } from '../../lib/carbon/equivalents'
import { JouletapError } from '../../lib/errors'
import { ROOT } from '../support/process'

const countOf = (grams: number, id: string) =>
  equivalents(grams).find((one) => one.id === id)!.count

describe('equivalents', () => {
  it('divides the grams by those of one', () => {
    expect(countOf(1068, 'car_km_2024')).to.be.closeTo(10, 1e-9)
    expect(countOf(1075, 'car_km_2020')).to.be.closeTo(10, 1e-9)
    expect(countOf(1204, 'car_km_2018')).to.be.closeTo(10, 1e-9)
    expect(countOf(8.22, 'phone_charge')).to.equal(1)
    expect(countOf(40, 'banana')).to.equal(0.5)
  })

  it('has every thing of the table, in its order, each with year and source', () => {
    const lines = readFileSync(join(ROOT, 'lib/data/equivalents.csv'), 'utf8').trim().split('\n')
    const ids = lines.filter((line) => !/^(#|id,)/.test(line)).map((line) => line.split(',')[0])
    expect(ids).to.have.length(24)
    const all = equivalents(1000)
    expect(all.map(({ id }) => id)).to.deep.equal(ids)
    for (const { id, year, source, gramsForOne } of all) {
      expect(year, id).to.be.within(2000, 2030)
      expect(source, id).to.match(/\w{4}/)
      expect(gramsForOne, id).to.be.above(0)
    }
  })

  it('says one of one, and some of many', () => {
    const nameOf = (grams: number) => equivalents(grams).find(({ id }) => id === 'banana')!.name
    expect([nameOf(80), nameOf(81), nameOf(40)]).to.deep.equal([
      'imported banana',
      'imported bananas',
      'imported bananas',
    ])
  })

  it('gives the same every time, and nothing for nothing', () => {
    expect(equivalents(123.4)).to.deep.equal(equivalents(123.4))
    expect(equivalents(0).every(({ count }) => count === 0)).to.equal(true)
  })

  for (const grams of [-1, Number.NaN, Number.POSITIVE_INFINITY, '3']) {
    it(`refuses ${grams} grams`, () => {
      expect(() => equivalents(grams as number))
        .to.throw(JouletapError, /^grams must be a number from 0/)
        .with.property('code', 'BAD_OPTION')
    })
  }
})

describe('socialCost', () => {
  it('is 190 dollars a tonne, and says whose figure that is', () => {
    const { dollars, dollarsPerTonne, source } = socialCost(2_000_000)
    expect({ dollars, dollarsPerTonne }).to.deep.equal({ dollars: 380, dollarsPerTonne: 190 })
    expect(source).to.contain('EPA 2023')
  })

  it('takes another price', () => {
    expect(socialCost(500, { dollarsPerTonne: 1000 })).to.deep.include({ dollars: 0.5 })
    expect(() => socialCost(1, { dollarsPerTonne: -1 })).to.throw(JouletapError, /dollarsPerTonne/)
  })
})
