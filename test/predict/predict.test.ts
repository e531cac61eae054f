/** What remains of a run: warm-up, level shifts, trends, phases, holes, grams, and words. */
import { expect } from 'chai'
import { type EpochUse, type PredictOptions, predict } from '../../lib/predict'
import { tQuantile } from '../../lib/predict/student'
import { toKWh } from '../../lib/units'

const WATTS = 100
const epoch = (seconds: number, watts = WATTS): EpochUse => ({ seconds, joules: seconds * watts })
const joulesOf = (epochs: readonly EpochUse[]) =>
  epochs.reduce((sum, { joules }) => sum + joules!, 0)

/** Epochs of about `seconds`, off by up to 1 % in a pattern that has no trend and no memory. */
const OFF = [0.4, -0.9, 1, -0.2, -0.7, 0.9, 0.1, -0.8, 0.7, -0.5]
const about = (seconds: number, count: number, from = 0): EpochUse[] =>
  Array.from({ length: count }, (_, index) =>
    epoch(seconds * (1 + OFF[(from + index) % OFF.length]! / 100)),
  )

describe('a prediction', () => {
  it('of a run with a warm-up of 2.7 times is right to 3 % after 3 epochs, and its interval holds', () => {
    const run = [epoch(27), ...about(10, 11)]
    const truth = joulesOf(run)
    const told = predict(run.slice(0, 3), { epochs: 12 })
    expect(told.joules.value / truth).to.be.within(0.97, 1.03)
    expect(truth).to.be.within(told.joules.low!, told.joules.high!)
    expect(told.rough).to.equal(false)
    expect(told.warmUp).to.deep.include({ joules: 2700, seconds: 27 })
    expect(told.warmUp!.ratio).to.be.closeTo(2.7, 0.03)
    expect(told.from).to.equal(1)
    expect(told.assumption).to.equal(
      '90 % interval if the remaining epochs behave like the last 2.',
    )
    // Beside it, the mean of the epochs: (2.7 + 2) ÷ 3 for the usual 1.
    const mean = predict(run.slice(0, 3), { epochs: 12, method: 'mean' })
    expect(mean.joules.value / truth).to.be.closeTo((12 * 4.7) / 3 / 13.7, 0.01)
    const first = predict(run.slice(0, 1), { epochs: 12, method: 'mean' })
    expect(first.joules.value / truth).to.be.closeTo((12 * 2.7) / 13.7, 0.01)
  })

  it('counts a warm-up once', () => {
    const told = predict([epoch(30), epoch(10), epoch(10), epoch(10)], { epochs: 10 })
    expect(told.seconds.value).to.be.closeTo(30 + 9 * 10, 1e-9)
    expect(told.notes).to.deep.equal([
      'Epoch 1 is set apart as a warm-up, 3.00 times a usual one: it is counted once.',
    ])
  })

  it('keeps an epoch 0 that is like the others', () => {
    const told = predict(about(10, 5), { epochs: 10 })
    expect(told).to.not.have.property('warmUp')
    expect(told.from).to.equal(0)
  })

  it('is rough after one epoch and after two, the second of which says whether the first is usual', () => {
    const [one, two] = [1, 2].map((seen) =>
      predict([epoch(27), epoch(10)].slice(0, seen), { epochs: 12 }),
    )
    expect(one!.joules).to.deep.equal({ value: 12 * 2700 })
    expect(two!.joules).to.deep.equal({ value: 2700 + 11 * 1000 })
    for (const told of [one!, two!]) {
      expect(told.rough).to.equal(true)
      expect(told.assumption).to.match(/^Rough figure, without an interval/)
    }
  })

  it('of constant epochs has the interval of a deviation of 1 %, and no more', () => {
    for (const [kept, ahead] of [
      [3, 7],
      [4, 40],
      [19, 1],
    ] as const) {
      const epochs = Array.from({ length: kept }, () => epoch(10))
      const { seconds, joules } = predict(epochs, { epochs: kept + ahead })
      const half = tQuantile(0.95, kept - 1) * 0.1 * Math.sqrt(ahead + ahead ** 2 / kept)
      expect(seconds.value).to.be.closeTo(10 * (kept + ahead), 1e-9)
      expect(seconds.high! - seconds.value).to.be.closeTo(half, 1e-9)
      expect(seconds.value - seconds.low!).to.be.closeTo(half, 1e-9)
      expect(joules.high! - joules.value).to.be.closeTo(half * WATTS, 1e-6)
    }
  })

  it('is wider the more often it shall hold', () => {
    const widths = [0.5, 0.8, 0.9, 0.99].map((confidence) => {
      const { low, high } = predict(about(10, 6), { epochs: 20, confidence }).joules
      return high! - low!
    })
    expect(widths).to.deep.equal([...widths].sort((a, b) => a - b))
  })

  it('is the same for the same epochs, and scales with them', () => {
    const once = predict(about(10, 8), { epochs: 20 })
    expect(predict(about(10, 8), { epochs: 20 })).to.deep.equal(once)
    const large = predict(about(10_000, 8), { epochs: 20 })
    expect(large.joules.low! / once.joules.low!).to.be.closeTo(1000, 1e-3)
    expect(large.joules.high! / once.joules.high!).to.be.closeTo(1000, 1e-3)
  })

  it('of epochs that differ in their last digits is that of constant ones', () => {
    const nearly = [1, 1 + 1e-13, 1 - 2e-13, 1 + 3e-13].map((one) => epoch(10 * one))
    const { low, high } = predict(nearly, { epochs: 9 }).seconds
    const half = tQuantile(0.95, 3) * 0.1 * Math.sqrt(5 + 25 / 4)
    expect(low).to.be.closeTo(90 - half, 1e-6)
    expect(high).to.be.closeTo(90 + half, 1e-6)
  })

  it('of a complete run is what it used', () => {
    const run = [epoch(27), ...about(10, 4)]
    const told = predict(run, { epochs: 5 })
    const truth = joulesOf(run)
    expect(told.joules.value).to.be.closeTo(truth, 1e-9)
    expect([told.joules.low, told.joules.high]).to.deep.equal([
      told.joules.value,
      told.joules.value,
    ])
    expect(told.assumption).to.equal('All epochs have been seen.')
    expect(told).to.not.have.property('next')
  })

  it('of a run that goes on longer than was told says so', () => {
    const told = predict(about(10, 5), { epochs: 3 })
    expect(told.epochs).to.equal(5)
    expect(told.notes).to.deep.equal(['5 epochs were seen, though 3 were told.'])
  })

  it('tells the very next epoch', () => {
    const run = about(10, 9)
    const { next } = predict(run.slice(0, 8), { epochs: 20 })
    expect(run[8]!.joules).to.be.within(next!.low!, next!.high!)
    expect(next!.value).to.be.closeTo(1000, 20)
  })
})

describe('a level shift', () => {
  const before = about(10, 10)
  const after = about(12.5, 20, 3)

  it('of 25 % is found by its second epoch, and the estimate is rough until the third', () => {
    const [two, three] = [2, 3].map((seen) =>
      predict([...before, ...after.slice(0, seen)], { epochs: 50 }),
    )
    expect(two).to.deep.include({ from: 10, rough: true })
    expect(two!.joules).to.not.have.property('low')
    expect(two!.notes[0]).to.match(/^The level shifted at epoch 10/)
    expect(three).to.deep.include({ from: 10, rough: false })
    const truth = joulesOf(before) + 40 * 1250
    expect(three!.joules.value / truth).to.be.closeTo(1, 0.02)
    expect(truth).to.be.within(three!.joules.low!, three!.joules.high!)
  })

  it('of the power alone is found, though the time says nothing', () => {
    const hot = after.map(() => epoch(10, 150))
    const told = predict([...before, ...hot.slice(0, 4)], { epochs: 50 })
    expect(told.from).to.equal(10)
  })

  it('is the last of several', () => {
    const run = [...before, ...after.slice(0, 8), ...about(8, 6)]
    expect(predict(run, { epochs: 50 }).from).to.equal(18)
  })

  it('is not one epoch that is unlike the others', () => {
    for (const seen of [1, 2, 3, 8]) {
      const told = predict([...before, epoch(20), ...about(10, seen - 1)], { epochs: 50 })
      expect(told.from, `${seen}`).to.equal(0)
    }
  })
})

describe('a trend', () => {
  /** 1 % more time each epoch. */
  const rising = (count: number) =>
    about(10, count).map(({ seconds }, index) => epoch(seconds * (1 + 0.01 * index)))

  it('is noted before 20 epochs, and left out', () => {
    const told = predict(rising(12), { epochs: 24 })
    expect(told.method).to.equal('interval')
    expect(told.notes[0]).to.match(/seem to have a trend, which is left out/)
  })

  it('goes on from 20 epochs on, which the words say', () => {
    const run = rising(32)
    const told = predict(run.slice(0, 24), { epochs: 32 })
    expect(told.method).to.equal('trend')
    expect(told.joules.value / joulesOf(run)).to.be.closeTo(1, 0.005)
    expect(joulesOf(run)).to.be.within(told.joules.low!, told.joules.high!)
    expect(told.assumption).to.match(/like the last 24, with the same trend\.$/)
  })

  it('of time is none of energy where the power goes the other way', () => {
    const even = about(10, 40).map(({ seconds }, index) => ({
      seconds: seconds * (1 + 0.01 * index),
      joules: 1000 * (1 + OFF[(index + 5) % 10]! / 100),
    }))
    const told = predict(even.slice(0, 25), { epochs: 40 })
    expect(told.method).to.equal('trend')
    expect(told.joules.value / joulesOf(even)).to.be.closeTo(1, 0.02)
    const time = even.reduce((sum, { seconds }) => sum + seconds, 0)
    expect(told.seconds.value / time).to.be.closeTo(1, 0.01)
  })

  it('that falls ends at nothing', () => {
    const falling = Array.from({ length: 25 }, (_, index) => epoch(100 * Math.exp(-index / 3)))
    const { joules } = predict(falling, { epochs: 1_000_000 })
    expect(joules.value).to.be.at.least(joulesOf(falling))
    expect(joules.low).to.be.at.least(joulesOf(falling))
  })

  it('goes on for no longer than it was seen', () => {
    const falling = about(10, 25).map(({ seconds }, index) => epoch(seconds * (1 - 0.015 * index)))
    const told = predict(falling, { epochs: 10_000 })
    const least = (told.seconds.value - falling.reduce((sum, one) => sum + one.seconds, 0)) / 9975
    // After 25 more epochs it would be at 10 × (1 − 0.015 × 49), and below 0 soon after.
    expect(least).to.be.closeTo(10 * (1 - 0.015 * 49), 0.3)
  })
})

describe('epochs of which something is not known', () => {
  const run = about(10, 8)

  it('do not spoil the estimate', () => {
    const holed = run.map((one, index) =>
      index === 3 ? { seconds: one.seconds, joules: null } : index === 5 ? epoch(Number.NaN) : one,
    )
    const told = predict(holed, { epochs: 20 })
    expect(told.joules.value).to.be.closeTo(20_000, 200)
    expect(told.seconds.value).to.be.closeTo(200, 2)
    expect(told.notes).to.deep.equal([
      'The energy of 2 epochs is not known: that of the others stands in.',
      'The time of 1 epoch is not known: that of the others stands in.',
    ])
  })

  it('are worth what their time says', () => {
    const [first, ...rest] = [epoch(40), ...run]
    const told = predict([{ seconds: first!.seconds, joules: null }, ...rest], { epochs: 9 })
    expect(told.joules.value).to.be.closeTo(4000 + joulesOf(rest), 60)
    expect(told.warmUp!.joules).to.equal(null)
    expect(told.joules.high).to.be.above(told.joules.value)
  })

  it('leave the time, where no energy is known at all', () => {
    const told = predict(
      run.map(({ seconds }) => ({ seconds, joules: null })),
      { epochs: 16, carbon: { gramsSoFar: 0, ahead: () => ({ gramsPerKWh: 100 }) } },
    )
    expect(told.joules.value).to.be.NaN
    expect(told).to.not.have.any.keys('grams', 'next')
    expect(told.seconds.value).to.be.closeTo(160, 2)
    expect(told.notes).to.include('No epoch has a known energy.')
  })

  it('leave the estimate to the other phases, where they are a whole phase', () => {
    const mixed = [
      { ...run[0]!, joules: null, phase: 'eval' },
      ...run.slice(1, 4).map((one) => ({ ...one, phase: 'train' })),
    ]
    expect(predict(mixed, { epochs: 10 }).joules.value).to.be.closeTo(10_000, 150)
  })

  it('do not hide what is known behind a shift after which nothing is', () => {
    const after = about(15, 4).map(({ seconds }) => ({ seconds, joules: null }))
    expect(predict([...run, ...after], { epochs: 20 }).joules.value).to.be.above(10_000)
  })

  it('may use nothing', () => {
    const idle = Array.from({ length: 4 }, () => ({ seconds: 10, joules: 0 }))
    expect(predict(idle, { epochs: 8 }).joules).to.deep.equal({ value: 0, low: 0, high: 0 })
  })
})

describe('phases', () => {
  const both = [0, 1, 2, 3, 4].flatMap((index) => [
    { ...about(10, 1, index)[0]!, phase: 'train' },
    { ...about(2, 1, index + 3)[0]!, phase: 'eval' },
  ])

  it('are predicted each from its own, as often as they came', () => {
    const told = predict(both, { epochs: 40 })
    expect(told.joules.value).to.be.closeTo(20 * 1000 + 20 * 200, 300)
    expect(told.joules.high! - told.joules.low!).to.be.below(0.1 * told.joules.value)
    expect(told).to.not.have.property('next')
  })

  it('are rough together until each was seen three times', () => {
    expect(predict(both.slice(0, 5), { epochs: 40 }).rough).to.equal(true)
    expect(predict(both.slice(0, 6), { epochs: 40 }).rough).to.equal(false)
  })
})

describe('the grams of a prediction', () => {
  const run = about(10, 6)
  const told = (carbon: PredictOptions['carbon'], pue = 1) =>
    predict(run, { epochs: 20, pue, ...(carbon && { carbon }) })

  it('are those so far, and PUE × the remaining energy × the intensity of the remaining time', () => {
    const asked: number[] = []
    const ahead = (seconds: number) => {
      asked.push(seconds)
      return { gramsPerKWh: 3 * seconds }
    }
    const { grams, joules, seconds } = told({ gramsSoFar: 7, ahead }, 1.5)
    const before = run.reduce((sum, one) => sum + one.seconds, 0)
    expect(asked[0]).to.be.closeTo(seconds.value - before, 1e-9)
    const remaining = toKWh(joules.value - joulesOf(run))
    expect(grams!.value).to.be.closeTo(7 + 1.5 * remaining * 3 * asked[0]!, 1e-9)
    // At the end of the interval more energy is used, for longer.
    const most = toKWh(joules.high! - joulesOf(run)) * 3 * (seconds.high! - before)
    expect(grams!.high).to.be.closeTo(7 + 1.5 * most, 1e-9)
  })

  it('know of both, how far the energy may be off and how far the intensity', () => {
    const certain = told({ gramsSoFar: 0, ahead: () => ({ gramsPerKWh: 300 }) })
    const both = told({ gramsSoFar: 0, ahead: () => ({ gramsPerKWh: 300, low: 200, high: 450 }) })
    const energy = certain.grams!.high! - certain.grams!.value
    const remaining = toKWh(both.joules.value - joulesOf(run))
    expect(both.grams!.high! - both.grams!.value).to.be.closeTo(
      Math.hypot(energy, remaining * 150),
      1e-9,
    )
    expect(certain.notes).to.deep.equal([
      'The interval of the grams does not know how far the intensity may be off.',
    ])
    expect(both.notes).to.deep.equal([])
  })

  it('of a complete run are those so far', () => {
    const carbon = { gramsSoFar: 7, ahead: () => ({ gramsPerKWh: 300 }) }
    expect(predict(run, { epochs: 6, carbon }).grams).to.deep.equal({ value: 7, low: 7, high: 7 })
  })

  it('are rough where the energy is', () => {
    const carbon = { gramsSoFar: 7, ahead: () => ({ gramsPerKWh: 300, low: 200, high: 400 }) }
    const { grams } = predict([epoch(36)], { epochs: 2, carbon })
    expect(grams).to.deep.equal({ value: 7 + 0.3 })
  })
})

describe('what is asked of a prediction', () => {
  const refused: [string, unknown, string][] = [
    ['no options', null, 'options must be an object, not null.'],
    ['no epochs', {}, 'epochs must be a whole number from 1, not undefined.'],
    ['half an epoch', { epochs: 1.5 }, 'epochs must be a whole number from 1, not 1.5.'],
    [
      'another method',
      { epochs: 9, method: 'median' },
      `method must be 'interval' or 'mean', not "median".`,
    ],
    [
      'percent',
      { epochs: 9, confidence: 90 },
      'confidence must be a number from 0.5 to 0.99, not 90.',
    ],
    ['a PUE below 1', { epochs: 9, pue: 0.9 }, 'pue must be a number from 1 to 10, not 0.9.'],
    [
      'grams below 0',
      { epochs: 9, carbon: { gramsSoFar: -1, ahead: () => ({ gramsPerKWh: 1 }) } },
      'carbon.gramsSoFar must be a number from 0, not -1.',
    ],
    [
      'no intensity',
      { epochs: 9, carbon: { gramsSoFar: 0, ahead: () => ({ gramsPerKWh: Number.NaN }) } },
      'gramsPerKWh of carbon.ahead must be a number from 0, not NaN.',
    ],
    [
      'a field that is none',
      { epochs: 9, epoch: 3 },
      'an option must be one of epochs, method, confidence, pue, carbon, not "epoch".',
    ],
  ]
  for (const [name, options, message] of refused) {
    it(`is not ${name}`, () => {
      expect(() => predict(about(10, 3), options as PredictOptions))
        .to.throw(message)
        .with.property('code', 'BAD_OPTION')
    })
  }

  const epochs: [string, unknown][] = [
    ['none', []],
    ['one that is no object', [3]],
    ['one that used less than nothing', [{ seconds: 1, joules: -1 }]],
    ['a time in words', [{ seconds: '1', joules: 1 }]],
  ]
  for (const [name, some] of epochs) {
    it(`is not of epochs that are ${name}`, () => {
      expect(() => predict(some as EpochUse[], { epochs: 9 }))
        .to.throw()
        .with.property('code', 'BAD_INPUT')
    })
  }
})
