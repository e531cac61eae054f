/** The bench's arithmetic: what stands behind its medians, intervals and drawn numbers. */
import { expect } from 'chai'
import { generator, mean95, quantile, rootMeanSquare, spread } from '../../lib/bench/arithmetic'

describe("the bench's arithmetic", () => {
  it('takes quantiles between neighbours, and medians of any order', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).to.equal(2.5)
    expect(quantile([10, 20], 0.99)).to.be.closeTo(19.9, 1e-12)
    expect(quantile([7], 0.99)).to.equal(7)
    expect(quantile([], 0.5)).to.be.NaN
    expect(spread([3, 1, 2])).to.deep.equal({ median: 2, min: 1, max: 3, count: 3 })
  })

  it('gives a mean the interval of Student', () => {
    // t(0.975, 9) is 2.262, and the standard deviation of 1 … 10 is 3.0277.
    const { mean, low, high } = mean95([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(mean).to.equal(5.5)
    expect(high - mean).to.be.closeTo((2.262 * 3.0277) / Math.sqrt(10), 0.05)
    expect(mean - low).to.be.closeTo(high - mean, 1e-12)
  })

  it('claims nothing about one value', () => {
    expect(mean95([3])).to.deep.equal({
      mean: 3,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
    })
  })

  it('draws the same for the same seed, evenly', () => {
    const [one, same, other] = [generator(5), generator(5), generator(6)]
    const drawn = Array.from({ length: 20_000 }, () => one())
    expect(drawn.slice(0, 5)).to.deep.equal(Array.from({ length: 5 }, () => same()))
    expect(drawn[0]).to.not.equal(other())
    expect(Math.min(...drawn)).to.be.within(0, 0.01)
    expect(Math.max(...drawn)).to.be.within(0.99, 1)
    // A uniform number's root mean square about its middle is 1/√12; to 2 % for so many.
    expect(rootMeanSquare(drawn.map((value) => value - 0.5))).to.be.closeTo(
      Math.sqrt(1 / 12),
      0.006,
    )
  })
})
