/** Sources that are lost while a meter runs, and sources that contradict each other, on hosts of known power. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type Energy, Meter, type MeterOptions } from '../../lib'
import { type Host, type HostOptions, hostUnavailable, startHost } from '../host/host'
import { until } from '../host/testing'

const domain = (energy: Energy, id: string) => energy.domains.find((one) => one.id === id)!

describe('a meter whose sources are in trouble', function () {
  this.timeout(60_000)
  let host: Host
  let meter: Meter
  before(function () {
    const reason = hostUnavailable()
    if (reason === undefined) return
    this.test!.title += `: ${reason}`
    this.skip()
  })
  afterEach(async () => {
    meter?.[Symbol.dispose]()
    await host?.stop()
  })
  const start = async (options: HostOptions, how: MeterOptions = {}): Promise<void> => {
    host = await startHost(options)
    meter = new Meter({ root: host.root, estimate: false, intervalMs: 10, ...how }).start()
  }

  /** Runs `during` in a span whose true joules are known to lie between two numbers. */
  async function spanOf(id: string, during: () => Promise<unknown>) {
    const outer = host.truth().joules[id]!
    const span = meter.span()
    const inner = host.truth().joules[id]!
    await during()
    const end = host.truth().joules[id]!
    const energy = span.end()
    return { energy, least: end - inner, most: host.truth().joules[id]! - outer }
  }

  it('reads registers on another CPU when theirs goes off line, and loses nothing', async () => {
    const cpusPerPackage = 2
    await start({ preset: 'intel-client', cpusPerPackage }, { sources: ['rapl-msr'] })
    const { energy, least, most } = await spanOf('package-0', async () => {
      await pause(200)
      host.vanish('dev/cpu/0/msr')
      await pause(200)
    })
    const { joules, uncertaintyJoules, flags } = domain(energy, 'package-0')
    expect(joules).to.be.within(least - 5 * uncertaintyJoules, most + 5 * uncertaintyJoules)
    expect(flags).to.deep.equal([])
    expect(energy.coverage).to.equal(1)
    expect(energy.warnings).to.deep.equal([])
  })

  for (const [what, lose] of [
    ['vanishes', () => host.vanish('sys/class/powercap/intel-rapl:0')],
    ['may no longer be read', () => host.fault('sys/class/powercap/intel-rapl:0', 'eacces')],
  ] as const) {
    it(`falls through to the next source when a zone ${what}`, async () => {
      const ids = ['package-0', 'core-0', 'uncore-0']
      await start({ preset: 'intel-client' }, { sources: ['rapl-powercap', 'rapl-msr'] })
      const whole = await spanOf('package-0', async () => {
        await pause(500)
        meter.energy() // up to here it is known
        lose()
        meter.energy() // and from here on it is known to fail
        await until(() => meter.domains[0]!.source === 'rapl-msr')
        await pause(500)
      })
      const { joules, flags, source, uncertaintyJoules } = domain(whole.energy, 'package-0')
      expect(source).to.equal('rapl-msr')
      expect(flags).to.deep.equal(['gap'])
      // 28 W, and a hole of little more than the second after which a source is given up.
      const { coverage, seconds, warnings } = whole.energy
      expect(coverage * seconds).to.be.within(0.95, seconds - 1)
      expect(joules).to.be.closeTo(28 * coverage * seconds, 0.5)
      expect(uncertaintyJoules).to.be.above(5) // for what the hole may have held
      const said = 'are read by rapl-msr since rapl-powercap lost them.'
      expect(warnings[0]).to.equal(`package-0, core-0 and uncore-0 ${said}`)

      const later = await spanOf('package-0', () => pause(300))
      const now = domain(later.energy, 'package-0')
      const margin = 5 * now.uncertaintyJoules
      expect(now.joules).to.be.within(later.least - margin, later.most + margin)
      expect(now.flags).to.deep.equal([])
      expect(later.energy.coverage).to.equal(1)
      expect(later.energy.warnings).to.deep.equal([warnings[0]])
      for (const one of meter.domains) {
        expect(one.source, one.id).to.equal(ids.includes(one.id) ? 'rapl-msr' : 'rapl-powercap')
      }
    })
  }

  it('goes on by itself after a short failure, and has lost nothing', async () => {
    await start({ preset: 'intel-client' }, { sources: ['rapl-powercap', 'rapl-msr'] })
    const { energy, least, most } = await spanOf('package-0', async () => {
      host.fault('sys/class/powercap/intel-rapl:0', 'eio', { until: '+0.3' })
      meter.energy()
      await pause(1200) // after a second it is looked at again
    })
    const { joules, source, uncertaintyJoules, flags } = domain(energy, 'package-0')
    expect(source).to.equal('rapl-powercap')
    expect(joules).to.be.within(least - 5 * uncertaintyJoules, most + 5 * uncertaintyJoules)
    expect(flags).to.deep.equal(['gap'])
    expect(energy.coverage).to.be.above(0.98)
  })

  it('says that a unit of memory is wrong by four, and whose joules are told', async () => {
    // As kernels did that gave Sapphire Rapids the unit of the servers before it.
    await start({
      preset: 'intel-server-2s',
      domains: { dram: { watts: [9, 18], nanojoules: 15_300 } },
    })
    const found = () => meter.energy().warnings.filter((one) => one.includes('rapl-msr'))
    await until(() => found().length > 0)
    await pause(100) // both are found at once, a sentence after the other
    const warnings = found()
    expect(warnings).to.have.length(2)
    for (const [index, id] of ['dram-0', 'dram-1'].entries()) {
      expect(warnings[index]).to.match(
        new RegExp(`^${id}: rapl-powercap, whose joules these are, counts 0\\.25\\d? times`),
      )
      expect(warnings[index]).to.contain('rapl-msr').and.to.contain('2^-16 J')
    }
    expect(meter.energy().domains.every(({ flags }) => flags.length === 0)).to.equal(true)
  })

  it('checks nothing where the sources are named', async () => {
    const domains = { dram: { watts: 9, nanojoules: 15_300 } }
    await start({ preset: 'intel-server-2s', domains }, { sources: ['rapl-powercap'] })
    await pause(800)
    expect(meter.overhead().reads).to.equal(1)
    expect(meter.stop().warnings).to.deep.equal([])
  })

  for (const preset of ['intel-server-2s', 'haswell-server', 'spr', 'amd-zen2'] as const) {
    it(`has nothing to say of ${preset}, whose sources agree`, async () => {
      await start({ preset })
      await pause(1200)
      const looks = 6
      expect(meter.overhead().reads).to.be.at.least(1 + 2 * looks)
      expect(meter.stop().warnings).to.deep.equal([])
    })
  }
})
