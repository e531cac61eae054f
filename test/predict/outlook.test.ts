/** Level shifts and trends in noise: how soon they are found, and how often where there is none. */
import { expect } from 'chai'
import { generator } from '../../lib/bench/arithmetic'
import { predict, realised } from '../../lib/predict'
import { lastShift, trendShare } from '../../lib/predict/outlook'

const RUNS = 200
const EPOCHS = 50
const NOISE = 0.04

/** Series of normal values about 1, each leaning on the last by `correlation`. */
function series(seed: number, correlation = 0): number[][] {
  const random = generator(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Array.from({ length: RUNS }, () => {
    let last = normal()
    return Array.from({ length: EPOCHS }, (_, index) => {
      if (index > 0) last = correlation * last + Math.sqrt(1 - correlation ** 2) * normal()
      return 1 + NOISE * last
    })
  })
}

/** Share of the runs in which a shift was believed after any of the epochs. */
const alarms = (runs: readonly (readonly number[])[]): number =>
  runs.filter((run) => run.some((_, index) => lastShift(run.slice(0, index + 1)) > 0)).length /
  runs.length

describe('a level shift in noise', () => {
  it('is believed in fewer than 1 of 20 runs of 50 epochs that have none', () => {
    expect(alarms(series(1))).to.be.below(0.05)
  })

  it('is believed in fewer than 1 of 4 where each epoch leans on the last', () => {
    expect(alarms(series(2, 0.8))).to.be.below(0.25)
  })

  it('of 25 % is found within three epochs after 20, in 19 of 20 runs, at its place', () => {
    const runs = series(3).map((run) => run.map((value, at) => (at < 20 ? value : 1.25 * value)))
    const found = runs.filter((run) => Math.abs(lastShift(run.slice(0, 23)) - 20) <= 1)
    expect(found.length / RUNS).to.be.above(0.95)
    const exact = runs.filter((run) => lastShift(run) === 20)
    expect(exact.length / RUNS).to.be.above(0.95)
  })
})

describe('a trend in noise', () => {
  it('is more likely than a level in fewer than 1 of 20 runs that have none', () => {
    const believed = series(4).filter((run) => trendShare(run.slice(0, 30)) > 0.5)
    expect(believed.length / RUNS).to.be.below(0.05)
  })

  it('of 0.4 % an epoch is more likely than a level after 30, in 9 of 10 runs', () => {
    const runs = series(5).map((run) => run.map((value, at) => value * (1 + 0.004 * at)))
    const believed = runs.filter((run) => trendShare(run.slice(0, 30)) > 0.5)
    expect(believed.length / RUNS).to.be.above(0.9)
  })
})

describe('more epochs', () => {
  it('make the interval narrower, on average over runs of independent noise', () => {
    const runs = series(6).map((run) => run.map((value) => ({ seconds: value, joules: value })))
    const widths = [3, 5, 8, 12, 16, 30, 45].map((seen) => {
      const some = runs.map((run) => predict(run.slice(0, seen), { epochs: EPOCHS }).joules)
      const told = some.filter(({ low }) => low !== undefined)
      return told.reduce((sum, { low, high }) => sum + high! - low!, 0) / told.length
    })
    expect(widths).to.deep.equal([...widths].sort((a, b) => b - a))
  })
})

describe('intervals of the next epoch', () => {
  for (const correlation of [0, 0.8]) {
    it(`hold 9 of 10 times where each epoch leans on the last by ${correlation}`, () => {
      const [times, powers] = [7, 8].map((seed) => series(seed, correlation).slice(0, 25))
      const counts = times!.map((run, index) => {
        const epochs = run.map((seconds, at) => ({
          seconds,
          joules: seconds * powers![index]![at]!,
        }))
        const asked = epochs.map((_, at) => predict(epochs.slice(0, at + 1), { epochs: EPOCHS }))
        return realised(asked, epochs).next
      })
      const intervals = counts.reduce((sum, one) => sum + one.intervals, 0)
      const held = counts.reduce((sum, one) => sum + one.held, 0)
      // After 3 to 49 epochs, but for a few just after what looked like a shift.
      expect(intervals).to.be.within(25 * 44, 25 * 47)
      const limit = 3 * Math.sqrt((0.9 * 0.1) / intervals)
      expect(held / intervals).to.be.within(0.9 - limit, 0.9 + limit)
    })
  }
})
