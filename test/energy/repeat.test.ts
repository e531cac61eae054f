// One call out of many: the arithmetic on batches that are made up, the loop on a meter that is, and both on the simulated host.
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type Energy,
  JouletapError,
  type MeasureOptions,
  measure,
  type PerCall,
  type Repeat,
} from '../../lib'
import { type Pair, perCallOf, student } from '../../lib/energy/per-call'
import { repeatWork } from '../../lib/energy/repeat'
import { type Host, hostUnavailable, startHost } from '../host/host'
import { makeTree } from '../support/tree'

const exact = { joules: 100, uncertaintyJoules: 0, quality: 'measured' } as const

/** A pair of batches by what a call of each used. */
function pairOf(work: number, empty: number, sigma = 0, calls = 1000): Pair {
  const batch = (joules: number, uncertaintyJoules: number, seconds: number) => ({
    calls,
    energy: { joules: joules * calls, uncertaintyJoules, seconds, coverage: 1 },
  })
  return { work: batch(work, sigma, 0.05), empty: batch(empty, 0, 0.01) }
}

const pairsOf = (...differences: number[]) => differences.map((joules) => pairOf(joules + 1, 1))

/** The same normal deviates in every run: Marsaglia's polar method on a linear congruence. */
function deviates(seed: number): () => number {
  let state = seed
  const uniform = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 31 - 1
  }
  return () => {
    for (;;) {
      const [x, y] = [uniform(), uniform()]
      const square = x * x + y * y
      if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square)
    }
  }
}

describe('perCallOf', () => {
  it('subtracts the empty calls, each batch by its own number', () => {
    const pair = pairOf(3, 0, 0, 1000)
    pair.empty = {
      calls: 50,
      energy: { joules: 25, uncertaintyJoules: 0, seconds: 0.0005, coverage: 1 },
    }
    const { joules, low, high, seconds, calls, batches, confidence, reason } = perCallOf(
      [pair, pair, pair],
      exact,
    )
    expect({ joules, low, high }).to.deep.equal({ joules: 2.5, low: 2.5, high: 2.5 })
    expect(seconds).to.be.closeTo(0.05 / 1000 - 0.0005 / 50, 1e-12)
    expect({ calls, batches, confidence, reason }).to.deep.equal({
      calls: 3000,
      batches: 3,
      confidence: 0.95,
      reason: undefined,
    })
  })

  it("is as wide as Student's t makes the scatter", () => {
    // Standard deviation 1, its mean's 1/√5, t for four degrees of freedom 2.776.
    const side = Math.sqrt(2)
    const { joules, low, high } = perCallOf(pairsOf(10, 10 + side, 10 - side, 10, 10), exact)
    expect(joules).to.be.closeTo(10, 1e-9)
    expect(high - 10).to.be.closeTo(2.776 / Math.sqrt(5), 0.001)
    expect(10 - low).to.be.closeTo(high - 10, 1e-9)
  })

  it('is no narrower than the batches were measured, however little they scatter', () => {
    const pairs = Array.from({ length: 4 }, () => pairOf(3, 1, 200))
    const { joules, high } = perCallOf(pairs, exact)
    expect(high - joules!).to.be.closeTo((1.96 * 200) / 1000 / Math.sqrt(4), 1e-4)
  })

  it('does not average out what is common to all batches', () => {
    const pairs = Array.from({ length: 1000 }, () => pairOf(3, 1))
    const { joules, high } = perCallOf(pairs, { ...exact, uncertaintyJoules: 5 })
    expect(high - joules!).to.be.closeTo(1.96 * 0.05 * 2, 1e-4)
  })

  const noise = [
    { what: 'scatter', scatter: 1, stated: 0, least: 0.94, most: 0.96 },
    { what: 'scatter that is the measuring', scatter: 1, stated: 1, least: 0.95, most: 0.99 },
  ]
  for (const { what, scatter, stated, least, most } of noise) {
    for (const count of [3, 10]) {
      it(`holds the true value in 95 % of ${count} pairs with ${what}`, () => {
        const next = deviates(count)
        const trials = 5000
        let held = 0
        for (let trial = 0; trial < trials; trial++) {
          const pairs = Array.from({ length: count }, () =>
            pairOf(20 + scatter * next(), 1, stated * 1000),
          )
          const { low, high } = perCallOf(pairs, exact)
          if (low <= 19 && 19 <= high) held++
        }
        expect(held / trials).to.be.within(least, most)
      })
    }
  }

  it('gives no joules where they may be none, and says at most how many', () => {
    const { joules, low, high, reason } = perCallOf(pairsOf(1, -1, 2, -1, 0.5), exact)
    expect({ joules, low }).to.deep.equal({ joules: null, low: 0 })
    expect(high).to.be.within(1, 3)
    expect(reason).to.match(/^A call cannot be told from an empty one: it uses at most 1\.9 J;/)
  })

  it('gives no joules that the interval is wider than', () => {
    const { joules, low, high, reason } = perCallOf(pairsOf(2, 1, 3, 2, 1, 3, 5, 0.5), exact)
    expect(joules).to.equal(null)
    expect(low).to.be.above(0)
    expect(high - low).to.be.above((high + low) / 2)
    expect(reason).to.contain('wider than the value')
  })

  it('never goes below zero, and keeps its width where the empty calls seem to use more', () => {
    const { joules, low, high } = perCallOf(pairsOf(-5, -5.1, -4.9), exact)
    expect({ joules, low }).to.deep.equal({ joules: null, low: 0 })
    expect(high).to.be.closeTo((4.3 * 0.1) / Math.sqrt(3), 0.01)
  })

  it('gives no joules of an estimate, nor of counters that were not read all the time', () => {
    const estimated = perCallOf(pairsOf(2, 2, 2), { ...exact, quality: 'estimated' })
    expect(estimated.joules).to.equal(null)
    expect(estimated.reason).to.contain('estimate')
    const pairs = pairsOf(2, 2, 2)
    pairs[1]!.empty.energy.coverage = 0.9
    const { joules, reason, low } = perCallOf(pairs, exact)
    expect({ joules, low }).to.deep.equal({ joules: null, low: 2 })
    expect(reason).to.contain('90.0 %')
  })

  it("knows Student's t", () => {
    for (const [freedom, value] of [
      [2, 4.303],
      [3, 3.182],
      [9, 2.262],
      [30, 2.042],
      [1e6, 1.96],
    ] as const) {
      expect(student(freedom), `${freedom}`).to.be.closeTo(value, 0.008 * value)
    }
  })
})

describe('repeatWork', function () {
  this.timeout(20_000)

  /** A meter that counts the calls of `work` in every span. */
  function counting() {
    let calls = 0
    const spans: number[] = []
    const work = () => ++calls
    const span = () => {
      const [before, start] = [calls, performance.now()]
      const end = () => {
        spans.push(calls - before)
        const seconds = (performance.now() - start) / 1000
        return { joules: 0, uncertaintyJoules: 0, seconds, coverage: 1 } as Energy
      }
      return { end }
    }
    return { meter: { span }, work, spans, count: () => calls }
  }

  it('calls as often as it is told, the first eleventh to warm up', async () => {
    const { meter, work, spans, count } = counting()
    const { value, pairs } = await repeatWork(work, { calls: 115 }, meter)
    expect([value, count()]).to.deep.equal([115, 115])
    const sizes = pairs.map((pair) => pair.work.calls)
    expect(sizes).to.deep.equal([10, 11, 10, 11, 10, 11, 10, 11, 10, 11])
    expect(spans.filter((size) => size > 0)).to.deep.equal(sizes)
  })

  it('lets the first of few calls warm up', async () => {
    const { meter, work, count } = counting()
    const { pairs } = await repeatWork(work, { calls: 4 }, meter)
    expect(count()).to.equal(4)
    expect(pairs.map((pair) => pair.work.calls)).to.deep.equal([1, 1, 1])
  })

  it('has work and empty calls take turns as ABBA, so that drift drops out', async () => {
    const { meter, work, spans } = counting()
    await repeatWork(work, { calls: 1100 }, meter)
    const turns = spans.map((size) => (size > 0 ? 'A' : 'B')).join('')
    expect(turns).to.equal('ABBA'.repeat(5))
  })

  it('fills its seconds with batches', async () => {
    const { meter, work, count } = counting()
    const { pairs } = await repeatWork(work, { seconds: 0.5 }, meter)
    expect(pairs).to.have.length(10)
    const measured = pairs.map((pair) => pair.work.energy.seconds + pair.empty.energy.seconds)
    expect(measured.reduce((total, one) => total + one)).to.be.above(0.2)
    const calls = pairs.reduce((total, pair) => total + pair.work.calls, 0)
    expect(calls).to.be.within(1000, count() - 1)
  })

  it('calls what takes long five times, two of them to warm up', async () => {
    let calls = 0
    const work = () => pause(60, ++calls)
    const { meter } = counting()
    const { value, pairs } = await repeatWork(work, { seconds: 0.1 }, meter)
    expect([value, calls]).to.deep.equal([5, 5])
    expect(pairs.map((pair) => pair.work.calls)).to.deep.equal([1, 1, 1])
  })

  it('does not take the first call for what later ones are like', async () => {
    let calls = 0
    const work = () => (++calls === 1 ? pause(300) : undefined)
    const { meter } = counting()
    const { pairs } = await repeatWork(work, { seconds: 0.1 }, meter)
    expect(pairs).to.have.length(10)
    for (const pair of pairs) expect(pair.work.calls).to.be.above(100)
  })

  it('awaits one call before the next', async () => {
    let running = 0
    let most = 0
    const { meter } = counting()
    const work = async () => {
      most = Math.max(most, ++running)
      await null
      running--
    }
    await repeatWork(work, { calls: 1100 }, meter)
    expect([running, most]).to.deep.equal([0, 1])
  })
})

describe('measure with repeat', function () {
  this.timeout(30_000)

  const wrong: [string, unknown][] = [
    ['repeat', 3],
    ['repeat', null],
    ['repeat', { times: 3 }],
    ['repeat', { seconds: 1, calls: 10 }],
    ['repeat.seconds', { seconds: 0.01 }],
    ['repeat.seconds', { seconds: '2' }],
    ['repeat.calls', { calls: 3 }],
    ['repeat.calls', { calls: 10.5 }],
  ]
  for (const [field, repeat] of wrong) {
    it(`refuses repeat: ${JSON.stringify(repeat)}`, async () => {
      const error = await measure(() => 1, { repeat } as MeasureOptions).catch((cause) => cause)
      expect(error).to.be.instanceOf(JouletapError)
      expect(error).to.include({ code: 'BAD_OPTION' })
      expect(error.message).to.match(new RegExp(`^${field} must be`))
    })
  }

  it('knows nothing of a call where there is only an estimate, and says so', async () => {
    const tree = makeTree({})
    try {
      const { perCall } = await measure(() => 1, { root: tree.root, repeat: { calls: 50 } })
      expect(perCall.joules).to.equal(null)
      expect(perCall.reason).to.contain('estimate')
    } finally {
      tree.dispose()
    }
  })

  it('measures one call without being asked to repeat, and tells nothing of calls', async () => {
    const { value, perCall } = await measure(() => 7, { repeat: false })
    expect({ value, perCall }).to.deep.equal({ value: 7, perCall: undefined })
  })

  it('stops its meter and passes the error on when a call throws', async () => {
    const listeners = process.listenerCount('exit')
    let calls = 0
    const work = () => {
      if (++calls === 100) throw new RangeError('enough')
    }
    const error = await measure(work, { repeat: { calls: 200 } }).catch((cause) => cause)
    expect(error).to.be.instanceOf(RangeError)
    expect(calls).to.equal(100)
    expect(process.listenerCount('exit')).to.equal(listeners)
  })

  describe('on a simulated host of 65 W', () => {
    const WATTS = 65
    let host: Host | undefined
    before(async function () {
      const reason = hostUnavailable()
      if (reason !== undefined) {
        this.test!.title += `: ${reason}`
        return this.skip()
      }
      host = await startHost({ preset: 'intel-client', domains: { package: { watts: WATTS } } })
    })
    after(() => host?.stop())
    const options = () => ({ root: host!.root, sources: ['rapl-powercap'], estimate: false })

    const MICROSECONDS = 50
    function burn(): number {
      const end = performance.now() + MICROSECONDS / 1000
      let looks = 0
      while (performance.now() < end) looks++
      return looks
    }

    /** Measures, and expects of the interval that it holds the seconds of a call at that power. */
    async function expectTruth(work: () => unknown, repeat: Repeat): Promise<PerCall> {
      const { perCall, energy } = await measure(work, { ...options(), repeat })
      const { low, high, seconds, calls } = perCall
      // Three times the half of an interval of 95 %: one in ten thousand is further off.
      expect((low + high) / 2).to.be.closeTo(WATTS * seconds, 1.5 * (high - low))
      expect(energy.joules).to.be.above(low * calls)
      return perCall
    }

    it('gives a function its seconds at that power', async () => {
      const { seconds, high } = await expectTruth(burn, { seconds: 1 })
      expect(seconds).to.be.above((0.98 * MICROSECONDS) / 1e6)
      expect(high).to.be.above((WATTS * 0.98 * MICROSECONDS) / 1e6)
    })

    it('gives a call that waits its seconds at that power', async () => {
      const { joules, reason, seconds } = await expectTruth(() => pause(2), { seconds: 1 })
      expect(reason).to.equal(undefined)
      expect(seconds).to.be.above(0.0019)
      expect(joules).to.be.above(WATTS * 0.0019)
    })

    it('does not take a call of nothing for something', async () => {
      const { joules, low } = await expectTruth(() => undefined, { seconds: 0.5 })
      expect(low).to.be.below(WATTS * 1e-9)
      expect(joules ?? 0).to.be.below(WATTS * 1e-9)
    })

    it('refuses to tell what is far below the steps of the counter', async () => {
      const { joules, reason, high } = await expectTruth(burn, { calls: 15 })
      expect(joules).to.equal(null)
      expect(reason).to.match(/^(A call cannot be told|The interval)/)
      expect(high).to.be.above((WATTS * MICROSECONDS) / 1e6)
    })
  })
})
