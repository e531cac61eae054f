/** The meter on NVIDIA cards: against a driver of known truth, from the option to the energy. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type Energy, Meter, type MeterOptions, probe } from '../../lib'
import { hostUnavailable, startHost } from '../host/host'
import { type Stub, type StubOptions, startStub, stubUnavailable } from '../nvml/stub'
import { runNode } from '../support/process'

const GPU = (n: number) => `gpu-0000:${(0x41 + n).toString(16)}:00.0`

describe('a meter on NVIDIA cards', function () {
  this.timeout(60_000)
  let stub: Stub | undefined
  let undo = () => {}
  const opened: Meter[] = []
  before(function () {
    const reason = stubUnavailable()
    if (reason === undefined) return
    this.test!.title += `: ${reason}`
    this.skip()
  })
  afterEach(() => {
    undo()
    // A library that is still in use would go on with the page of the test before.
    for (const meter of opened.splice(0)) meter[Symbol.dispose]()
    stub?.dispose()
    stub = undefined
  })
  const start = (options: StubOptions): Stub => {
    stub = startStub(options)
    undo = stub.install()
    return stub
  }
  const open = (options: MeterOptions = {}) => {
    const meter = new Meter({ sources: ['nvml'], estimate: false, ...options })
    opened.push(meter)
    return meter
  }
  const ids = (meter: Meter) => meter.domains.map(({ id }) => id)

  /** Runs `during`, with the time just inside and just outside of the measured stretch. */
  async function measured(during: () => Promise<unknown>, options: MeterOptions = {}) {
    const meter = open(options)
    const outer = process.hrtime.bigint()
    meter.start()
    const inner = process.hrtime.bigint()
    await during()
    const innerEnd = process.hrtime.bigint()
    const energy = meter.stop()
    const outerEnd = process.hrtime.bigint()
    const truth = (n: number) => ({
      least: stub!.joules(n, inner, innerEnd),
      most: stub!.joules(n, outer, outerEnd),
    })
    return { energy, truth, meter }
  }

  function domain(energy: Energy, n: number) {
    const found = energy.domains.find(({ id }) => id === GPU(n))
    if (!found) throw new Error(`no ${GPU(n)}`)
    return found
  }

  it('adds up four cards of 200 W over six seconds to 4800 J', async () => {
    start({ gpus: [0, 1, 2, 3].map((n) => ({ watts: 200, ageS: 5 + 0.023 * n })) })
    const { energy } = await measured(() => pause(6000))
    const expected = 800 * energy.seconds
    expect(energy.seconds).to.be.within(6, 6.3)
    expect(energy.joules).to.be.closeTo(expected, 0.01 * expected)
    expect(energy.quality).to.equal('measured')
    expect(energy.coverage).to.equal(1)
    expect(energy.domains.map(({ id, device }) => [id, device])).to.deep.equal(
      [0, 1, 2, 3].map((n) => [
        GPU(n),
        {
          name: 'NVIDIA A100-SXM4-40GB',
          uuid: `GPU-5eed0000-0000-4000-8000-00000000000${n}`,
          pci: GPU(n).slice(4),
          index: n,
          driver: '570.86.15',
        },
      ]),
    )
    for (const one of energy.domains) {
      expect(one.joules).to.be.closeTo(expected / 4, 5 * one.uncertaintyJoules)
      expect(one.method).to.equal('energy-counter')
      expect(one.flags).to.deep.equal([])
    }
  })

  it('states the error of a gauge that sees a quarter of a spiky load', async () => {
    // 10 ms of every 50 at 400 W, else 50 W: 120 W. The gauge looks for 25 ms of every 100.
    const phases = [0, 0.011, 0.023, 0.037]
    start({
      gpus: phases.map((phase) => ({
        watts: 'square:400:50:0.05:0.2',
        ageS: 5 + phase,
        knobs: { gauge_refresh_s: 0.1, instant_window_s: 0.025, samples_period_s: 0.1 },
      })),
    })
    for (const n of phases.keys()) {
      for (const what of ['total_energy', 'nvmlDeviceGetTotalEnergyConsumption']) {
        stub!.gpu(n).fail(what, 3)
      }
    }
    const { energy, truth } = await measured(() => pause(2000))
    const errors = [...phases.keys()].map((n) => {
      const { joules, uncertaintyJoules, method } = domain(energy, n)
      expect(method).to.equal('power-samples')
      return Math.abs(joules - truth(n).least) / uncertaintyJoules
    })
    expect(Math.max(...errors)).to.be.below(2)
    // It is the gauge's blindness that is stated, not the noise of this run.
    expect(domain(energy, 0).uncertaintyJoules).to.be.above(0.2 * truth(0).least)
  })

  it('keeps its counter within the stated uncertainty over half a second, one, and ten', async () => {
    const cards = 4
    start({
      gpus: Array.from({ length: cards }, (_, n) => ({
        watts: n < 2 ? 150 + 100 * n : 'square:350:100:0.73:0.4',
        ageS: 5 + 0.029 * n,
      })),
    })
    const meter = open().start()
    const lengths = [0.5, 1, 10]
    const errors = lengths.map(() => [] as number[])
    const windows: Promise<void>[] = []
    for (let window = 0; window < 50; window++) {
      for (const [at, length] of lengths.entries()) {
        windows.push(
          (async () => {
            const from = process.hrtime.bigint()
            const span = meter.span()
            await pause(1000 * length)
            const energy = span.end()
            const to = process.hrtime.bigint()
            for (let n = 0; n < cards; n++) {
              const { joules, uncertaintyJoules } = domain(energy, n)
              errors[at]!.push(Math.abs(joules - stub!.joules(n, from, to)) / uncertaintyJoules)
            }
          })(),
        )
      }
      await pause(83)
    }
    await Promise.all(windows)
    meter.stop()
    for (const [at, length] of lengths.entries()) {
      const within = (sigmas: number) =>
        errors[at]!.filter((error) => error <= sigmas).length / errors[at]!.length
      expect(errors[at]!.length).to.equal(50 * cards)
      // Neighbouring windows share their ends: a fifth of them is taken to be independent.
      const slack = (share: number) =>
        3 * Math.sqrt((share * (1 - share)) / (errors[at]!.length / 5))
      expect(within(1), `${length} s`).to.be.at.least(0.68 - slack(0.68))
      expect(within(2), `${length} s`).to.be.at.least(0.95 - slack(0.95))
    }
  })

  it('flags a card that is lost in mid-run, and its coverage falls; the other goes on', async () => {
    start({
      gpus: [
        { watts: 200, ageS: 5 },
        { watts: 100, ageS: 5 },
      ],
    })
    const { energy, truth } = await measured(async () => {
      await pause(700)
      stub!.gpu(0).lose()
      await pause(700)
    })
    expect(domain(energy, 0).flags).to.include('gap')
    expect(domain(energy, 0).joules).to.be.closeTo(140, 30)
    expect(energy.coverage).to.be.within(0.4, 0.6)
    expect(energy.warnings.join(' ')).to.include(`${GPU(0)} is known for`)
    const other = domain(energy, 1)
    expect(other.flags).to.deep.equal([])
    expect(other.joules).to.be.closeTo(truth(1).least, 5 * other.uncertaintyJoules)
    // What is not known is in the uncertainty.
    const short = truth(0).least - domain(energy, 0).joules
    expect(domain(energy, 0).uncertaintyJoules).to.be.above(0.5 * short)
  })

  it('says that a counter which stands still was given up, and loses nothing by it', async () => {
    start({ gpus: [{ watts: 200, ageS: 5 }] })
    stub!.gpu(0).stickEnergy()
    const { energy, truth } = await measured(() => pause(4000))
    const { joules, uncertaintyJoules, method, flags } = domain(energy, 0)
    expect(method).to.equal('power-gauge')
    expect(flags).to.deep.equal(['stale'])
    expect(energy.warnings.join(' ')).to.include('energy counter that stands still')
    expect(joules).to.be.closeTo(truth(0).least, uncertaintyJoules)
  })

  describe('follows', () => {
    const before = process.env.CUDA_VISIBLE_DEVICES
    const show = (value: string | undefined) => {
      if (value === undefined) delete process.env.CUDA_VISIBLE_DEVICES
      else process.env.CUDA_VISIBLE_DEVICES = value
    }
    afterEach(() => show(before))
    const uuid = (n: number) => `GPU-5eed0000-0000-4000-8000-00000000000${n}`

    // The whole grammar is held in test/native/gpu_choice.test.cc; this is the way from here to it.
    const rows: [string | undefined, number[], RegExp?][] = [
      [undefined, [0, 1, 2, 3]],
      ['1', [1]],
      ['0,2', [0, 2]],
      ['', [], /CUDA_VISIBLE_DEVICES/],
      ['-1', [], /-1/],
      [uuid(3), [3]],
      ['7', [], /7/],
      ['1,1', [1], /twice/],
      ['2,foo,1', [2], /foo/],
    ]
    for (const [value, cards, warning] of rows) {
      it(`what CUDA_VISIBLE_DEVICES=${value ?? '(unset)'} shows`, () => {
        start({ gpus: [{}, {}, {}, {}] })
        show(value)
        const meter = open({ estimate: true })
        const gpus = ids(meter).filter((id) => id.startsWith('gpu'))
        expect(gpus).to.deep.equal(cards.map(GPU))
        if (warning) expect(meter.notes.join(' ')).to.match(warning)
      })
    }

    it('the option before the environment', () => {
      start({ gpus: [{}, {}, {}, {}] })
      show('0')
      expect(ids(open({ gpus: 'all' }))).to.deep.equal([0, 1, 2, 3].map(GPU))
      expect(ids(open({ gpus: [2, uuid(3)] }))).to.deep.equal([GPU(2), GPU(3)])
      expect(ids(open({ gpus: ['0000:42:00.0'] }))).to.deep.equal([GPU(1)])
      const meter = open({ gpus: [1, 9] })
      expect(ids(meter)).to.deep.equal([GPU(1)])
      expect(meter.notes.join(' ')).to.match(/GPU 9 does not exist/)
      expect(() => open({ gpus: 'none' })).to.throw(/no GPUs are wanted/)
      expect(() => open({ gpus: [] })).to.throw(/no GPUs are wanted/)
    })
  })

  it('refuses options that are none, naming the value and what is allowed', () => {
    const refused = (options: object, message: RegExp) =>
      expect(() => new Meter(options as MeterOptions)).to.throw(message)
    refused({ gpus: 'some' }, /^gpus must be 'visible', 'all', 'none' or a list .*, not "some"\.$/)
    refused({ gpus: [-1] }, /^gpus must be .*, not -1\.$/)
    refused({ gpus: [1.5] }, /^gpus must be .*, not 1\.5\.$/)
    refused({ gpus: [''] }, /^gpus must be .*, not ""\.$/)
    refused({ gpus: 0 }, /^gpus must be .*, not 0\.$/)
    refused({ nvml: 7 }, /^nvml must be the path of a library, not 7\.$/)
  })

  it('takes the library from the option before the environment, and says what is wrong with it', () => {
    const made = start({ gpus: [{}] })
    process.env.JOULETAP_NVML = '/nowhere/libnvidia-ml.so.1'
    expect(ids(open({ nvml: made.library }))).to.deep.equal([GPU(0)])
    expect(() => open()).to.throw(/NVIDIA's library could not be loaded: .*nowhere/)
  })

  it('is told of by probe, whatever is hidden', () => {
    const { library } = start({ gpus: [{}, {}] })
    const report = probe({ nvml: library }).find(({ name }) => name === 'nvml')!
    expect(report.usable).to.equal(true)
    expect(report.domains.map(({ id }) => id)).to.deep.equal([GPU(0), GPU(1)])
    stub!.set('init_code', 9)
    const refused = probe({ nvml: library }).find(({ name }) => name === 'nvml')!
    expect(refused).to.include({
      usable: false,
      reason: "NVIDIA's driver is not loaded",
      fix: 'sudo modprobe nvidia',
    })
  })

  it('delays no row of the processor, though its own calls take 11 ms', async function () {
    const reason = hostUnavailable()
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    start({
      gpus: [
        { watts: 200, ageS: 5 },
        { watts: 100, ageS: 5 },
      ],
    })
    await using host = await startHost({ preset: 'intel-server-2s' })
    const options: MeterOptions = { root: host.root, sources: 'auto', intervalMs: 1 }
    const meter = open(options).start()
    stub!.set('latency_us', 11_000)
    const from = stub!.gpu(0).calls()
    let rows = 0
    const reading = (async () => {
      for await (const { times } of meter.rows()) rows += times.length
    })()
    await pause(2000)
    const energy = meter.stop()
    await reading
    const calls = stub!.gpu(0).calls() - from
    const { overruns, overwritten } = meter.overhead()
    expect(overwritten).to.equal(0)
    // Every time of the grid has a row or was counted; the last look may lie beyond it.
    expect(rows + overruns).to.be.within(1990, 1000 * energy.seconds + 2)
    // Were a row to wait for the driver, there could be no more rows than calls.
    expect(rows).to.be.above(5 * calls)
    expect(energy.domains.filter(({ kind }) => kind === 'package')).to.have.length(2)
    for (const { flags } of energy.domains) expect(flags).to.deep.equal([])
  })

  describe('with its thread running', () => {
    const endings: [string, string, number][] = [
      ['ends by itself', '', 0],
      ['ends by process.exit()', 'process.exit(7)', 7],
      ['stops and ends', 'meter.stop()', 0],
      ['is collected with its worker', 'inWorker()', 0],
    ]
    for (const [name, ending, code] of endings) {
      it(`a process ${name}, in silence`, async () => {
        const { env } = start({ gpus: [{ watts: 200, ageS: 5 }] })
        const body = `
          const { Meter } = require('jouletap')
          const meter = new Meter({ sources: ['nvml'], intervalMs: 1, estimate: false }).start()`
        const source = `
          const { Worker } = require('node:worker_threads')
          const inWorker = () => {
            const worker = new Worker(${JSON.stringify(`${body}; setInterval(() => {}, 1000)
              require('node:worker_threads').parentPort.postMessage('ready')`)}, { eval: true })
            worker.once('message', () => worker.terminate())
          }
          ${body}
          setTimeout(() => { ${ending} }, 100)`
        const ended = await runNode(
          source.replaceAll("require('jouletap')", 'require(process.cwd())'),
          {
            env,
          },
        )
        expect(ended).to.deep.include({ code, stderr: '', stdout: '' })
      })
    }
  })
})
