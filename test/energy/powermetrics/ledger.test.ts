// Samples on the clock, and what they add up to.
import { expect } from 'chai'
import { createLedger } from '../../../lib/energy/powermetrics/ledger'
import { stamp } from '../../../lib/energy/powermetrics/stamp'
import { columnOf, emptyReading } from '../../../lib/energy/reading'
import { TALLY } from '../../../lib/native'

describe('the ledger of powermetrics', () => {
  /** Fields of the tally of CPU, GPU and ANE, as they are written at a time. */
  function tally(ledger: ReturnType<typeof createLedger>, timeMs: number) {
    const reading = emptyReading(4)
    reading[0] = timeMs
    ledger.write(reading, columnOf(1), 3000)
    const head = (of: Float64Array) => [...of.subarray(0, columnOf(1))]
    expect(head(reading).slice(1)).to.deep.equal(head(emptyReading(1)).slice(1))
    return [1, 2, 3].map((part) =>
      Object.fromEntries(TALLY.map((name, i) => [name, reading[columnOf(part) + i]])),
    )
  }
  const NONE = Object.fromEntries(TALLY.map((name, i) => [name, emptyReading(1)[columnOf(0) + i]!]))

  it('adds watts × time, and nothing for a part that is not told', () => {
    const ledger = createLedger()
    ledger.begin(1000)
    expect(tally(ledger, 1000)).to.deep.equal([NONE, NONE, NONE])
    ledger.take({ endMs: 1500, elapsedMs: 500, watts: [4, 2, undefined] })
    ledger.take({ endMs: 1750, elapsedMs: 250, watts: [8, undefined, undefined] })
    ledger.take({ endMs: 2000, elapsedMs: 250, watts: [4, 2, undefined] })
    expect(tally(ledger, 2000)).to.deep.equal([
      { ...NONE, joules: 4 * 0.5 + 8 * 0.25 + 4 * 0.25, coveredMs: 1000, fresh: 1 },
      { ...NONE, joules: 2 * 0.5 + 2 * 0.25, coveredMs: 750, failures: 1, fresh: 1 },
      { ...NONE, failures: 3 },
    ])
  })

  it('is not fresh after a loss until the next sample, nor long after the last', () => {
    const ledger = createLedger()
    ledger.begin(0)
    const fresh = (timeMs: number) => tally(ledger, timeMs).map((part) => part.fresh)
    ledger.take({ endMs: 500, elapsedMs: 500, watts: [4, 2, 1] })
    expect(fresh(3500)).to.deep.equal([1, 1, 1])
    expect(fresh(3501)).to.deep.equal([0, 0, 0])
    ledger.lose()
    expect(fresh(500)).to.deep.equal([0, 0, 0])
    ledger.take({ endMs: 4000, elapsedMs: 500, watts: [4, 2, 1] })
    expect(fresh(4000)).to.deep.equal([1, 1, 1])
    expect(tally(ledger, 4000).map(({ failures }) => failures)).to.deep.equal([1, 1, 1])
  })

  it('knows the joules between two samples, and no more after the last', () => {
    const ledger = createLedger()
    ledger.begin(0)
    ledger.take({ endMs: 500, elapsedMs: 500, watts: [4, 2, 1] })
    ledger.take({ endMs: 1000, elapsedMs: 500, watts: [8, 2, 1] })
    const cpu = [0, 250, 500, 750, 1000, 9000].map((timeMs) => ledger.points.joulesAt(timeMs, 0))
    expect(cpu).to.deep.equal([0, 1, 2, 4, 6, 6])
  })
})

describe('the times of samples', () => {
  const sample = (elapsedMs: number | undefined) => ({ elapsedMs, watts: [1, 1, 1] })
  const times = (elapsed: (number | undefined)[]) =>
    stamp(elapsed.map(sample), 1000, 2000).map(({ endMs, elapsedMs }) => [endMs, elapsedMs])

  it('end when they came, one before the other where they came together', () => {
    expect(times([200, 300])).to.deep.equal([
      [1700, 200],
      [2000, 300],
    ])
  })

  it('are no earlier than those before them', () => {
    expect(times([400, 1500])).to.deep.equal([
      [1000, 400],
      [2000, 1500],
    ])
  })

  it('share what is left where they do not say how long they took', () => {
    expect(times([undefined])).to.deep.equal([[2000, 1000]])
    expect(times([undefined, 400, undefined])).to.deep.equal([
      [1300, 300],
      [1700, 400],
      [2000, 300],
    ])
    expect(times([undefined, 1200])[0]![1]).to.equal(0)
  })
})
