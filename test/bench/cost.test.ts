/** The bench of cost: both sides do their work, and the figures are figures. None is a limit. */
import { expect } from 'chai'
import { type Cost, cost, costText, type Spread } from '../../lib/bench'
import { JouletapError } from '../../lib/errors'
import { places } from './cost'

const options = { intervalMs: 1, rows: 60, pairs: 3 }

function checkSpread({ median, min, max, count }: Spread): void {
  expect(count).to.equal(options.pairs)
  expect(min).to.be.above(0)
  expect(median).to.be.within(min, max)
  expect(Number.isFinite(max)).to.equal(true)
}

function checkCost(made: Cost, reads: number): void {
  expect(made.domains).to.have.members(['package-0', 'core-0', 'uncore-0', 'psys-0'])
  expect(made.reads).to.equal(reads)
  expect(made.taken.floor).to.equal(options.rows * options.pairs)
  expect(made.taken.meter).to.be.at.least(options.rows * options.pairs)
  for (const name of ['meterSeconds', 'floorSeconds', 'processSeconds', 'ratio'] as const) {
    checkSpread(made[name])
  }
  expect(made.realtime.meter).to.equal(made.realtime.floor)
}

describe('the cost of a row', () => {
  for (const { name, unavailable, measure } of places) {
    it(`is taken beside a bare loop on ${name}`, async function () {
      const reason = unavailable()
      if (reason) {
        this.test!.title += ` (${reason})`
        this.skip()
      }
      const made = await measure(options)
      checkCost(made, name === 'perf events' ? 1 : 4)
      const text = costText({ [name]: made })
      expect(text).to.include(`${made.ratio.median.toFixed(2)} (${made.ratio.min.toFixed(2)} … `)
      expect(text).to.include('3 pairs, meter and bare loop by turns, each of 60 rows every 1 ms')
    })
  }

  for (const [name, bad] of [
    ['intervalMs', { intervalMs: 0 }],
    ['rows', { rows: 1.5 }],
    ['pairs', { pairs: Number.NaN }],
  ] as const) {
    it(`refuses ${JSON.stringify(bad)} by name`, async () => {
      const error = await cost(bad).catch((reason: unknown) => reason)
      expect(error).to.be.instanceOf(JouletapError)
      expect(error).to.have.property('code', 'BAD_OPTION')
      expect((error as JouletapError).message).to.match(new RegExp(`^${name} must be `))
    })
  }
})
