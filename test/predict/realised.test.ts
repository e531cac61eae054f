/** How often past intervals held. */
import { expect } from 'chai'
import { coverageOf, predict, realised } from '../../lib/predict'

const epoch = (joules: number) => ({ seconds: 1, joules })

describe('the coverage of past intervals', () => {
  it('counts those that hold the truth, ends included, and none that is rough', () => {
    const estimates = [
      { value: 5 },
      { value: 5, low: 4, high: 6 },
      { value: 7, low: 6, high: 8 },
      { value: 8, low: 7, high: 9 },
    ]
    expect(coverageOf(estimates, 6)).to.deep.equal({ intervals: 3, held: 2 })
    expect(coverageOf(estimates, Number.NaN)).to.deep.equal({ intervals: 0, held: 0 })
  })

  const epochs = [100, 101, 99, 100, 102, 130].map(epoch)
  const predictions = epochs.map((_, index) =>
    predict(epochs.slice(0, index + 1), { epochs: epochs.length }),
  )

  it('is of the next epoch while the run goes on, and of the whole once it is complete', () => {
    const early = realised(predictions.slice(0, 5), epochs.slice(0, 5))
    // After the third and the fourth epoch there was an interval for one that has passed.
    expect(early.next).to.deep.equal({ intervals: 2, held: 2 })
    expect(early.whole).to.deep.equal({ intervals: 0, held: 0 })
    const late = realised(predictions, epochs)
    // Nothing told of the last epoch.
    expect(late.next).to.deep.equal({ intervals: 3, held: 2 })
    expect(late.whole.intervals).to.equal(3)
    const total = 632
    const held = predictions.filter(
      ({ joules: { low, high }, seen }) => seen < 6 && low! <= total && total <= high!,
    )
    expect(late.whole.held).to.equal(held.length)
  })

  it('does not judge by what is not known', () => {
    const holed = [...epochs.slice(0, 5), { seconds: 1, joules: null }]
    const { next, whole } = realised(predictions, holed)
    expect(next.intervals).to.equal(2)
    expect(whole.intervals).to.equal(0)
  })

  it('leaves a whole run out that had other epochs than were told', () => {
    const { whole } = realised(
      predictions.map((one) => ({ ...one, epochs: 7 })),
      epochs,
    )
    expect(whole.intervals).to.equal(0)
  })
})
