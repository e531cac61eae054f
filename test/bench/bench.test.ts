/** The bench: every part is taken or said to be missing. The figures are figures; none is a limit here. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type BenchReport, bench, JouletapError } from '../../lib'
import { type Counts, USUAL } from '../../lib/bench/options'
import { hostUnavailable } from '../host/host'
import { mustBeBuilt, ROOT, runNode } from '../support/process'
import { cpuTree, makeTree, powercapTree, type Tree } from '../support/tree'

const COUNTS: Counts = {
  rows: { turns: 3, rowsPerTurn: 20, instructionTurns: 1 },
  timers: { seconds: 0.1 },
  drain: { warmUps: 3, rounds: 3, meterRounds: 2, roundMs: 5 },
  slowdown: { pairs: 3, floorPairs: 2, sliceMs: 20, floorSlices: 1 },
  startup: { runs: 1 },
  precision: { windows: { 2: 20, 10: 5 }, moving: { 5: 9 } },
  soak: { seconds: 0.4, floorSeconds: 0.1 },
}
const PARTS = ['drain', 'overhead', 'startup', 'soak'] as const

/** No hole anywhere but where null is allowed. */
function expectNumbers(value: unknown, path = 'report'): void {
  if (typeof value === 'number') expect(Number.isFinite(value), path).to.equal(true)
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) expectNumbers(inner, `${path}.${name}`)
}

function expectFrame(report: BenchReport, simulated: boolean): void {
  expect(report.schema).to.equal('jouletap.bench/1')
  expect(report.simulated).to.equal(simulated)
  expect(report.host.jouletap).to.match(/^\d/)
  expectNumbers(report)
  expect(JSON.parse(JSON.stringify(report))).to.deep.equal(report)
  expect(report.timers.map(({ hz, load }) => `${hz} ${load}`)).to.deep.equal([
    '100 idle',
    '1000 idle',
    '10000 idle',
    '100 busy',
    '1000 busy',
    '10000 busy',
  ])
  for (const { p50Us, p99Us, maxUs, achievedHz } of report.timers) {
    expect(p50Us).to.be.within(0, p99Us)
    expect(p99Us).to.be.at.most(maxUs)
    expect(achievedHz).to.be.above(0)
  }
  const { sources, timers, drain, overhead, startup, precision, soak } = report
  const parts = { sources, timers, drain, overhead, startup, precision, soak }
  const taken = Object.entries(parts).filter(([, part]) => Object.keys(part ?? {}).length > 0)
  expect(Object.keys(report.how)).to.have.members(taken.map(([name]) => name))
  for (const ways of Object.values(report.how)) for (const way of ways) expect(way).to.match(/\.$/)
}

/** Or the reason is told. */
function expectInstructions({ sources, notes }: BenchReport): void {
  for (const { instructionsPerRow: own, floorInstructionsPerRow: base } of sources) {
    if (own === null) expect(notes.join('\n')).to.match(/^Instructions are null: ./m)
    else expect([own > 1000, base! > 1000]).to.deep.equal([true, true])
  }
}

describe('the bench', function () {
  this.timeout(60_000)
  before(mustBeBuilt)

  describe('below a root of plain files', () => {
    let tree: Tree
    let report: BenchReport
    const said: string[] = []

    before(async () => {
      tree = makeTree({
        ...cpuTree({
          vendor: 'GenuineIntel',
          family: 6,
          model: 0x97,
          name: '12th Gen Intel(R) Core(TM) i7-12700',
          packages: [0],
          cpusPerPackage: 1,
        }),
        ...powercapTree({
          zones: ['package-0', 'core', 'psys'].map((name, zone) => ({
            folder: ['intel-rapl:0', 'intel-rapl:0:0', 'intel-rapl:1'][zone]!,
            name,
            energy: 123_456_789_012,
          })),
        }),
      })
      const onProgress = (text: string) => said.push(text)
      report = await bench({ root: tree.root, counts: COUNTS, onProgress })
    })
    after(() => tree.dispose())

    it('has every part but precision, and says why not that', () => {
      expectFrame(report, false)
      for (const part of PARTS) expect(report[part], part).to.not.equal(null)
      expect(report.precision).to.equal(null)
      expect(report.notes.join('\n')).to.match(/^Precision is null: ./m)
    })

    it('takes a row of the one usable source beside a loop of the same system calls', () => {
      expect(report.sources).to.have.length(1)
      const [cost] = report.sources
      expect(cost).to.include({ source: 'rapl-powercap', bytesPerRow: 32, intervalMs: 1 })
      expect(cost!.domains).to.have.members(['package-0', 'core-0', 'psys-0'])
      expect(cost!.systemCallsPerRow).to.be.closeTo(3, 0.2)
      expect(cost!.rowNs).to.include({ turns: 3 })
      expect(cost!.rowNs.median).to.be.within(cost!.rowNs.min, cost!.rowNs.max)
      expect(cost!.floorNs).to.be.above(0)
      expect(cost!.timeRatios).to.include({ count: 3 })
      expect(cost!.timeRatio).to.be.within(cost!.timeRatios!.min, cost!.timeRatios!.max)
      expectInstructions(report)
    })

    it('has an interval around the slow-down, and the shares of one CPU', () => {
      const { slowdownPercent, floorSlowdownPercent } = report.overhead!
      const { threadShare, floorShare, shareRatio } = report.overhead!
      expect(slowdownPercent.pairs).to.equal(3)
      expect(floorSlowdownPercent!.pairs).to.equal(2)
      for (const { mean, low, high } of [slowdownPercent, floorSlowdownPercent!]) {
        expect(mean).to.be.within(low, high)
        expect(mean).to.be.below(100)
      }
      expect(threadShare).to.be.within(1e-6, 1)
      expect(floorShare).to.be.within(1e-6, 1)
      expect(shareRatio).to.be.closeTo(threadShare / floorShare!, 1e-9) // of one pair
    })

    it('fetches values both ways, each median within its spread', () => {
      const { nsPerValue, nsPerValueSpread, values } = report.drain!
      const { meterNsPerValue, meterNsPerValueSpread } = report.drain!
      expect(nsPerValueSpread.count).to.equal(3)
      expect(meterNsPerValueSpread.count).to.equal(2)
      expect(nsPerValue).to.be.within(nsPerValueSpread.min, nsPerValueSpread.max)
      expect(meterNsPerValue).to.be.within(meterNsPerValueSpread.min, meterNsPerValueSpread.max)
      expect(nsPerValue).to.be.above(0)
      expect(values).to.be.above(0)
    })

    it('knows what starting takes', () => {
      const { requireMs, baselineMs, meterMs, runTrueMs, nodeMs, runs } = report.startup!
      expect(requireMs).to.be.above(baselineMs)
      expect(meterMs).to.be.above(0)
      expect(runTrueMs).to.be.above(nodeMs)
      expect(runs).to.equal(1)
    })

    it('counts rows of the soak, all of them', () => {
      const { hz, seconds, rows, lostRows, missedRows, missedShare, growthBytes } = report.soak!
      expect(hz).to.equal(10_000)
      // Every time of the grid has a row, or lost or missed it; the run begins and ends between two.
      const times = rows + lostRows + missedRows
      expect(times).to.be.within(0.4 * hz - 10, seconds * hz + 10)
      expect(missedShare).to.be.closeTo(missedRows / times, 1e-12)
      const { floorMissedRows, floorMissedShare } = report.soak!
      expect(floorMissedRows).to.be.within(0, 0.1 * hz)
      expect(floorMissedShare).to.be.closeTo(floorMissedRows! / (0.1 * hz), 1e-12)
      expect(growthBytes).to.be.at.least(0)
    })

    it('tells what it is at', () => {
      expect(said[0]).to.equal(`taking the cost of a row of rapl-powercap (below ${tree.root})`)
      expect(said).to.include('taking a soak at 10 kHz')
    })
  })

  it('says what is missing where nothing can be read, and still takes the timers', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'jouletap-'))
    try {
      const { startup: _, ...counts } = COUNTS
      const report = await bench({ root: empty, counts })
      expectFrame(report, false)
      expect(report.sources).to.deep.equal([])
      expect(report.drain).to.equal(null)
      expect(report.overhead).to.equal(null)
      expect(report.soak).to.equal(null)
      const told = report.notes.join('\n')
      expect(told).to.match(/^Sources are none: no counter can be read here \(rapl-perf: ./m)
      for (const part of ['fetching rows', 'a busy program', 'a soak']) {
        expect(told).to.match(
          new RegExp(`${part}.* could not be taken: no counter can be read`, 'i'),
        )
      }
    } finally {
      rmSync(empty, { recursive: true })
    }
  })

  it('keeps the process until it is done', async () => {
    const counts = JSON.stringify({ ...COUNTS, startup: undefined })
    const { code, stdout, stderr } = await runNode(
      `require(${JSON.stringify(ROOT)}).bench({ sources: ['hwmon'], counts: ${counts} })
        .then(({ schema }) => console.log(schema))`,
    )
    expect({ code, stdout, stderr }).to.deep.equal({
      code: 0,
      stdout: 'jouletap.bench/1\n',
      stderr: '',
    })
  })

  it('leaves out what has no count, and says so', async () => {
    const report = await bench({ counts: { timers: { seconds: 0.02 } } })
    expect(report.timers).to.have.length(6)
    expect(report.startup).to.equal(null)
    expect(report.notes).to.include('The part startup was not asked for.')
  })

  it('ends when it is told to, with the reason', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const onProgress = () => controller.abort(reason)
    const { signal } = controller
    const error = await bench({ onProgress, signal, counts: USUAL }).catch((caught) => caught)
    expect(error).to.equal(reason)
  })

  for (const [name, bad] of [
    ['simulate', { simulate: 1 as unknown as boolean }],
    ['full', { full: 'yes' as unknown as boolean }],
    ['seed', { seed: 1.5 }],
    ['sources', { sources: ['rapl'] }],
    ['root', { root: '/nowhere' }],
    ['root', { root: '/', simulate: true }],
    ['an option', { intervalMs: 1 } as object],
  ] as const) {
    it(`refuses ${JSON.stringify(bad)} by name`, async () => {
      const error = await bench(bad).catch((caught: unknown) => caught)
      expect(error).to.be.instanceOf(JouletapError)
      expect(error).to.have.property('code', 'BAD_OPTION')
      expect((error as JouletapError).message).to.match(new RegExp(`^${name} must be `))
    })
  }

  describe('on the simulated host', () => {
    let report: BenchReport
    let folder: string

    before(async function () {
      if (hostUnavailable()) this.skip()
      folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
      const outside = process.env.TMPDIR
      process.env.TMPDIR = folder // what it leaves behind shows
      try {
        report = await bench({ simulate: true, counts: COUNTS })
      } finally {
        if (outside === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = outside
      }
    })
    after(() => folder && rmSync(folder, { recursive: true }))

    it('has every part', () => {
      expectFrame(report, true)
      for (const part of PARTS) expect(report[part], part).to.not.equal(null)
      expectInstructions(report)
    })

    it('takes one system call a package by perf, and one a zone or register else', () => {
      const calls = report.sources.map(({ source, domains, systemCallsPerRow }) => [
        `${source} ${domains.length}`,
        Math.round(10 * systemCallsPerRow!) / 10,
      ])
      const files = [
        ['rapl-powercap 5', 5],
        ['rapl-msr 5', 5],
      ]
      expect(calls.slice(-2)).to.deep.equal(files)
      // Where perf has its stand-in; else the reason is told.
      const perf = calls.slice(0, -2)
      if (perf.length === 0) expect(report.notes.join('\n')).to.match(/^rapl-perf is left out/m)
      else
        expect(perf).to.deep.equal([
          ['rapl-perf 5', 1],
          ['rapl-perf 3', 1],
        ])
    })

    it('holds windows against the truth: blind ones err as the theory has it', () => {
      const blind = report.precision!.filter(
        ({ align, load }) => align === 'none' && load === 'constant',
      )
      expect(blind.map(({ windowMs, windows }) => [windowMs, windows])).to.deep.equal([
        [2, 20],
        [10, 5],
      ])
      // Tu/(√6·T) is 19.93 % at 2 ms; 20 windows tell it to a third.
      expect(blind[0]!.theoryPercent).to.be.closeTo(19.93, 0.01)
      expect(blind[0]!.rmsPercent).to.be.within(8, 40)
      expect(blind[1]!.theoryPercent).to.be.closeTo(3.987, 0.001)
    })

    it('holds aligned windows against it too, and says how many found their updates', () => {
      const aligned = report.precision!.filter(
        ({ align, load }) => align === 'edge' && load === 'constant',
      )
      expect(aligned.map(({ windowMs, windows }) => [windowMs, windows])).to.deep.equal([
        [2, 20],
        [10, 5],
      ])
      for (const { found, theoryPercent, rmsPercent } of aligned) {
        expect(found).to.be.within(0, 1)
        expect(theoryPercent).to.equal(null)
        // Five updates of 2 ms: a hunt goes on for no longer.
        expect(rmsPercent).to.be.within(0, 250)
      }
    })

    it('has windows under a load that moves, with late updates', () => {
      const loads = report.precision!.map(({ load }) => load)
      expect(new Set(loads)).to.have.all.keys('constant', 'steps', 'ramps', 'bursts', 'moving')
      const moving = report.precision!.filter(({ load }) => load === 'moving')
      expect(moving.map(({ windowMs }) => windowMs)).to.deep.equal([5, 5])
      expect(moving.map(({ align, windows }) => [align, windows])).to.deep.equal([
        ['none', 3],
        ['edge', 27],
      ])
      for (const { jitterPercent, within1Sigma, within2Sigma } of moving) {
        expect(jitterPercent).to.equal(5)
        expect(within1Sigma).to.be.within(0, within2Sigma)
        expect(within2Sigma).to.be.at.most(1)
      }
      expect(report.notes.join('\n')).to.not.match(/not to be believed/)
    })

    it('leaves nothing behind', () => {
      expect(readdirSync(folder).filter((name) => name.startsWith('jouletap'))).to.deep.equal([])
    })
  })
})
