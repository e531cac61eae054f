/** `jouletap bench`: its words, its report, and that nothing is left of it however it ends. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import type { BenchReport } from '../../lib/bench'
import { benchText } from '../../lib/cli/bench-text'
import { hostInfo } from '../../lib/record'
import { hostUnavailable } from '../host/host'
import { runCli, runProgram, startCli } from '../support/child'
import { mustBeBuilt, ROOT } from '../support/process'

const plain = (_: string, text: string): string => text

/** A report in which everything is as it should be. */
function report(changes: Partial<BenchReport> = {}): BenchReport {
  return {
    schema: 'jouletap.bench/1',
    host: hostInfo(),
    simulated: true,
    startedAt: '2026-11-21T20:00:00.000Z',
    seconds: 55.2,
    sources: [
      {
        source: 'rapl-perf',
        place: 'simulated, 5 domains',
        domains: ['package-0', 'core-0', 'uncore-0', 'dram-0', 'psys-0'],
        intervalMs: 1,
        rowNs: { median: 4321.4, p99: 5678.6, min: 4000, max: 5700, turns: 20 },
        floorNs: 4000.2,
        timeRatio: 1.08,
        timeRatios: { median: 1.08, min: 0.97, max: 1.21, count: 20 },
        instructionsPerRow: 9000,
        floorInstructionsPerRow: 8000,
        instructionRatio: 1.125,
        systemCallsPerRow: 1,
        bytesPerRow: 48,
        rowsPerTurn: 50,
        realtime: { sampler: true, floor: true },
      },
    ],
    timers: [
      {
        hz: 1000,
        load: 'idle',
        p50Us: 3.1,
        p99Us: 14.7,
        maxUs: 126,
        achievedHz: 1000.02,
        overruns: 0,
        rows: 1000,
      },
    ],
    drain: {
      nsPerValue: 3.25,
      nsPerValueSpread: { median: 3.25, min: 3, max: 7, count: 10 },
      meterNsPerValue: 21.2,
      meterNsPerValueSpread: { median: 21.2, min: 18.5, max: 60, count: 6 },
      values: 1800,
    },
    overhead: {
      hz: 1000,
      source: 'rapl-perf',
      domains: 5,
      threadShare: 0.0043,
      floorShare: 0.004,
      shareRatio: 1.075,
      slowdownPercent: { mean: 0.21, low: -0.04, high: 0.46, pairs: 40 },
      floorSlowdownPercent: { mean: 0.18, low: -0.1, high: 0.46, pairs: 20 },
    },
    startup: { requireMs: 9, baselineMs: 1, meterMs: 2, runTrueMs: 80, nodeMs: 40, runs: 7 },
    precision: [
      {
        windowMs: 2,
        align: 'none',
        load: 'constant',
        jitterPercent: 0,
        rmsPercent: 20.1,
        typicalPercent: 18.2,
        theoryPercent: 19.934,
        claimedPercent: 19.9,
        within1Sigma: 0.65,
        within2Sigma: 0.95,
        found: null,
        windows: 250,
      },
      {
        windowMs: 10,
        align: 'edge',
        load: 'constant',
        jitterPercent: 0,
        rmsPercent: 0.0312,
        typicalPercent: 0.0281,
        theoryPercent: null,
        claimedPercent: 0.04,
        within1Sigma: 0.7,
        within2Sigma: 0.96,
        found: 1,
        windows: 80,
      },
      {
        windowMs: 5,
        align: 'edge',
        load: 'moving',
        jitterPercent: 5,
        rmsPercent: 0.9,
        typicalPercent: 0.85,
        theoryPercent: null,
        claimedPercent: 0.9,
        within1Sigma: 0.68,
        within2Sigma: 0.95,
        found: 0.99,
        windows: 2010,
      },
    ],
    soak: {
      hz: 10_000,
      seconds: 5,
      rows: 49_750,
      lostRows: 0,
      missedRows: 250,
      missedShare: 0.005,
      floorMissedRows: 90,
      floorMissedShare: 0.006,
      growthBytes: 4096,
    },
    how: { sources: ['In turns.'], soak: ['Once.'] },
    notes: ['Something is null: it was not there.'],
    ...changes,
  }
}

describe('the report of the bench', () => {
  it('has every figure with how it was taken, its limit, and no mark where all is well', () => {
    const text = benchText(report(), plain)
    for (const cell of [
      /^ {2}rapl-perf +simulated, 5 domains +4321 \(5679\) +4000 +1\.08 \(0\.97 … 1\.21\) +9000 +8000 +1\.13 +1\.00 ≤ 1 +48 +FIFO$/m,
      /^ {2}In turns\.$/m,
      /^ {2}1000 Hz +idle +3\.1 +14\.7 +126\.0 +1000\.0 +0 +1000$/m,
      /^ {2}read\(\) of the addon +3\.3 ns ≤ 5 \(3\.0 … 7\.0\) for each of 1800 values$/m,
      /^ {2}Meter\.rows\(\) +21\.2 ns \(18\.5 … 60\.0\), with new arrays for every batch$/m,
      /^ {2}slower by the sampler +0\.21 % ≤ 0\.3 % \(95 %: -0\.04 … 0\.46 %, 40 pairs\)$/m,
      /^ {2}by the bare loop +0\.18 % \(95 %: -0\.10 … 0\.46 %, 20 pairs\)$/m,
      /^ {2}sampler, of one CPU +0\.430 % \(rapl-perf, 5 domains\)$/m,
      /^ {2}require jouletap +9\.0 ms ≤ 16\.0 ms$/m,
      /^ {2}jouletap run -- true +80\.0 ms ≤ 100\.0 ms$/m,
      /^ {2}2 ms +none +constant +0 % +20\.1 % +18\.2 % +19\.9 % +19\.9 % +65\.0 % +95\.0 % +250$/m,
      /^ {2}10 ms +edge +constant +0 % +0\.0312 % ≤ 0\.1 % +0\.0281 % +0\.0400 % +70\.0 % +96\.0 % +100\.0 % +80$/m,
      /^ {2}5 ms +edge +moving +5 % +0\.900 % +0\.850 % +0\.900 % +68\.0 % \(68 ± 5\) +95\.0 % ≥ 93 % +99\.0 % +2010$/m,
      /^ {2}lost +0 ≤ 0$/m,
      /^ {2}missed +250, 0\.500 % of the grid$/m,
      /^ {2}missed by the bare loop +90, 0\.600 %$/m,
      /^ {2}memory grew by +0\.00 MiB ≤ 1 MiB$/m,
      /^ {2}Something is null: it was not there\.$/m,
    ]) {
      expect(text).to.match(cell)
    }
    expect(text).to.not.contain('!')
  })

  /** What is marked, by the line's beginning. */
  const marked = (changes: Partial<BenchReport>) =>
    benchText(report(changes), plain)
      .split('\n')
      .filter((line) => / !( |$)/.test(line))
      .map((line) => line.trim().split('  ')[0])

  it('marks what passes its limit', () => {
    const { sources, overhead, startup, precision, soak, drain } = report()
    const [cost] = sources
    const two = { ...cost!, timeRatio: 1.26, systemCallsPerRow: 2 }
    expect(marked({ sources: [two] })).to.deep.equal(['rapl-perf'])
    expect(marked({ drain: { ...drain!, nsPerValue: 5.1 } })).to.deep.equal(['read() of the addon'])
    expect(marked({ drain: { ...drain!, meterNsPerValue: 60 } })).to.deep.equal([])
    const slow = { ...overhead!.slowdownPercent, mean: 0.31 }
    const slower = { ...overhead!, slowdownPercent: slow, shareRatio: 1.3 }
    expect(marked({ overhead: slower })).to.deep.equal([
      'slower by the sampler',
      'ratio of the two',
    ])
    const late = { ...startup!, requireMs: 16.1, meterMs: 5.1, runTrueMs: 101 }
    expect(marked({ startup: late })).to.have.length(3)
    const off = precision!.map((one) => ({ ...one, rmsPercent: 0.5, within1Sigma: 0.62 }))
    expect(marked({ precision: off })).to.deep.equal(['10 ms', '5 ms'])
    expect(marked({ soak: { ...soak!, missedRows: 9000, missedShare: 0.2 } })).to.deep.equal([])
    const lossy = { ...soak!, lostRows: 1, growthBytes: 2 ** 20 + 1 }
    expect(marked({ soak: lossy })).to.deep.equal(['lost', 'memory grew by'])
  })

  it('says unknown where a figure is null, and leaves out parts that are', () => {
    const [cost] = report().sources
    const bare = { instructionsPerRow: null, floorInstructionsPerRow: null, instructionRatio: null }
    const missing = { drain: null, overhead: null, startup: null, precision: null, soak: null }
    const text = benchText(report({ sources: [{ ...cost!, ...bare }], ...missing }), plain)
    expect(text).to.match(/ unknown +unknown +unknown +1\.00 ≤ 1 /)
    expect(text).to.not.match(/fetching|busy program|starting|windows are|long run|Once\./)
  })
})

describe('jouletap bench', function () {
  this.timeout(60_000)
  let folder: string

  before(mustBeBuilt)
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('explains itself', async () => {
    const { code, stdout } = await runCli(['bench', '--help'])
    expect(code).to.equal(0)
    for (const word of [
      '--simulate',
      '--full',
      '--sources',
      '--root',
      '--json [file]',
      'Examples:',
    ])
      expect(stdout).to.contain(word)
  })

  for (const [args, sentence] of [
    [['now'], 'jouletap bench takes only options, not "now".'],
    [['--root', '/nowhere'], '--root must be a folder that exists, not "/nowhere".'],
    [['--sources', 'rapl'], '--sources must be auto, or names out of'],
    [['--json', '/nowhere/report.json'], '--json must be - or a file that can be written'],
    [['--simulate', '--root', '/'], '--root must be left out together with --simulate'],
    [['--quick'], 'jouletap bench has no option --quick'],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(['bench', ...args])
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr).to.contain(`jouletap: ${sentence}`)
      expect(stderr).to.match(/ See 'jouletap bench --help'\.\n$/)
    })
  }

  it('says where a simulated host is, in a package that has none', async () => {
    // As npm installs it: without the tests.
    for (const part of ['dist', 'package.json', 'build/Release/jouletap.node']) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true })
    }
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const args = [join(folder, 'dist/cli/main.js'), 'bench', '--simulate']
    const { code, stdout, stderr } = await runProgram(process.execPath, args)
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.equal(
      'jouletap: There is no simulated host: it is in the repository and not in the package, so run ' +
        'the bench in a checkout.\n',
    )
  })

  /** Roots of simulated hosts that are there now. */
  const roots = () => readdirSync(folder).filter((name) => name.startsWith('jouletap-host-'))

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await delay(20)
  }

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ends its hosts at ${signal}, and says nothing`, async function () {
      if (hostUnavailable()) this.skip()
      const env = { TMPDIR: folder }
      const child = startCli(['bench', '--simulate', '--json'], { env, timeout: 30_000 })
      await until(() => roots().length >= 4)
      child.process.kill(signal)
      const { code: ended, stdout, stderr } = await child.result
      expect({ ended, stdout, stderr }).to.deep.equal({ ended: code, stdout: '', stderr: '' })
      expect(roots()).to.deep.equal([])
      expect(readFileSync('/proc/self/mounts', 'utf8')).to.not.contain(folder)
    })
  }

  it('ends its hosts when it is killed', async function () {
    if (hostUnavailable()) this.skip()
    const env = { TMPDIR: folder }
    const child = startCli(['bench', '--simulate'], { env, timeout: 30_000 })
    await until(() => roots().length >= 4)
    child.process.kill('SIGKILL')
    await child.result
    await until(() => roots().length === 0)
    expect(readFileSync('/proc/self/mounts', 'utf8')).to.not.contain(folder)
  })
})
