// The meter's manners: options, states, spans, rows; on made trees and on this machine.
import { cpus } from 'node:os'
import { expect } from 'chai'
import { JouletapError, Meter, type MeterOptions, measure, probe } from '../../lib'
import { measured, readRows, self } from '../support/energy'
import { makeTree, powercapTree, type Tree } from '../support/tree'

const ENERGY = 'sys/class/powercap/intel-rapl:0/energy_uj'
const UNIT_NANOJOULES = 61_035 // of 2^-14 J, as powercap keeps it
/** Text of energy_uj after so many counts of 2^-14 J. */
const counted = (counts: number) => `${Math.floor((counts * UNIT_NANOJOULES) / 1000)}\n`

function machine(): Tree {
  return makeTree(
    powercapTree({
      zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: counted(1_000_000).trim() }],
    }),
  )
}

function rejection(work: () => unknown): JouletapError {
  try {
    work()
  } catch (error) {
    expect(error).to.be.instanceOf(JouletapError)
    return error as JouletapError
  }
  throw new Error('nothing was thrown')
}

describe('Meter', () => {
  let tree: Tree
  beforeEach(() => {
    tree = machine()
  })
  afterEach(() => tree.dispose())

  const options = (more: MeterOptions = {}): MeterOptions => ({
    root: tree.root,
    intervalMs: 5,
    estimate: false,
    ...more,
  })

  it('gives the joules that a counter counted between start and stop', () => {
    const meter = new Meter(options()).start()
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 5))
    const energy = meter.stop()
    expect(energy.joules).to.be.closeTo(5, 1e-9)
    expect(energy.domains.map(({ id }) => id)).to.deep.equal(['package-0', 'self'])
    expect(meter.domains.map(({ id }) => id)).to.deep.equal(['package-0'])
    expect(energy.domains[0]).to.include({
      id: 'package-0',
      kind: 'package',
      source: 'rapl-powercap',
      additive: true,
      quality: 'measured',
    })
    expect(energy.seconds).to.be.above(0)
    expect(energy.uncertaintyJoules).to.be.above(0)
    expect(meter.stop()).to.equal(energy)
    expect(meter.energy()).to.equal(energy)
  })

  it('lets spans nest and overlap', () => {
    const meter = new Meter(options()).start()
    const outer = meter.span('outer')
    tree.write(ENERGY, counted(1_000_000 + 16_384))
    const inner = meter.span('inner')
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 3))
    const first = outer.end()
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 7))
    expect(first.joules).to.be.closeTo(3, 1e-9)
    expect(inner.end().joules).to.be.closeTo(6, 1e-9)
    expect(outer.end()).to.equal(first)
    expect([outer.name, inner.name]).to.deep.equal(['outer', 'inner'])
    meter.stop()
  })

  it('sees the machine, as any other meter does: their joules are the same ones', () => {
    const meters = [new Meter(options()).start(), new Meter(options()).start()]
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 5))
    for (const meter of meters) expect(meter.stop().joules).to.be.closeTo(5, 1e-9)
  })

  it('works with `using`', () => {
    let total: Meter
    let last: ReturnType<Meter['span']>
    {
      using meter = new Meter(options()).start()
      using span = meter.span('block')
      tree.write(ENERGY, counted(1_000_000 + 16_384))
      total = meter
      last = span
    }
    expect(total.stop().joules).to.be.closeTo(1, 1e-9)
    expect(last.end().joules).to.be.closeTo(1, 1e-9)
  })

  it('ends a span that outlives its meter at the last reading', () => {
    const meter = new Meter(options()).start()
    const span = meter.span()
    tree.write(ENERGY, counted(1_000_000 + 16_384))
    meter.stop()
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 9))
    expect(span.end().joules).to.be.closeTo(1, 1e-9)
  })

  it('refuses what its state does not allow, by name', () => {
    const meter = new Meter(options())
    for (const method of ['energy', 'stop', 'span', 'rows'] as const) {
      const { code, message } = rejection(() => meter[method]())
      expect(code).to.equal('BAD_STATE')
      expect(message).to.contain(`${method}()`)
    }
    meter.start()
    expect(meter.start()).to.equal(meter)
    meter.stop()
    expect(rejection(() => meter.start()).code).to.equal('BAD_STATE')
    expect(rejection(() => meter.span()).code).to.equal('BAD_STATE')
  })

  const wrong: [string, unknown, RegExp][] = [
    ['intervalMs', 0, /intervalMs.*0\.1.*not 0\.$/],
    ['intervalMs', 0.05, /not 0\.05\.$/],
    ['intervalMs', Number.NaN, /not NaN\.$/],
    ['intervalMs', '100', /not "100"\.$/],
    ['intervalMs', 4e6, /3600000.*not 4000000\.$/],
    ['sources', 'rapl', /sources.*rapl-perf.*not "rapl"\.$/],
    ['sources', [], /sources.*not \[\]\.$/],
    ['sources', ['rapl-perf', 'perf'], /not "perf"\.$/],
    ['root', '/does/not/exist', /root.*not "\/does\/not\/exist"\.$/],
    ['root', '', /root.*not ""\.$/],
    ['estimate', 1, /estimate.*true or false.*not 1\.$/],
    ['interval', 100, /intervalMs.*not "interval"\.$/],
  ]
  for (const [name, value, message] of wrong) {
    it(`refuses ${name}: ${JSON.stringify(value)} in one sentence`, () => {
      const error = rejection(() => new Meter({ [name]: value } as MeterOptions))
      expect(error.code).to.equal('BAD_OPTION')
      expect(error.message).to.match(message)
    })
  }

  it('batches rows that begin at zero, never fall, and end with the total', async () => {
    const meter = new Meter(options())
    const before = performance.now()
    meter.start()
    const times: number[] = []
    const joules: number[] = []
    for await (const rows of meter.rows()) {
      times.push(...rows.times)
      joules.push(...rows.joules[0]!)
      expect(rows.joules).to.have.length(meter.domains.length)
      if (times.length === rows.times.length) tree.write(ENERGY, counted(1_000_000 + 16_384 * 2))
      if (times.length >= 20) meter.stop()
    }
    expect(joules[0]).to.equal(0)
    expect(joules.at(-1)).to.be.closeTo(2, 1e-9)
    expect(meter.stop().joules).to.equal(joules.at(-1))
    for (let i = 1; i < times.length; i++) {
      expect(times[i]).to.be.above(times[i - 1]!)
      expect(joules[i]).to.be.at.least(joules[i - 1]!)
    }
    expect(times[0]).to.be.within(before, performance.now())
    expect(times.at(-1)).to.be.within(times[0]!, performance.now())
  })

  it('lets one loop at a time read rows', async () => {
    const meter = new Meter(options()).start()
    const rows = meter.rows()
    expect(rejection(() => meter.rows()).code).to.equal('BAD_STATE')
    await rows.return!()
    expect((await meter.rows().next()).value.times).to.have.length.above(0)
    meter.stop()
  })

  it('shows a read that failed as NaN, and the next good one with all its joules', async () => {
    const meter = new Meter(options()).start()
    const iterator = meter.rows()
    const seen: number[] = []
    const until = async (done: () => boolean) => {
      while (!done()) seen.push(...(await iterator.next()).value.joules[0])
    }
    await until(() => seen.length > 3)
    tree.write(ENERGY, 'garbage\n')
    await until(() => seen.some(Number.isNaN))
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 4))
    await until(() => !Number.isNaN(seen.at(-1)))
    const energy = meter.stop()
    expect(energy.joules).to.be.closeTo(4, 1e-9)
    expect(energy.domains[0]!.flags).to.include('gap')
    expect(energy.coverage).to.be.above(0)
  })

  it('sees nothing of a read that would have failed, where no rows were asked for', () => {
    const meter = new Meter(options()).start()
    tree.write(ENERGY, 'garbage\n')
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 4))
    const energy = meter.stop()
    expect(energy.joules).to.be.closeTo(4, 1e-9)
    expect(energy.domains[0]!.flags).to.deep.equal([])
    expect(energy.coverage).to.equal(1)
  })

  it('tells what it cost: nothing before it starts, and reads, rows and joules after', async () => {
    const meter = new Meter(options())
    expect(meter.overhead()).to.deep.include({
      cpuSeconds: 0,
      joules: 0,
      joulesAtMost: 0,
      reads: 0,
      rows: 0,
      overwritten: 0,
      overruns: 0,
      wakeUps: 0,
      systemCalls: 0,
      lateUs: { p50: 0, p99: 0, max: 0 },
      intervalMs: 5,
    })
    meter.start()
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 5))
    const reading = readRows(meter)
    while (meter.overhead().rows < 5) await new Promise(setImmediate)
    meter.stop()
    const seen = await reading
    const overhead = meter.overhead()
    expect(seen).to.equal(overhead.rows + 2) // and the first and the last
    expect(overhead.reads).to.be.above(overhead.rows + 2)
    expect(overhead.systemCalls).to.equal(overhead.reads + overhead.wakeUps)
    expect(overhead.joulesAtMost).to.be.within(Number.MIN_VALUE, 5)
    expect(overhead.joules).to.be.within(overhead.joulesAtMost / 2, overhead.joulesAtMost)
    const { reads, systemCalls, rows } = overhead
    expect(meter.overhead()).to.include({ reads, systemCalls, rows }) // nothing is read any more
  })

  it('tells what measuring used in every energy that a processor is part of', () => {
    const gpu = makeTree({
      'sys/class/hwmon/hwmon0/name': 'i915\n',
      'sys/class/hwmon/hwmon0/energy1_input': '123456\n',
    })
    const without = new Meter({ root: gpu.root, estimate: false }).start()
    expect(self(without.stop())).to.equal(undefined)
    expect(without.overhead()).to.include({ joules: 0, joulesAtMost: 0 })
    gpu.dispose()

    const meter = new Meter(options()).start()
    const span = meter.span()
    tree.write(ENERGY, counted(1_000_000 + 16_384 * 5))
    for (const energy of [span.end(), meter.energy(), meter.stop()]) {
      expect(energy.domains.at(-1)).to.equal(self(energy))
      expect(self(energy)).to.include({ additive: false, quality: 'estimated', source: 'jouletap' })
      // Its threads may run at the same time.
      expect(self(energy)!.joules).to.be.within(Number.MIN_VALUE, 5 * cpus().length)
      expect(energy.joules).to.be.closeTo(5, 1e-9) // as if it were not there
    }
  })

  it('says with estimate: false what is missing, and how to mend it', () => {
    const bare = makeTree({ 'proc/cpuinfo': 'vendor_id\t: GenuineIntel\n' })
    const { code, message } = rejection(() => new Meter({ root: bare.root, estimate: false }))
    bare.dispose()
    expect(code).to.equal('NO_SOURCE')
    for (const name of ['rapl-perf', 'rapl-powercap', 'rapl-msr', 'hwmon']) {
      expect(message).to.contain(name)
    }
  })

  it('estimates where nothing can be read, and is never silent about it', async () => {
    const bare = makeTree({})
    const { energy, value } = await measure(() => 42, { root: bare.root })
    bare.dispose()
    expect(value).to.equal(42)
    expect(energy.quality).to.equal('estimated')
    expect(measured(energy).every(({ source }) => source === 'estimate')).to.equal(true)
    expect(energy.warnings[0]).to.match(/No energy counter can be read.*estimate/)
  })

  it('says that an estimate has no rows as fast as were asked for', () => {
    const notes = (intervalMs: number) => new Meter({ sources: ['estimate'], intervalMs }).notes
    expect(notes(10).join()).to.contain('a row every 100 ms at the most')
    expect(notes(100).join()).to.not.contain('row')
  })

  it('does not estimate what it can measure', () => {
    const meter = new Meter({ root: tree.root })
    expect(meter.domains.map(({ source }) => source)).to.deep.equal(['rapl-powercap'])
    meter[Symbol.dispose]()
  })

  it('estimates a processor that only its GPU is measured of', () => {
    const gpu = makeTree({
      'sys/class/hwmon/hwmon0/name': 'i915\n',
      'sys/class/hwmon/hwmon0/energy1_input': '123456\n',
    })
    const sources = new Meter({ root: gpu.root }).domains.map(({ kind, source }) => [kind, source])
    gpu.dispose()
    expect(sources).to.deep.include.members([
      ['gpu', 'hwmon'],
      ['package', 'estimate'],
    ])
  })

  it('does not pass rails of unknown place for a machine', () => {
    const rails = makeTree({
      'sys/class/hwmon/hwmon0/name': 'ina226\n',
      'sys/class/hwmon/hwmon0/power1_input': '2000000\n',
    })
    const energy = new Meter({ root: rails.root, estimate: false }).start().stop()
    rails.dispose()
    expect(energy.domains.map(({ additive }) => additive)).to.deep.equal([false])
    expect(energy).to.include({ joules: 0, coverage: 0 })
    expect(energy.warnings.join()).to.match(/added up.*says nothing/)
  })

  it('warns of what is there, would be summed, and cannot be read', () => {
    const zones = [0, 1].map((id) => ({
      folder: `intel-rapl:${id}`,
      name: `package-${id}`,
      energy: 1,
    }))
    const made = makeTree(powercapTree({ zones }))
    made.write('sys/class/powercap/intel-rapl:1/energy_uj', 'garbage\n')
    for (const zone of ['dram', 'core']) {
      const folder = `sys/class/powercap/intel-rapl:0:${zone === 'dram' ? 0 : 1}`
      made.write(`${folder}/name`, `${zone}\n`)
      made.write(`${folder}/energy_uj`, '')
    }
    const { warnings } = new Meter({ root: made.root, estimate: false }).start().stop()
    made.dispose()
    const gaps = warnings.filter((sentence) => sentence.includes('not in the total'))
    expect(gaps.map((sentence) => sentence.split(' ', 1)[0])).to.have.members([
      'dram-0',
      'package-1',
    ])
  })

  it('warns of a total without the processor', () => {
    const gpu = makeTree({
      'sys/class/hwmon/hwmon0/name': 'i915\n',
      'sys/class/hwmon/hwmon0/energy1_input': '123456\n',
    })
    const { warnings } = new Meter({ root: gpu.root, estimate: false }).start().stop()
    gpu.dispose()
    expect(warnings.join()).to.contain('No counter of the processor is read')
  })

  it('estimates memory only where none is measured', () => {
    const dram = makeTree(
      powercapTree({ zones: [{ folder: 'intel-rapl:0:1', name: 'dram', energy: 1000 }] }),
    )
    dram.write('sys/class/powercap/intel-rapl:0/name', 'package-0\n')
    const found = new Meter({ root: dram.root }).domains.map(({ id, source }) => [id, source])
    dram.dispose()
    expect(found).to.have.deep.members([
      ['dram-0', 'rapl-powercap'],
      ['package-0', 'estimate'],
    ])
  })

  it('says of a source that was asked for that it cannot be read', () => {
    const meter = new Meter({ root: tree.root, sources: ['rapl-msr', 'rapl-powercap'] }).start()
    expect(meter.stop().warnings.join()).to.match(/Asked for.*rapl-msr/)
  })
})

describe('measure', () => {
  it('stops the meter and passes on what the function throws', async () => {
    const listeners = process.listenerCount('exit')
    let thrown: unknown
    await measure(() => Promise.reject(new RangeError('mine'))).catch((error: unknown) => {
      thrown = error
    })
    expect(thrown).to.be.instanceOf(RangeError)
    expect(process.listenerCount('exit')).to.equal(listeners)
  })

  it('gives a plausible, labelled figure on this machine', async () => {
    const { energy } = await measure(() => {
      const end = performance.now() + 300
      while (performance.now() < end);
    })
    expect(energy.seconds).to.be.within(0.3, 3)
    expect(energy.watts).to.be.within(0.1, 2000)
    expect(energy.uncertaintyJoules).to.be.above(0)
    if (energy.quality === 'estimated') expect(energy.warnings).to.not.be.empty
  })
})

describe('probe', () => {
  it('tells of every source, best first, with domains or with a reason', () => {
    const tree = machine()
    const reports = probe({ root: tree.root })
    tree.dispose()
    expect(reports.map(({ name }) => name)).to.deep.equal([
      'rapl-perf',
      'rapl-powercap',
      'rapl-msr',
      'nvml',
      'hwmon',
      'rapl-perf-core',
      'powermetrics',
      'estimate',
    ])
    for (const { usable, domains, reason } of reports) {
      expect(domains.length > 0).to.equal(usable)
      expect(typeof reason === 'string').to.equal(!usable)
    }
    expect(reports[1]!.domains.map(({ id }) => id)).to.deep.equal(['package-0'])
  })

  it('refuses a root that is no folder', () => {
    expect(rejection(() => probe({ root: '/dev/null' })).code).to.equal('BAD_OPTION')
  })
})
