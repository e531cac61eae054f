// A row of now: what the counter shows at the moment of the call, on the caller's thread.
import { expect } from 'chai'
import { JouletapError, Meter } from '../../lib'
import { hostUnavailable, startHost } from '../host/host'
import { makeTree, powercapTree, type Tree } from '../support/tree'

const ENERGY = 'sys/class/powercap/intel-rapl:0/energy_uj'
/** Text of energy_uj after so many joules more. */
const counted = (joules: number) => `${1_000_000 + joules * 1e6}\n`

describe('meter.readNow()', function () {
  this.timeout(30_000)
  let tree: Tree
  let meter: Meter
  beforeEach(() => {
    tree = makeTree(
      powercapTree({
        zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: counted(0).trim() }],
      }),
    )
    meter = new Meter({ root: tree.root, estimate: false })
  })
  afterEach(() => {
    meter[Symbol.dispose]()
    tree.dispose()
  })

  function refusal(work: () => unknown): JouletapError {
    try {
      work()
    } catch (error) {
      expect(error).to.be.instanceOf(JouletapError)
      return error as JouletapError
    }
    throw new Error('nothing was thrown')
  }

  it('gives the joules since the start, as the counter shows them now', () => {
    meter.start()
    for (const joules of [0, 3, 3, 7.5]) {
      tree.write(ENERGY, counted(joules))
      const row = meter.readNow()
      expect(row).to.have.length(1 + meter.domains.length)
      expect(row[1]).to.be.closeTo(joules, 1e-4)
    }
  })

  it('stands on the timeline of performance.now()', () => {
    meter.start()
    let last = performance.now()
    for (let look = 0; look < 100; look++) {
      const [time] = meter.readNow()
      // A clock read on either side of another is at most as far off as the two are apart.
      expect(time).to.be.within(last - 0.02, performance.now() + 0.02)
      last = time!
    }
  })

  it('and the rows are on one timeline, with the same joules', async () => {
    meter.start()
    tree.write(ENERGY, counted(2))
    const before = meter.readNow()
    const rows = meter.rows()
    const { value } = await rows.next()
    const later = meter.readNow()
    expect(value.times[0]).to.be.within(before[0]!, later[0]!)
    expect([...value.joules[0]]).to.deep.equal(Array(value.times.length).fill(before[1]))
    await rows.return!()
  })

  it('fills the array that it is given, and no more of it than a row takes', () => {
    meter.start()
    tree.write(ENERGY, counted(1))
    const into = new Float64Array(4).fill(-1)
    expect(meter.readNow(into)).to.equal(into)
    expect(into[0]).to.be.above(0)
    expect(into[1]).to.be.closeTo(1, 1e-4)
    expect([...into.subarray(2)]).to.deep.equal([-1, -1])
    const rows = new Float64Array(4)
    meter.readNow(rows.subarray(2))
    expect([...rows.subarray(0, 2)]).to.deep.equal([0, 0])
    expect(rows[3]).to.be.closeTo(1, 1e-4)
  })

  it('refuses what a row does not fit into, in one sentence', () => {
    meter.start()
    for (const into of [[0, 0], new Float32Array(2), new Float64Array(1), 2, 'row']) {
      const { code, message } = refusal(() => meter.readNow(into as Float64Array))
      expect(code).to.equal('BAD_OPTION')
      expect(message).to.equal('into must be a Float64Array of 2 or more numbers.')
    }
  })

  it('shows NaN where a counter cannot be read, and all its joules when it can again', () => {
    meter.start()
    tree.write(ENERGY, 'garbage\n')
    expect(meter.readNow()[1]).to.be.NaN
    tree.write(ENERGY, counted(4))
    expect(meter.readNow()[1]).to.be.closeTo(4, 1e-4)
  })

  it('is refused before the start and after the stop', () => {
    for (const prepare of [() => undefined, () => meter.start().stop()]) {
      prepare()
      const { code, message } = refusal(() => meter.readNow())
      expect(code).to.equal('BAD_STATE')
      expect(message).to.contain('readNow()')
    }
  })

  it('follows an estimate too', () => {
    using estimated = new Meter({ sources: ['estimate'] }).start()
    const end = performance.now() + 300
    let row = estimated.readNow()
    while (performance.now() < end) {
      const next = estimated.readNow()
      for (let column = 0; column < row.length; column++) {
        expect(next[column]).to.be.at.least(row[column]!)
      }
      row = next
    }
  })

  it('agrees with the power of a simulated host, while the thread reads too', async function () {
    const reason = hostUnavailable()
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      return this.skip()
    }
    const watts = 65
    const host = await startHost({ preset: 'intel-client', domains: { package: { watts } } })
    try {
      using live = new Meter({ root: host.root, intervalMs: 1, estimate: false }).start()
      const column = 1 + live.domains.findIndex(({ id }) => id === 'package-0')
      const rows = live.rows()
      await rows.next()
      /** A row's joules, and the host's own just before and just after. */
      const look = () => {
        const before = host.truth().joules['package-0']!
        const joules = live.readNow()[column]!
        return { before, joules, after: host.truth().joules['package-0']! }
      }
      const first = look()
      let last = first
      for (let looks = 0; looks < 200; looks++) {
        const now = look()
        expect(now.joules).to.be.at.least(last.joules)
        // The counter shows the last of its updates, 1/1024 s apart, in whole counts.
        const update = watts / 1024 + 2 ** -14
        const [least, most] = [now.before - first.after, now.after - first.before]
        expect(now.joules - first.joules).to.be.within(least - update, most + update)
        last = now
      }
      await rows.return!()
    } finally {
      await host.stop()
    }
  })
})
