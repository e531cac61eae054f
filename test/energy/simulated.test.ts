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

interface Measured {
  energy: Energy
  meter: Meter
  /** Joules that the host really used: at least, at most. */
  truth(id: string): [number, number]
}

/** Runs `during` between start and stop, with the host's own joules taken just outside and inside. */
async function measureOn(
  host: Host,
  during: () => Promise<unknown>,
  options: MeterOptions = {},
): Promise<Measured> {
  const meter = new Meter({ root: host.root, intervalMs: 10, estimate: false, ...options })
  const outerStart = host.truth().joules
  meter.start()
  const innerStart = host.truth().joules
  await during()
  const innerEnd = host.truth().joules
  const energy = meter.stop()
  const outerEnd = host.truth().joules
  const truth = (id: string): [number, number] => [
    innerEnd[id]! - innerStart[id]!,
    outerEnd[id]! - outerStart[id]!,
  ]
  return { energy, meter, truth }
}

/** Every domain that the host knows agrees with it, to five standard deviations and a share. */
function expectTruth({ energy, truth }: Measured, share = 0): void {
  for (const { id, joules, uncertaintyJoules, flags } of energy.domains) {
    const [least, most] = truth(id)
    const margin = 5 * uncertaintyJoules + share * most
    expect(joules, id).to.be.within(least - margin, most + margin)
    expect(flags, id).to.deep.equal([])
  }
  expect(energy.coverage).to.equal(1)
  expect(energy.warnings).to.deep.equal([])
}

const ids = (energy: Energy) => energy.domains.map(({ id }) => id)
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
        const measured = await measureOn(
          await start({ preset: 'intel-server-2s' }),
          () => pause(1000),
          options,
        )
        expectTruth(measured)
        const { energy, truth } = measured
        expect(added(energy)).to.have.members(['package-0', 'dram-0', 'package-1', 'dram-1'])
        expect(ids(energy)).to.include.members(['core-0', 'core-1', 'psys-0'])
        const joules = added(energy).map((id) => truth(id)[1])
        const sum = joules.reduce((total, value) => total + value)
        expect(energy.joules).to.be.closeTo(sum, 0.01 * sum)
        expect(energy.quality).to.equal('measured')
      })

      it('follows a counter through a wrap', async () => {
        const measured = await measureOn(
          await start({ preset: 'near-wrap' }),
          () => pause(2500),
          options,
        )
        expectTruth(measured)
        expect(measured.truth('package-0')[0]).to.be.above(40) // it did wrap
      })

      it('counts whole joules of psys on Sapphire Rapids, whatever bits are reserved', async () => {
        const measured = await measureOn(await start({ preset: 'spr' }), () => pause(1000), options)
        expectTruth(measured)
        expect(ids(measured.energy)).to.include('psys-0')
      })

      it('takes mirrored dies once', async () => {
        const measured = await measureOn(
          await start({ preset: 'mirrored-dies' }),
          () => pause(500),
          options,
        )
        expectTruth(measured)
        expect(ids(measured.energy)).to.deep.equal(['package-0'])
      })

      it('adds real dies', async () => {
        const measured = await measureOn(
          await start({ preset: 'real-dies' }),
          () => pause(500),
          options,
        )
        // powercap keeps 15 300 nJ for 2^-16 J of memory: 0.27 % too much, in life as here.
        expectTruth(measured, 0.003)
        expect(added(measured.energy)).to.include.members(['package-0-die-0', 'package-0-die-1'])
      })

      it('reads one package of AMD as one, with counters of 32 and of 64 bits', async () => {
        for (const preset of ['amd-zen2', 'amd-zen4-64bit'] as const) {
          const measured = await measureOn(await start({ preset }), () => pause(500), options)
          expectTruth(measured)
          expect(ids(measured.energy).every((id) => id.startsWith('package'))).to.equal(true)
          expect(measured.energy.quality).to.equal(preset === 'amd-zen2' ? 'modelled' : 'measured')
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
    expect(energy.domains).to.have.length(8)
    expect({ quality: energy.quality, coverage: energy.coverage, warnings }).to.deep.equal({
      quality: 'measured',
      coverage: 1,
      warnings: [],
    })
  })

  it('gives the DRAM of Haswell servers its own unit', async () => {
    const made = await start({ preset: 'haswell-server' })
    expectTruth(await measureOn(made, () => pause(500), msr))
    expectTruth(await measureOn(made, () => pause(500), powercap), 0.003)
  })

  it('takes the mmio twin of a package once', async () => {
    const measured = await measureOn(await start({ preset: 'mmio-twin' }), () => pause(500))
    expectTruth(measured)
    expect(added(measured.energy)).to.deep.equal(['package-0'])
  })

  it('knows zones by name, with numbers of any length', async () => {
    const measured = await measureOn(await start({ preset: 'four-digits' }), () => pause(500))
    expectTruth(measured)
    expect(added(measured.energy)).to.have.members(['package-0', 'package-1234'])
    expect(measured.meter.notes.join()).to.contain('accelerator')
  })

  it('loses at most one unit in a wrap, ten times in three seconds', async () => {
    const made = await start({
      preset: 'fast-wrap',
      domains: { package: { watts: 0, maxWatts: 900_000 } },
    })
    const range = 2 ** 18 // joules: 2^32 counts of 2^-14 J
    // At rest at both ends, so that what the counter has counted is what was used.
    const measured = await measureOn(made, async () => {
      await pause(50)
      made.setWatts('package-0', range / 0.3)
      await pause(3000)
      made.setWatts('package-0', 0)
      await pause(50)
    })
    const [used] = measured.truth('package-0')
    const wraps = Math.floor(used / range)
    expect(wraps).to.be.at.least(9)
    expect(measured.energy.joules).to.be.closeTo(used, (wraps + 2) * 2 ** -14)
    expect(measured.energy.domains[0]!.flags).to.deep.equal([])
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
    expect(new Set(ids(energy)).size).to.equal(energy.domains.length)
    expect(energy.domains.every(({ source }) => source === 'rapl-powercap')).to.equal(true)
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
      for (const { id, joules, uncertaintyJoules, flags } of energy.domains) {
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
      const measured = await measureOn(
        made,
        async () => {
          await pause(200)
          made.fault(zone, 'garbage')
          await pause(200)
          made.heal(zone)
          await pause(200)
        },
        powercap,
      )
      const { joules, flags, uncertaintyJoules } = domain(measured.energy, 'package-0')
      const [least, most] = measured.truth('package-0')
      expect(flags).to.deep.equal(['gap'])
      expect(joules).to.be.within(least - 5 * uncertaintyJoules, most + 5 * uncertaintyJoules)
      expect(measured.energy.coverage).to.be.above(0.98)
      expectOthersWell(measured, 'package-0')
    })

    it('lets coverage fall when a zone vanishes', async () => {
      const made = await start(two)
      const measured = await measureOn(
        made,
        async () => {
          await pause(300)
          made.vanish('sys/class/powercap/intel-rapl:0')
          await pause(300)
        },
        powercap,
      )
      expect(domain(measured.energy, 'package-0').flags).to.deep.equal(['gap'])
      expect(measured.energy.coverage).to.be.within(0.3, 0.7)
      expect(measured.energy.warnings.join()).to.contain('package-0')
      expect(domain(measured.energy, 'package-1').flags).to.deep.equal([])
    })

    for (const [what, joules] of [
      ['back', -500],
      ['ahead', 100_000],
    ] as const) {
      it(`never believes a counter that jumps ${what}`, async () => {
        const made = await start(two)
        const measured = await measureOn(
          made,
          async () => {
            await pause(300)
            made.jump('package-0', joules)
            await pause(300)
          },
          powercap,
        )
        const { joules: counted, flags } = domain(measured.energy, 'package-0')
        expect(flags).to.include('backwards')
        expect(measured.energy.coverage).to.be.within(0.8, 0.999)
        expect(counted).to.be.within(0.8 * 0.6 * 65, measured.truth('package-0')[1])
        expectOthersWell(measured, 'package-0')
      })
    }

    it('flags a counter that begins anew', async () => {
      const made = await start({ ...two, domains: { package: { watts: 65, seed: 2_000_000_000 } } })
      const measured = await measureOn(
        made,
        async () => {
          await pause(300)
          made.reset('package-0')
          await pause(300)
        },
        powercap,
      )
      expect(domain(measured.energy, 'package-0').flags).to.include('reset')
      expect(measured.energy.coverage).to.be.below(1)
      expectOthersWell(measured, 'package-0')
    })

    it('flags a counter that sticks', async () => {
      const made = await start(two)
      made.stick('package-0')
      const measured = await measureOn(made, () => pause(400), powercap)
      expect(domain(measured.energy, 'package-0')).to.deep.include({ joules: 0, flags: ['stale'] })
      expect(measured.energy.coverage).to.equal(0)
      expect(measured.energy.warnings.join()).to.match(/package-0.*does not mean zero/)
      expectOthersWell(measured, 'package-0')
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
    meter.rows()
    while (meter.overhead().rows === 0) await pause(5) // until the thread runs
    const before = { calls: reads(), rows: meter.overhead().rows }
    while (meter.overhead().rows < before.rows + 200) await pause(20)
    const after = { calls: reads(), rows: meter.overhead().rows }
    meter.stop()
    const rows = after.rows - before.rows
    // A row may fall between the two looks of a pair.
    expect(after.calls - before.calls).to.be.within(packages * (rows - 1), packages * (rows + 1))
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
