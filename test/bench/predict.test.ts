/** Predictions in made worlds: at least as right as the recipe that is usual, and honest. */
import { expect } from 'chai'
import { type BenchPredictOptions, benchPredict, type PredictFigures } from '../../lib/bench'

const RUNS = 300

/** Errors and coverages of a mean of so many runs that are the true ones or better. */
const atMost = (error: number) => error * (1 + (3 * 0.756) / Math.sqrt(RUNS))
const atLeast = (percent: number) => percent - 3 * Math.sqrt((percent * (100 - percent)) / RUNS)

/**
 * Error and coverage in percent of the best that one recipe does in all of the worlds: Student's t
 * without epoch 0, inflated by one estimate of the autocorrelation, floor 1 %; 4000 runs of each.
 */
const RECIPE = {
  'independent 5': { error: 1.6, coverage: 94 },
  'warm-up 5': { error: 5.9, coverage: 97 },
  'warm-up 10': { error: 2.7, coverage: 97 },
  'autocorrelated 10': { error: 2.7, coverage: 77 },
  'drift 20': { error: 8.6, coverage: 2 },
  'shift 10': { error: 5.9, coverage: 60 },
} as const

describe('benchPredict', () => {
  let figures: Map<string, PredictFigures>
  before(function () {
    this.timeout(120_000)
    const { worlds } = benchPredict({ runs: RUNS, seed: 6 })
    figures = new Map(worlds.map((one) => [`${one.world} ${one.seen}`, one]))
  })
  const at = (key: string) => figures.get(key)!

  for (const [key, { error, coverage }] of Object.entries(RECIPE)) {
    it(`is as right as the recipe, and its intervals hold as often: ${key}`, () => {
      expect(at(key).errorPercent).to.be.below(atMost(error))
      expect(at(key).coveragePercent).to.be.above(atLeast(coverage))
    })
  }

  it('has intervals that hold as often as they say, where the past tells of the future', () => {
    for (const key of ['independent 3', 'independent 30', 'warm-up 3', 'warm-up 10', 'drift 30']) {
      expect(at(key).coveragePercent, key).to.be.above(atLeast(90))
    }
    // One ρ for many says too little; nine in ten would need more epochs than there are.
    for (const key of ['autocorrelated 3', 'autocorrelated 5', 'autocorrelated 10']) {
      expect(at(key).coveragePercent, key).to.be.within(atLeast(80), 92)
    }
    expect(at('autocorrelated 30').coveragePercent).to.be.above(atLeast(88))
    // A shift that is still to come is in no past: of 9 in 10 are left 1 − ½ × the share to come.
    expect(at('shift 10').coveragePercent).to.be.within(atLeast(90 * (1 - 39 / 98)), 85)
    expect(at('shift 30').coveragePercent).to.be.above(atLeast(90 * (1 - 19 / 98)))
  })

  it('has intervals of use: no wider than these', () => {
    expect(at('independent 30').widthPercent).to.be.below(8)
    expect(at('warm-up 10').widthPercent).to.be.below(14)
    // The recipe takes 20 % for its 77 of 100.
    expect(at('autocorrelated 10').widthPercent).to.be.below(12)
  })

  it('sees a warm-up of 2.5 times from the second epoch on, which the mean does not', () => {
    // The mean of n epochs is (2.5 + n − 1) ÷ n times the usual one.
    for (const seen of [1, 2, 3, 5, 10]) {
      const expected = (100 * 1.5) / seen
      expect(at(`warm-up ${seen}`).meanErrorPercent, `${seen}`).to.be.closeTo(expected, 2)
    }
    expect(at('warm-up 1').errorPercent).to.be.closeTo(150, 2)
    for (const seen of [2, 3, 5, 10]) expect(at(`warm-up ${seen}`).errorPercent).to.be.below(4.5)
  })

  it('is rough where it has to be, and hardly elsewhere', () => {
    expect(at('warm-up 1').coveragePercent).to.equal(null)
    expect(at('warm-up 2').roughPercent).to.equal(100)
    for (const seen of [3, 5, 10, 30]) {
      expect(at(`independent ${seen}`).roughPercent).to.be.below(4)
    }
  })

  it('gives the same for the same seed, and other figures for another', () => {
    const [one, same, other] = [1, 1, 2].map((seed) => benchPredict({ runs: 10, seed }))
    expect(same).to.deep.equal(one)
    expect(other!.worlds).to.not.deep.equal(one!.worlds)
  })

  const refused: [unknown, string][] = [
    [null, 'options must be an object, not null.'],
    [{ runs: 9 }, 'runs must be a whole number from 10 to 100000, not 9.'],
    [{ seed: 0.5 }, 'seed must be a whole number from 0 to 4294967295, not 0.5.'],
    [{ worlds: 1 }, 'an option must be runs or seed, not "worlds".'],
  ]
  for (const [options, message] of refused) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => benchPredict(options as BenchPredictOptions))
        .to.throw(message)
        .with.property('code', 'BAD_OPTION')
    })
  }
})
