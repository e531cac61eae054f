// Joules from a stand-in for powermetrics whose power is known; how it ends, and what is said of what is missing.
import { expect } from 'chai'
import { checkOptions } from '../../../lib/energy/options'
import { type Mac, openPowermetrics } from '../../../lib/energy/powermetrics'
import { emptyReading, energyBetween, type Reading } from '../../../lib/energy/reading'
import { openTap, type Tap } from '../../../lib/energy/tap'
import type { Energy, MeterOptions } from '../../../lib/energy/types'
import { measured } from '../../support/energy'
import { type Plan, type StandIn, standIn } from '../../support/powermetrics'
import { startNode } from '../../support/process'

const MILLIWATTS = [4000, 1500, 250] as const
const WATTS = MILLIWATTS.map((value) => value / 1000)
const ALL_WATTS = WATTS.reduce((total, watts) => total + watts, 0)
const PERIOD_S = 0.2
/** An interval at either end, and what a busy machine is late by. */
const TIMING_S = PERIOD_S + 0.3

const pause = (ms: number) => new Promise((wake) => setTimeout(wake, ms))

/** Looks again and again, for another process tells of nothing when it has done something. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const end = performance.now() + 15_000
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`It never came to this: ${what}.`)
    await pause(10)
  }
}

/** Does not let the event loop turn. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('powermetrics as a source', function () {
  this.timeout(30_000)
  let made: StandIn | undefined
  let tap: Tap | undefined
  afterEach(async () => {
    tap?.stop()
    const { starts, ends, dispose } = made!
    await until('every stand-in has ended', () => ends().length === starts().length)
    dispose()
    made = tap = undefined
  })

  function open(plan: Plan, options: MeterOptions = {}, more: Partial<Mac> = {}): Tap {
    made = standIn({ milliwatts: MILLIWATTS, ...plan }, more)
    tap = openTap(checkOptions({ root: '/', estimate: false, ...options }), made.mac)
    return tap
  }

  const between = ({ channels }: Tap, from: Reading, to: Reading, first = from): Energy =>
    energyBetween(channels, from, to, first)
  const joulesIn = (reading: Reading) =>
    between(tap!, new Float64Array(reading.length), reading).joules
  const samples = (least: number) =>
    until(`${least} samples`, () => tap!.overhead().rows > least && joulesIn(tap!.sample()) > 0)

  it('tells CPU, GPU and ANE apart, all of them in the total', () => {
    const { channels } = open({})
    expect(channels.map(({ id, kind, role, quality }) => [id, kind, role, quality])).to.deep.equal([
      ['cpu-0', 'cpu', 'root', 'modelled'],
      ['gpu-0', 'gpu', 'root', 'modelled'],
      ['ane-0', 'ane', 'root', 'modelled'],
    ])
    for (const { additive, source } of channels) {
      expect({ additive, source }).to.deep.equal({ additive: true, source: 'powermetrics' })
    }
  })

  for (const text of [false, true]) {
    it(`gives the joules of ${text ? 'text' : 'property lists'} within their uncertainty`, async () => {
      const { start, sample } = open({ text })
      const first = start()
      await samples(7)
      const energy = between(tap!, first, sample())
      expect(energy.seconds).to.be.above(1.4)
      measured(energy).forEach(({ joules, uncertaintyJoules }, part) => {
        const truth = WATTS[part]! * energy.seconds
        // Seven samples are there; what is missing is the start and the sample under way.
        expect(joules).to.be.within(WATTS[part]! * 7 * PERIOD_S * 0.98, truth * 1.001)
        expect(truth - joules).to.be.at.most(uncertaintyJoules * 1.001)
      })
      expect(energy.coverage).to.be.closeTo(energy.joules / (ALL_WATTS * energy.seconds), 0.001)
      expect(energy.quality).to.equal('modelled')
      expect(energy.warnings.join()).to.match(/cpu-0 is known for \d+\.\d % of the time/)
    })
  }

  it('gives a stretch between samples within an interval at either end', async () => {
    const first = open({}).start()
    await samples(2)
    const from = tap!.sample()
    await samples(tap!.overhead().rows + 4)
    const energy = between(tap!, from, tap!.sample(), first)
    const truth = ALL_WATTS * energy.seconds
    expect(Math.abs(energy.joules - truth)).to.be.below(ALL_WATTS * TIMING_S)
    expect(energy.coverage).to.equal(1)
    expect(energy.warnings).to.deep.equal([])
  })

  it('loses nothing while the event loop stands still', async () => {
    const first = open({}).start()
    await samples(1)
    const from = tap!.sample()
    block(1500)
    const energy = between(tap!, from, tap!.sample(), first)
    const missing = ALL_WATTS * energy.seconds - energy.joules
    expect(Math.abs(missing)).to.be.below(ALL_WATTS * TIMING_S)
    expect(energy.coverage).to.equal(1)
  })

  it('says that nothing is known before the first sample', () => {
    const first = open({}, { intervalMs: 1000 }).start()
    const energy = between(tap!, first, tap!.sample())
    expect(energy).to.include({ joules: 0, coverage: 0 })
    expect(energy.warnings.join()).to.contain('cpu-0 could not be read; its joules are missing')
  })

  it('takes a part that is not told for a gap, not for zero', async () => {
    const first = open({ milliwatts: [4000, 1500, null] }).start()
    await samples(2)
    const energy = between(tap!, first, tap!.sample())
    const { coverage, warnings } = energy
    const domains = measured(energy)
    expect(domains.map(({ joules }) => joules > 0)).to.deep.equal([true, true, false])
    expect(domains[2]!.flags).to.deep.equal(['gap'])
    expect(coverage).to.equal(0)
    expect(warnings.join()).to.contain('ane-0 could not be read')
  })

  it('has a row for every sample, at its end, with NaN before the first and where a part is missing', async () => {
    open({ milliwatts: [4000, 1500, null] }).start()
    tap!.record(true)
    await samples(4)
    const { times, joules } = tap!.read()
    expect(times.length).to.be.at.least(5)
    for (const column of joules) expect(column[0]).to.be.NaN
    for (let row = 2; row < times.length; row++) {
      expect(times[row]).to.be.above(times[row - 1]!)
      const [cpu, gpu, ane] = joules.map((column) => column[row]! - column[row - 1]!)
      expect(cpu! / gpu!).to.be.closeTo(4000 / 1500, 1e-6)
      expect(ane).to.be.NaN
    }
    const last = times.length - 1
    const seconds = (times[last]! - times[1]!) / 1000
    const joulesSince = joules[0]![last]! - joules[0]![1]!
    expect(Math.abs(joulesSince - WATTS[0]! * seconds)).to.be.below(WATTS[0]! * TIMING_S)
  })

  it('is what auto takes on a Mac, and then nothing is estimated', () => {
    const { channels, notes, warnings } = open({ sudo: 'lets' }, { estimate: true })
    expect(new Set(channels.map(({ source }) => source))).to.deep.equal(new Set(['powermetrics']))
    expect(warnings).to.deep.equal([])
    expect(notes.join()).to.contain('estimates its own power')
    expect(notes.join()).to.contain('a row every 200 ms at the most')
  })

  it('leaves auto to the estimate where sudo asks for a password, and says how to mend it', () => {
    const { channels, warnings } = open({ sudo: 'refuses' }, { estimate: true })
    expect(new Set(channels.map(({ source }) => source))).to.deep.equal(new Set(['estimate']))
    expect(warnings[0]).to.match(/a model's estimate.*powermetrics.*sudo tee/)
  })

  it('is a matter of permission where nothing else is wanted', () => {
    expect(() => open({ sudo: 'refuses' }))
      .to.throw(/powermetrics.*sudo tee/)
      .with.property('code', 'PERMISSION_DENIED')
  })

  it('ends the child at once when it is stopped, and keeps what is known', async () => {
    open({}).start()
    await samples(1)
    const { rows } = tap!.overhead()
    tap!.stop()
    const last = tap!.sample()
    await until('it has ended', () => made!.ends().length === 1)
    expect(made!.ends()).to.deep.equal(['SIGTERM'])
    expect(tap!.sample()).to.equal(last)
    expect(tap!.overhead().rows - rows).to.be.at.most(1)
  })

  it('ends a child that takes no signal of ours by its pipe', async () => {
    open({ deaf: true }).start()
    await samples(1)
    tap!.stop()
    await until('it has ended', () => made!.ends().length === 1)
    expect(made!.ends()).to.deep.equal(['EPIPE'])
  })

  it('starts a child that ends again, four times in all within a minute, and flags the gap', async () => {
    const first = open({ samples: 1 }).start()
    await until('it has ended four times', () => made!.ends().length === 4)
    await samples(4)
    const energy = between(tap!, first, tap!.sample())
    expect(made!.starts()).to.have.length(4)
    expect(measured(energy).map(({ flags }) => flags)).to.deep.equal([['gap'], ['gap'], ['gap']])
    const least = ALL_WATTS * 4 * PERIOD_S * 0.98
    expect(energy.joules).to.be.within(least, ALL_WATTS * energy.seconds)
    expect(energy.coverage).to.be.closeTo(energy.joules / (ALL_WATTS * energy.seconds), 0.001)
  })

  it('lives with a child that says nothing', async () => {
    const first = open({ samples: 0 }).start()
    await until('it has ended four times', () => made!.ends().length === 4)
    expect(between(tap!, first, tap!.sample())).to.include({ joules: 0, coverage: 0 })
  })

  it('lives with a program that is gone, and with a thread that cannot start', async () => {
    for (const more of [{}, { thread: '/does/not/exist.cjs' }]) {
      const { mac, dispose } = standIn({}, more)
      const opened = openPowermetrics({ root: '/', intervalMs: 100 }, mac)
      if ('reason' in opened) throw new Error(opened.reason)
      dispose()
      opened.start()
      const failures = () => {
        const reading = emptyReading(3)
        opened.sample(reading, 3)
        return reading[3 + 7]!
      }
      await until('it is told', () => failures() > 0)
      opened.stop()
    }
    made = standIn()
  })

  it('does not outlive a process that is killed, nor keep one alive', async () => {
    made = standIn({ deaf: true })
    const { mac, starts, ends } = made
    const source = (then: string) => `
      require('tsx/cjs')
      const { openTap } = require('./lib/energy/tap')
      const { checkOptions } = require('./lib/energy/options')
      const mac = { ...${JSON.stringify(mac)}, cpu: () => 'Apple M2' }
      const tap = openTap(checkOptions({ root: '/', estimate: false }), mac)
      tap.start()
      ${then}`
    const idle = startNode(source(''))
    expect(await idle.result).to.include({ code: 0, stderr: '' })
    const killed = startNode(
      source(`setInterval(() => {
      if (tap.overhead().rows > 2) console.log('two samples')
    }, 20)`),
    )
    await killed.seen('two samples')
    killed.process.kill('SIGKILL')
    await killed.result
    await until(
      'every one has ended',
      () => starts().length > 0 && ends().length === starts().length,
    )
    expect(new Set(ends())).to.deep.equal(new Set(['EPIPE']))
  })
})
