// The limit of what rows may cost: they come more rarely, and every number says so.
import { expect } from 'chai'
import { JouletapError, Meter, type MeterOptions } from '../../lib'
import { runCli } from '../support/child'
import { makeTree, powercapTree, type Tree } from '../support/tree'

/** As it stands beside numbers where rows were wanted every 0.1 ms at 0.01 % of a CPU. */
const SENTENCE =
  /^Rows come every (\S+) ms instead of every 0\.1 ms: at the wanted rate sampling would have cost more than 0\.01 % of a CPU \(maxOverhead\)\.$/

describe('maxOverhead', function () {
  this.timeout(30_000)
  let tree: Tree
  before(() => {
    tree = makeTree(
      powercapTree({ zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: 1_000_000 }] }),
    )
  })
  after(() => tree.dispose())
  const open = (more: MeterOptions) => new Meter({ root: tree.root, estimate: false, ...more })

  const show = (value: unknown) => (Number.isNaN(value) ? 'NaN' : JSON.stringify(value))
  for (const value of [0, 1e-6, 1.5, Number.NaN, '0.1', null]) {
    it(`refuses ${show(value)} in one sentence`, () => {
      let error: unknown
      try {
        open({ maxOverhead: value } as MeterOptions)
      } catch (thrown) {
        error = thrown
      }
      expect(error).to.be.instanceOf(JouletapError)
      expect(error).to.include({ code: 'BAD_OPTION' })
      expect((error as Error).message).to.equal(
        `maxOverhead must be a share of one CPU's time from 0.00001 to 1, not ${show(value)}.`,
      )
    })
  }

  it('has rows come more rarely, and says so beside every energy and in the notes', async () => {
    using meter = open({ intervalMs: 0.1, maxOverhead: 0.0001 }).start()
    const span = meter.span()
    for await (const _ of meter.rows()) if (meter.overhead().intervalMs > 0.1) break
    const { intervalMs } = meter.overhead()
    expect(intervalMs).to.be.above(0.1)
    for (const sentences of [span.end().warnings, meter.energy().warnings, meter.notes]) {
      const said = sentences.flatMap((sentence) => SENTENCE.exec(sentence)?.[1] ?? [])
      expect(said).to.have.length(1)
      expect(Number(said[0])).to.be.above(0.1)
    }
    expect(meter.stop().warnings.filter((sentence) => SENTENCE.test(sentence))).to.have.length(1)
  })

  it('changes nothing where the cost is below it, or where there is none', async () => {
    for (const options of [{ intervalMs: 20, maxOverhead: 1 }, { intervalMs: 0.1 }]) {
      using meter = open(options).start()
      let rows = 0
      for await (const { times } of meter.rows()) {
        rows += times.length
        if (rows >= 50) break
      }
      expect(meter.overhead().intervalMs).to.be.closeTo(options.intervalMs, 1e-9)
      expect(meter.stop().warnings.join()).to.not.contain('maxOverhead')
      expect(meter.notes.join()).to.not.contain('maxOverhead')
    }
  })

  it('is said on stderr by `sample --max-overhead`', async () => {
    const where = ['--root', tree.root, '--no-estimate', '--duration', '2']
    const limit = ['--interval', '0.1', '--max-overhead', '0.0001']
    const { code, stderr } = await runCli(['sample', ...where, ...limit])
    expect(code).to.equal(0)
    const said = stderr.split('\n').map((line) => line.replace('jouletap: ', ''))
    expect(said.filter((sentence) => SENTENCE.test(sentence))).to.have.length(1)
  })
})
