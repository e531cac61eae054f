// What `align` promises at its edges: wrong options, estimates, no time at all, one blind end.
import { expect } from 'chai'
import { type Energy, JouletapError, Meter, type MeterOptions, type Rows } from '../../lib'
import { type Host, hostUnavailable, startHost } from '../host/host'
import { runCli } from '../support/child'

function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).to.be.instanceOf(JouletapError).with.property('code', 'BAD_OPTION')
    return (error as JouletapError).message
  }
  throw new Error('nothing was thrown')
}

function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

async function rowsOf(meter: Meter): Promise<Rows[]> {
  const batches: Rows[] = []
  for await (const rows of meter.rows()) batches.push(rows)
  return batches
}

describe("align: 'edge' where that is hard", function () {
  this.timeout(60_000)

  for (const options of [null, 'edge', 7, { algin: 'edge' }, { intervalMs: 10 }]) {
    it(`refuses ${JSON.stringify(options)} as a span's options`, () => {
      using meter = new Meter({ sources: ['estimate'] }).start()
      const message = refusal(() => meter.span('', options as MeterOptions))
      expect(message).to.match(/an object|algin|intervalMs/)
    })
  }

  it('changes no joule of an estimate, of whose rows no age is known', async () => {
    const meter = new Meter({ sources: ['estimate'], align: 'edge' }).start()
    const reading = rowsOf(meter)
    const energy = meter.span().end()
    expect(energy.quality).to.equal('estimated')
    expect(Number.isFinite(energy.uncertaintyJoules)).to.equal(true)
    meter.stop()
    for (const { times, ages } of await reading) {
      expect(ages).to.have.length(meter.domains.length)
      for (const column of ages!) {
        expect([...column]).to.deep.equal(Array.from(times, () => Number.NaN))
      }
    }
  })

  for (const kind of ['jsonl', 'csv']) {
    it(`gives rows of ${kind} as many cells as there are columns, of an estimate too`, async () => {
      const args = ['--sources', 'estimate', '--align', 'edge', '--format', kind]
      const { stdout } = await runCli(['sample', '--duration', '0.3', ...args])
      const [head = '', ...rows] = stdout.trimEnd().split('\n')
      const cells = (row: string) => (kind === 'csv' ? row.split(',') : JSON.parse(row)).length
      const columns = kind === 'csv' ? cells(head) : JSON.parse(head).columns.length
      expect(rows).to.have.length.above(1)
      for (const row of rows) expect(cells(row)).to.equal(columns)
    })
  }

  it('leaves `run` the exit code of its command', async () => {
    expect((await runCli(['run', '--align', 'edge', '--', 'false'])).code).to.equal(1)
  })

  describe('on a simulated host', () => {
    const WATTS = 28
    let host: Host | undefined
    let root: string
    before(async function () {
      const reason = hostUnavailable()
      if (reason !== undefined) {
        this.test!.title += `: ${reason}`
        return this.skip()
      }
      host = await startHost({ preset: 'intel-client', domains: { package: { watts: WATTS } } })
      root = host.root
    })
    after(() => host?.stop())

    /** How many standard deviations a package is off. */
    function offBy({ domains, seconds }: Energy): number {
      const { joules, uncertaintyJoules } = domains[0]!
      return (joules - WATTS * seconds) / uncertaintyJoules
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!

    it('makes sense of a span of no time', () => {
      using meter = new Meter({ root, align: 'edge' }).start()
      const { joules, uncertaintyJoules, seconds, watts } = meter.span().end()
      expect(seconds).to.be.within(0, 0.02)
      for (const number of [joules, uncertaintyJoules, watts]) {
        expect(number).to.be.at.least(0)
        expect(Number.isFinite(number)).to.equal(true)
      }
    })

    it('is as wide as one blind end makes it, of a span that its meter was stopped in', () => {
      const ends = Array.from({ length: 60 }, () => {
        const meter = new Meter({ root }).start()
        const span = meter.span('', { align: 'edge' })
        spin(3 + Math.random())
        meter.stop()
        return Math.abs(offBy(span.end()))
      })
      // It is off by up to an update, by half of one in the middle: 0.9 standard deviations, and 1.7
      // of those that two blind ends have.
      expect(median(ends)).to.be.below(1.4)
    })

    it('gives `overhead()` the power of the processors, however much of the time it looked', () => {
      using meter = new Meter({ root, align: 'edge' }).start()
      const { cpuSeconds, joulesAtMost } = meter.overhead()
      // What is counted by then may be an update late.
      expect(joulesAtMost / cpuSeconds).to.be.within(0.7 * WATTS, 1.1 * WATTS)
    })
  })
})
