// The meter against a host whose power is known exactly: what issue after issue stands on.
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type Energy, Meter, type MeterOptions, type RunRecord } from '../../lib'
import {
  type Host,
  type HostOptions,
  hostUnavailable,
  perfUnavailable,
  startHost,
} from '../host/host'
import { runCli } from '../support/child'
import { measured, readRows, self } from '../support/energy'

interface Measured {
  energy: Energy
  meter: Meter
  /** Joules that the host really used: at least, at most. */
  truth(id: string): [number, number]
}

interface How extends MeterOptions {
  /** Whether rows are read meanwhile. Default false: nothing is read but the ends. */
  rows?: boolean
}

/** Runs `during` between start and stop, with the host's own joules taken just outside and inside. */
async function measureOn(
  host: Host,
  during: () => Promise<unknown>,
  { rows = false, ...options }: How = {},
): Promise<Measured> {
  const meter = new Meter({ root: host.root, intervalMs: 10, estimate: false, ...options })
  const outerStart = host.truth().joules
  meter.start()
  const reading = rows ? readRows(meter) : undefined
  const innerStart = host.truth().joules
  await during()
  const innerEnd = host.truth().joules
  const energy = meter.stop()
  const outerEnd = host.truth().joules
  await reading
  const truth = (id: string): [number, number] => [
    innerEnd[id]! - innerStart[id]!,
    outerEnd[id]! - outerStart[id]!,
  ]
  return { energy, meter, truth }
}

/** Every domain that the host knows agrees with it, to five standard deviations and a share. */
function expectTruth({ energy, truth }: Measured, share = 0): void {
  for (const { id, joules, uncertaintyJoules, flags } of measured(energy)) {
    const [least, most] = truth(id)
    const margin = 5 * uncertaintyJoules + share * most
    expect(joules, id).to.be.within(least - margin, most + margin)
    expect(flags, id).to.deep.equal([])
  }
  expect(energy.coverage).to.equal(1)
  expect(energy.warnings).to.deep.equal([])
}

const ids = (energy: Energy) => measured(energy).map(({ id }) => id)
const added = (energy: Energy) => energy.domains.filter((one) => one.additive).map(({ id }) => id)

describe('on a simulated host', function () {
  this.timeout(60_000)
  let host: Host | undefined
  before(function () {
    const reason = hostUnavailable()
    if (reason === undefined) return
    this.test!.title += `: ${reason}`
    this.skip()
  })
  afterEach(async () => {
    await host?.stop()
    host = undefined
  })
  const start = async (options: HostOptions) => {
    host = await startHost(options)
    return host
  }
  const powercap: MeterOptions = { sources: ['rapl-powercap'] }
  const msr: MeterOptions = { sources: ['rapl-msr'] }

  for (const options of [powercap, msr]) {
    describe(`through ${options.sources}`, () => {
      it('sums two packages and their memory; cores and psys are shown and not added', async () => {
        const run = await measureOn(
          await start({ preset: 'intel-server-2s' }),
          () => pause(1000),
          options,
        )
        expectTruth(run)
        const { energy, truth } = run
        expect(added(energy)).to.have.members(['package-0', 'dram-0', 'package-1', 'dram-1'])
        expect(ids(energy)).to.include.members(['core-0', 'core-1', 'psys-0'])
        const [least, most] = [0, 1].map((end) =>
          added(energy).reduce((total, id) => total + truth(id)[end]!, 0),
        ) as [number, number]
        const margin = 5 * energy.uncertaintyJoules
        expect(energy.joules).to.be.within(least - margin, most + margin)
        expect(energy.quality).to.equal('measured')
      })

      it('follows a counter through a wrap', async () => {
        const run = await measureOn(
          await start({ preset: 'near-wrap' }),
          () => pause(2500),
          options,
        )
        expectTruth(run)
        expect(run.truth('package-0')[0]).to.be.above(40) // it did wrap
      })

      it('counts whole joules of psys on Sapphire Rapids, whatever bits are reserved', async () => {
        const run = await measureOn(await start({ preset: 'spr' }), () => pause(1000), options)
        expectTruth(run)
        expect(ids(run.energy)).to.include('psys-0')
      })

      it('takes mirrored dies once', async () => {
        const run = await measureOn(
          await start({ preset: 'mirrored-dies' }),
          () => pause(500),
          options,
        )
        expectTruth(run)
        expect(ids(run.energy)).to.deep.equal(['package-0'])
      })

      it('adds real dies', async () => {
        const run = await measureOn(await start({ preset: 'real-dies' }), () => pause(500), options)
        // powercap keeps 15 300 nJ for 2^-16 J of memory: 0.27 % too much, in life as here.
        expectTruth(run, 0.003)
        expect(added(run.energy)).to.include.members(['package-0-die-0', 'package-0-die-1'])
      })

      it('reads one package of AMD as one, with counters of 32 and of 64 bits', async () => {
        for (const preset of ['amd-zen2', 'amd-zen4-64bit'] as const) {
          const run = await measureOn(await start({ preset }), () => pause(500), options)
          expectTruth(run)
          expect(ids(run.energy).every((id) => id.startsWith('package'))).to.equal(true)
          expect(run.energy.quality).to.equal(preset === 'amd-zen2' ? 'modelled' : 'measured')
          await host!.stop()
        }
      })
    })
  }

  it('lets `run -- sleep 2` tell the truth to 0.5 %', async () => {
    const made = await start({ preset: 'intel-server-2s' })
    const args = ['run', '--root', made.root, '--no-estimate', '--quiet', '--json', '-']
    const { code, stdout } = await runCli([...args, '--', 'sleep', '2'])
    const { energy, seconds, warnings } = JSON.parse(stdout) as RunRecord
    expect(code).to.equal(0)
    expect(seconds).to.be.within(2, 2.5)
    const watts = 2 * (65 + 9.25)
    expect(energy.joules).to.be.closeTo(watts * seconds, 0.005 * watts * seconds)
    expect(added({ ...energy, seconds, warnings })).to.have.members([
      'package-0',
      'dram-0',
      'package-1',
      'dram-1',
    ])
    expect(measured(energy)).to.have.length(8)
    expect({ quality: energy.quality, coverage: energy.coverage, warnings }).to.deep.equal({
      quality: 'measured',
      coverage: 1,
      warnings: [],
    })
  })

  describe('what measuring costs', () => {
    /** How often each counter was read while `work` ran: the same for all of them. */
    async function readsDuring(made: Host, work: () => Promise<unknown>): Promise<number[]> {
      const before = made.truth().reads
      await work()
      const after = made.truth().reads
      const files = Object.keys(after).filter((path) => path.endsWith('energy_uj'))
      return files.map((path) => after[path]! - (before[path] ?? 0)).filter((count) => count > 0)
    }

    it('is two reads of each zone where nobody asks for rows, at whatever interval', async () => {
      const made = await start({ preset: 'intel-server-2s' })
      for (const intervalMs of [1, 100]) {
        using meter = new Meter({ root: made.root, estimate: false, ...powercap, intervalMs })
        const reads = await readsDuring(made, async () => {
          meter.start()
          await pause(300)
          meter.stop()
        })
        expect(reads).to.deep.equal(meter.domains.map(() => 2))
        const { rows, overruns, wakeUps, ...overhead } = meter.overhead()
        expect({ rows, overruns, wakeUps, reads: overhead.reads }).to.deep.equal({
          rows: 0,
          overruns: 0,
          wakeUps: 0,
          reads: 2,
        })
      }
    })

    it('is one more at each end of a span, and one where it is asked for', async () => {
      const made = await start({ preset: 'intel-server-2s' })
      using meter = new Meter({ root: made.root, estimate: false, ...powercap })
      const reads = await readsDuring(made, async () => {
        meter.start()
        meter.span().end()
        meter.energy()
        meter.overhead() // for the power by which its joules are told
        meter.stop()
      })
      expect(reads).to.deep.equal(meter.domains.map(() => 6))
    })

    it('is a read at every time of the grid while rows are asked for, and ends with them', async () => {
      const made = await start({ preset: 'intel-server-2s' })
      using meter = new Meter({ root: made.root, estimate: false, ...powercap, intervalMs: 5 })
      const zones = meter.domains.length
      let seen = 0
      const reads = await readsDuring(made, async () => {
        meter.start()
        for await (const { times } of meter.rows()) {
          seen += times.length
          if (seen > 40) break
        }
        await pause(200)
        meter.stop()
      })
      const overhead = meter.overhead()
      // The loop may end while the thread waits for its next row.
      expect(overhead.wakeUps).to.be.within(overhead.rows, overhead.rows + 1)
      // At the start, at the asking, whenever the thread woke, and at the stop.
      expect(overhead.reads).to.equal(overhead.wakeUps + 3)
      expect(reads).to.deep.equal(meter.domains.map(() => overhead.reads))
      expect(overhead.rows).to.be.within(seen - 1, seen + 20)
      expect(overhead.systemCalls).to.equal(overhead.reads * zones + overhead.wakeUps)
      expect(overhead.intervalMs).to.equal(5)
      const { p50, p99, max } = overhead.lateUs
      expect(p50).to.be.within(0, p99)
      expect(p99).to.be.at.most(max)
    })

    it('is told in joules: between an even share of the power and all of it', async () => {
      const made = await start({ preset: 'intel-server-2s' })
      const meter = new Meter({ root: made.root, estimate: false, ...powercap, intervalMs: 1 })
      expect(meter.overhead()).to.include({ joules: 0, joulesAtMost: 0, reads: 0, rows: 0 })
      meter.start()
      const reading = readRows(meter)
      const span = meter.span()
      await pause(300)
      const part = span.end()
      const energy = meter.stop()
      await reading
      const overhead = meter.overhead()
      const watts = 2 * 65 // of both packages; memory is no processor
      expect(overhead.joulesAtMost).to.be.closeTo(
        watts * overhead.cpuSeconds,
        0.02 * overhead.joulesAtMost,
      )
      expect(overhead.joules).to.be.within(overhead.joulesAtMost / 2, overhead.joulesAtMost)
      for (const one of [part, energy]) {
        const { joules, uncertaintyJoules, ...domain } = self(one)!
        expect(domain).to.deep.equal({
          id: 'self',
          kind: 'self',
          source: 'jouletap',
          additive: false,
          method: 'model',
          quality: 'estimated',
          flags: [],
        })
        expect(joules).to.be.above(0)
        expect(joules + uncertaintyJoules).to.be.at.most(overhead.joulesAtMost)
        expect(one.domains.at(-1)!.id).to.equal('self')
        expect(one.quality).to.equal('measured') // it is not added
      }
      expect(self(part)!.joules).to.be.below(self(energy)!.joules)
      expect(meter.domains.map(({ id }) => id)).to.not.include('self')
    })

    it('is next to nothing for `run -- sleep 1`, and stands in its record', async () => {
      const made = await start({ preset: 'intel-server-2s' })
      const args = ['run', '--root', made.root, '--no-estimate', '--quiet', '--json', '-']
      let record: RunRecord | undefined
      const reads = await readsDuring(made, async () => {
        const { stdout } = await runCli([
          ...args,
          ...['--sources', 'rapl-powercap', '--', 'sleep', '1'],
        ])
        record = JSON.parse(stdout) as RunRecord
      })
      const { energy, overhead } = record!
      expect(reads).to.have.length(measured(energy).length)
      // What opening takes to look whether a zone can be read comes to the two of the measurement.
      for (const count of reads) expect(count).to.be.within(2, 3)
      expect(overhead).to.include({ rows: 0, overruns: 0, overwritten: 0, wakeUps: 0, reads: 2 })
      expect(overhead.systemCalls).to.equal(2 * measured(energy).length)
      expect(overhead.joules).to.be.within(overhead.joulesAtMost / 2, overhead.joulesAtMost)
      const used = self(energy)!
      expect(used).to.include({ additive: false, quality: 'estimated' })
      expect(used.joules).to.be.within(Number.MIN_VALUE, 0.01 * energy.joules)
    })
  })

  it('gives the DRAM of Haswell servers its own unit', async () => {
    const made = await start({ preset: 'haswell-server' })
    expectTruth(await measureOn(made, () => pause(500), msr))
    expectTruth(await measureOn(made, () => pause(500), powercap), 0.003)
  })

  it('takes the mmio twin of a package once', async () => {
    const run = await measureOn(await start({ preset: 'mmio-twin' }), () => pause(500))
    expectTruth(run)
    expect(added(run.energy)).to.deep.equal(['package-0'])
  })

  it('knows zones by name, with numbers of any length', async () => {
    const run = await measureOn(await start({ preset: 'four-digits' }), () => pause(500))
    expectTruth(run)
    expect(added(run.energy)).to.have.members(['package-0', 'package-1234'])
    expect(run.meter.notes.join()).to.contain('accelerator')
  })

  it('loses at most one unit in a wrap, ten times in three seconds', async () => {
    const made = await start({
      preset: 'fast-wrap',
      domains: { package: { watts: 0, maxWatts: 900_000 } },
    })
    const range = 2 ** 18 // joules: 2^32 counts of 2^-14 J
    // At rest at both ends, so that what the counter has counted is what was used.
    const run = await measureOn(made, async () => {
      await pause(50)
      made.setWatts('package-0', range / 0.3)
      await pause(3000)
      made.setWatts('package-0', 0)
      await pause(50)
    })
    const [used] = run.truth('package-0')
    const wraps = Math.floor(used / range)
    expect(wraps).to.be.at.least(9)
    expect(run.energy.joules).to.be.closeTo(used, (wraps + 2) * 2 ** -14)
    expect(run.energy.domains[0]!.flags).to.deep.equal([])
  })

  it('follows power that changes', async () => {
    const made = await start({
      preset: 'intel-client',
      domains: { package: { watts: 'square:80:20:0.1' } },
    })
    expectTruth(await measureOn(made, () => pause(1000)))
  })

  it('takes each domain from the best source, and no joule from two', async () => {
    const made = await start({ preset: 'intel-client' })
    const { energy } = await measureOn(made, () => pause(100), {
      sources: ['rapl-msr', 'rapl-powercap'],
    })
    expect(new Set(ids(energy)).size).to.equal(ids(energy).length)
    expect(measured(energy).every(({ source }) => source === 'rapl-powercap')).to.equal(true)
  })

  it('reads the GPUs, boards and rails of hwmon as they contain each other', async () => {
    const sums = { 'hwmon-gpu': 90 + 25 + 75, grace: 180, jetson: 12 }
    for (const [preset, watts] of Object.entries(sums) as [keyof typeof sums, number][]) {
      const { energy } = await measureOn(await start({ preset }), () => pause(1000))
      expect(energy.watts, preset).to.be.closeTo(watts, 0.02 * watts)
      await host!.stop()
    }
  })

  describe('on a bad day', () => {
    const two: HostOptions = { preset: 'intel-server-2s' }
    const zone = 'sys/class/powercap/intel-rapl:0/energy_uj'
    const domain = (energy: Energy, id: string) => energy.domains.find((one) => one.id === id)!

    /** One domain is in trouble; the others go on as if nothing had happened. */
    function expectOthersWell({ energy, truth }: Measured, troubled: string): void {
      for (const { id, joules, uncertaintyJoules, flags } of measured(energy)) {
        expect(joules, id).to.be.at.least(0)
        if (id === troubled) continue
        const [least, most] = truth(id)
        const margin = 5 * uncertaintyJoules
        expect(joules, id).to.be.within(least - margin, most + margin)
        expect(flags, id).to.deep.equal([])
      }
    }

    it('flags garbage as a gap, and loses nothing when it passes', async () => {
      const made = await start(two)
      const run = await measureOn(
        made,
        async () => {
          await pause(200)
          made.fault(zone, 'garbage')
          await pause(200)
          made.heal(zone)
          await pause(200)
        },
        { ...powercap, rows: true },
      )
      const { joules, flags, uncertaintyJoules } = domain(run.energy, 'package-0')
      const [least, most] = run.truth('package-0')
      expect(flags).to.deep.equal(['gap'])
      expect(joules).to.be.within(least - 5 * uncertaintyJoules, most + 5 * uncertaintyJoules)
      expect(run.energy.coverage).to.be.above(0.98)
      expectOthersWell(run, 'package-0')
    })

    it('sees nothing of garbage that nobody read, and loses nothing by it', async () => {
      const made = await start(two)
      const run = await measureOn(
        made,
        async () => {
          made.fault(zone, 'garbage')
          await pause(200)
          made.heal(zone)
        },
        powercap,
      )
      expectTruth(run)
    })

    it('looks a second time before an end is lost to a glitch', async () => {
      const made = await start(two)
      using meter = new Meter({ root: made.root, estimate: false, ...powercap }).start()
      const span = meter.span()
      const before = made.truth().joules['package-0']!
      await pause(200)
      made.fault(zone, 'garbage', { times: 1 })
      const energy = span.end()
      const { joules, flags, uncertaintyJoules } = domain(energy, 'package-0')
      const used = made.truth().joules['package-0']! - before
      expect(flags).to.deep.equal(['gap']) // it failed once
      expect(joules).to.be.closeTo(used, 5 * uncertaintyJoules + 0.05 * used)
      expect(energy.coverage).to.be.above(0.9)
    })

    it('lets coverage fall when a zone vanishes', async () => {
      const made = await start(two)
      const run = await measureOn(
        made,
        async () => {
          await pause(300)
          made.vanish('sys/class/powercap/intel-rapl:0')
          await pause(300)
        },
        { ...powercap, rows: true },
      )
      expect(domain(run.energy, 'package-0').flags).to.deep.equal(['gap'])
      expect(run.energy.coverage).to.be.within(0.3, 0.7)
      expect(run.energy.warnings.join()).to.contain('package-0')
      expect(domain(run.energy, 'package-1').flags).to.deep.equal([])
    })

    for (const [what, joules] of [
      ['back', -500],
      ['ahead', 100_000],
    ] as const) {
      it(`never believes a counter that jumps ${what}`, async () => {
        const made = await start(two)
        const run = await measureOn(
          made,
          async () => {
            await pause(300)
            made.jump('package-0', joules)
            await pause(300)
          },
          { ...powercap, rows: true },
        )
        const { joules: counted, flags } = domain(run.energy, 'package-0')
        expect(flags).to.include('backwards')
        expect(run.energy.coverage).to.be.within(0.8, 0.999)
        expect(counted).to.be.within(0.8 * 0.6 * 65, run.truth('package-0')[1])
        expectOthersWell(run, 'package-0')
      })
    }

    it('knows nothing of a domain whose only other reading cannot be believed, and says so', async () => {
      const troubles: [string, (made: Host) => void][] = [
        ['backwards', (made) => made.jump('package-0', -500)],
        ['backwards', (made) => made.jump('package-0', 100_000)],
        ['reset', (made) => made.reset('package-0')],
        ['gap', (made) => made.fault(zone, 'enodev')],
      ]
      for (const [flag, trouble] of troubles) {
        const made = await start({
          ...two,
          domains: { package: { watts: 65, seed: 2_000_000_000 } },
        })
        const run = await measureOn(
          made,
          async () => {
            await pause(150)
            trouble(made)
            await pause(150)
          },
          powercap,
        )
        const { joules, flags, uncertaintyJoules } = domain(run.energy, 'package-0')
        const [, most] = run.truth('package-0')
        expect(flags).to.include(flag)
        // The end is looked at twice; what was used between the two looks is known, and no more.
        expect(joules).to.be.below(0.2 * most)
        expect(run.energy.coverage).to.be.below(0.2)
        expect(joules + 5 * uncertaintyJoules).to.be.above(most)
        expect(run.energy.warnings.join()).to.contain('package-0')
        expectOthersWell(run, 'package-0')
        await made.stop()
      }
    })

    it('flags a counter that begins anew', async () => {
      const made = await start({ ...two, domains: { package: { watts: 65, seed: 2_000_000_000 } } })
      const run = await measureOn(
        made,
        async () => {
          await pause(300)
          made.reset('package-0')
          await pause(300)
        },
        { ...powercap, rows: true },
      )
      expect(domain(run.energy, 'package-0').flags).to.include('reset')
      expect(run.energy.coverage).to.be.below(1)
      expectOthersWell(run, 'package-0')
    })

    it('flags a counter that sticks', async () => {
      const made = await start(two)
      made.stick('package-0')
      const run = await measureOn(made, () => pause(400), powercap)
      expect(domain(run.energy, 'package-0')).to.deep.include({ joules: 0, flags: ['stale'] })
      expect(run.energy.coverage).to.equal(0)
      expect(run.energy.warnings.join()).to.match(/package-0.*does not mean zero/)
      expectOthersWell(run, 'package-0')
    })

    it('goes on with the other zones when one cannot be opened', async () => {
      const made = await start(two)
      made.fault(zone, 'eacces', { open: true })
      const { energy, meter } = await measureOn(made, () => pause(300), powercap)
      expect(ids(energy)).to.not.include('package-0')
      expect(added(energy)).to.include('package-1')
      expect(energy.warnings.join()).to.match(/package-0 cannot be read.*not in the total/)
      expect(meter.notes.join()).to.contain('intel-rapl:0')
    })

    it('says of an empty powercap folder that it is masked', async () => {
      const made = await start({ preset: 'masked' })
      let message = ''
      try {
        new Meter({ root: made.root, estimate: false })
      } catch (error) {
        message = (error as Error).message
      }
      expect(message).to.match(/rapl-powercap: .*empty.*container/)
    })
  })
})

describe('on the perf stand-in', function () {
  this.timeout(60_000)
  let host: Host | undefined
  before(async function () {
    const reason = perfUnavailable(2)
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    host = await startHost({ preset: 'perf' })
  })
  after(() => host?.stop())

  it('reads 65.0 W and 9.25 W to 0.1 % through perf_event_open', async () => {
    const meter = new Meter({ root: host!.root, estimate: false, intervalMs: 10 }).start()
    await pause(1000)
    const { domains, coverage, seconds } = meter.stop()
    const watts = Object.fromEntries(domains.map(({ id, joules }) => [id, joules / seconds]))
    for (const index of [0, 1]) {
      expect(watts[`package-${index}`]).to.be.closeTo(65, 0.065)
      expect(watts[`dram-${index}`]).to.be.closeTo(9.25, 0.00925)
      expect(watts[`core-${index}`]).to.be.closeTo(41, 0.041)
    }
    expect(coverage).to.equal(1)
    expect(meter.domains.every(({ source }) => source === 'rapl-perf')).to.equal(true)
  })

  it('makes one read for each package and row, and no other', async () => {
    const meter = new Meter({ root: host!.root, estimate: false, intervalMs: 2 })
    const { reads, packages } = { reads: () => readCalls('jouletap'), packages: 2 }
    meter.start()
    const reading = readRows(meter)
    const rows = () => meter.overhead().rows
    // Rows may fall between the looks at both.
    const look = () => ({ least: rows(), calls: reads(), most: rows() })
    while (rows() === 0) await pause(5) // until the thread runs
    const before = look()
    while (rows() < before.most + 200) await pause(20)
    const after = look()
    meter.stop()
    await reading
    expect(after.calls - before.calls).to.be.within(
      packages * (after.least - before.most),
      packages * (after.most - before.least),
    )
    const overhead = meter.overhead()
    expect(overhead.systemCalls).to.equal(packages * overhead.reads + overhead.wakeUps)
  })
})

/** System calls that read, made so far by the thread of that name. */
function readCalls(name: string): number {
  const tasks = '/proc/self/task'
  const task = readdirSync(tasks).find(
    (id) => readFileSync(`${tasks}/${id}/comm`, 'utf8').trim() === name,
  )
  return Number(/syscr: (\d+)/.exec(readFileSync(`${tasks}/${task}/io`, 'utf8'))![1])
}
