/** `method: 'mean'`: carbontracker's own formulas, to the digit. */
import { expect } from 'chai'
import { carbontrackerIntensity, predict } from '../../lib/predict'
import { JOULES_PER_KWH } from '../../lib/units'

describe("carbontracker's prediction", () => {
  // Its own test: 10 epochs, of which five took 10 … 50 kWh and 1 … 5 s.
  const kWh = [10, 20, 30, 40, 50]
  const epochs = kWh.map((energy, index) => ({
    seconds: index + 1,
    joules: energy * JOULES_PER_KWH,
  }))

  it('is epochs × mean of those seen, without an interval', () => {
    const { joules, seconds, method, rough } = predict(epochs, { epochs: 10, method: 'mean' })
    expect(joules).to.deep.equal({ value: 300 * JOULES_PER_KWH })
    expect(seconds).to.deep.equal({ value: 30 })
    expect({ method, rough }).to.deep.equal({ method: 'mean', rough: true })
  })

  it('counts epoch 0 as it comes, and what was not measured not at all', () => {
    const seen = [
      { seconds: 27, joules: 270 },
      { seconds: 10, joules: null },
      { seconds: 10, joules: 100 },
    ]
    const { joules, seconds } = predict(seen, { epochs: 12, method: 'mean' })
    expect(joules.value).to.equal(12 * 185)
    expect(seconds.value).to.be.closeTo(12 * (47 / 3), 1e-9)
  })

  it('has grams of the whole energy, with PUE, at the intensity of the predicted time', () => {
    const asked: number[] = []
    const ahead = (seconds: number) => {
      asked.push(seconds)
      return { gramsPerKWh: carbontrackerIntensity([100], 200, seconds) }
    }
    const carbon = { gramsSoFar: 1, ahead }
    const { grams } = predict(epochs, { epochs: 10, method: 'mean', pue: 1.58, carbon })
    expect(asked).to.deep.equal([30])
    expect(grams!.value).to.be.closeTo(300 * 1.58 * 150, 1e-6)
  })
})

describe('the intensity that carbontracker predicts with', () => {
  const vectors: [number, number][] = [
    [10, 150],
    [899.9, 150],
    [900, 500 / 3],
    [2700, 180],
  ]
  for (const [seconds, expected] of vectors) {
    it(`is ${expected.toFixed(1)} of 100 before and 200 ahead of ${seconds} s`, () => {
      expect(carbontrackerIntensity([100], 200, seconds)).to.be.closeTo(expected, 1e-12)
    })
  }
})
