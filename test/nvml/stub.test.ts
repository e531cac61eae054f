/** The stand-in for NVIDIA's library from TypeScript; test/native/nvml_stub.test.cc holds it to account. */
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { expect } from 'chai'
import { ask, type Generation } from './build'
import { functionNames, openPage, pageBytes } from './page'
import { buildStub, type Stub, type StubOptions, startStub, stubUnavailable } from './stub'

describe("the stand-in for NVIDIA's library", function () {
  this.timeout(60_000) // compiles
  let stub: Stub | undefined

  before(function () {
    const reason = stubUnavailable()
    if (!reason) return
    process.stderr.write(`skipped: ${reason}\n`)
    this.skip()
  })
  afterEach(() => {
    stub?.dispose()
    stub = undefined
  })

  const start = (options: StubOptions = {}): Stub => {
    stub = startStub(options)
    return stub
  }
  /** Answers of a process that begins with nvmlInit. */
  const answers = (made: Stub, ...calls: string[]) =>
    ask(made.library, made.env, 'init', ...calls).slice(1)
  const symbols = (generation: Generation): string[] => {
    const { stdout } = spawnSync('nm', ['-D', '--defined-only', buildStub(generation)], {
      encoding: 'utf8',
    })
    return [...stdout.matchAll(/ T (nvml\w+)$/gm)].map(([, name]) => name!)
  }

  it('finds in control.h where the values of a page are', () => {
    const made = start({ gpus: [{}, {}] })
    expect(statSync(made.control).size).to.equal(pageBytes)
    const page = openPage(made.control)
    try {
      expect(page.number('gpu_count')).to.equal(2)
      expect(page.text('gpus.7.uuid')).to.equal('GPU-5eed0000-0000-4000-8000-000000000007')
      expect(page.number('gpus.7.fields.0.value_type')).to.equal(3)
      expect(page.number('gpus.7.processes.15.until_s')).to.equal(Infinity)
      expect(() => page.number('gpus.8.lost')).to.throw('gpus.8.lost')
      expect(() => made.gpu(0).set('lots', 1)).to.throw('lots')
    } finally {
      page.close()
    }
  })

  it('exports in each generation what its driver had, and only that', () => {
    const newer = functionNames.filter((name) => !symbols('450').includes(name))
    expect(newer).to.deep.equal([
      'nvmlDeviceGetNumGpuCores',
      'nvmlDeviceGetProcessesUtilizationInfo',
      'nvmlDeviceGetComputeRunningProcesses_v3',
      'nvmlDeviceGetGraphicsRunningProcesses_v3',
      'nvmlDeviceGetRunningProcessDetailList',
      'nvmlDeviceGetConfComputeMemSizeInfo',
    ])
    const without = (...names: string[]) => functionNames.filter((name) => !names.includes(name))
    const utilization = 'nvmlDeviceGetProcessesUtilizationInfo'
    const details = 'nvmlDeviceGetRunningProcessDetailList'
    expect(symbols('535.43')).to.have.members(without(utilization, details))
    expect(symbols('535')).to.have.members(without(utilization))
    expect(symbols('570')).to.have.members(functionNames)
  })

  for (const [watts, joules] of [
    [65, 65 * 3.217],
    ['step:10:650:0.05', 10 * 0.05 + 650 * 3.167],
    ['ramp:0:300:10', ((300 / 10) * 3.217 ** 2) / 2],
    ['square:400:50:0.002:0.3', 1608 * 0.002 * 155 + 0.0006 * 400 + 0.0004 * 50],
  ] as const) {
    it(`knows as truth what the library counts: ${watts}`, () => {
      const knobs = { energy_refresh_s: 0, energy_offset_mj: 5000 }
      const made = start({ gpus: [{ watts, ageS: 10, knobs }] })
      const gpu = made.gpu(0)
      const counted = () => Number(answers(made, 'energy:0')[0]!.value) / 1e3 - 5
      const before = process.hrtime.bigint()
      const now = counted()
      const after = process.hrtime.bigint()
      // The counter cuts off what is below a millijoule.
      expect(now).to.be.within(
        made.joules(0, gpu.startNs, before) - 0.001,
        made.joules(0, gpu.startNs, after),
      )
      const moment = gpu.startNs + 3_217_000_000n
      gpu.set('energy_stuck_ns', moment)
      expect(made.joules(0, gpu.startNs, moment)).to.be.closeTo(joules, 1e-6)
      expect(counted()).to.be.within(joules - 0.001001, joules + 1e-6)
    })
  }

  it('goes on from what was used when the power changes', () => {
    const made = start({ gpus: [{ ageS: 10, knobs: { energy_refresh_s: 0 } }] })
    const gpu = made.gpu(0)
    const counted = (at: bigint): number => {
      gpu.set('energy_stuck_ns', at)
      return Number(answers(made, 'energy:0')[0]!.value)
    }
    const second = (n: number): bigint => gpu.startNs + BigInt(n) * 1_000_000_000n
    gpu.setWatts('step:300:50:2', second(4))
    expect(made.joules(0, second(3), second(8))).to.be.closeTo(100 + 600 + 100, 1e-9)
    expect(counted(second(8)) - counted(second(3))).to.equal(800_000)
    const at = gpu.setWatts(0) // from now on
    const last = counted(at)
    expect(counted(at + 1n)).to.equal(last)
    gpu.releaseEnergy()
    gpu.resetEnergy()
    expect(Number(answers(made, 'energy:0')[0]!.value)).to.be.at.most(1)
  })

  it('fails as ordered, by function, by field and as a whole', () => {
    const made = start({ gpus: [{}, { watts: 20 }] })
    const gpu = made.gpu(1)
    gpu.fail('energy', 3, 1)
    gpu.fail('nvmlDeviceGetPowerUsage', 10)
    gpu.zeroGauge(1)
    const first = answers(made, 'field:1:191:0', 'field:1:191:0', 'usage:1', 'field:1:186:0')
    expect(first.map(({ code }) => code)).to.deep.equal([3, 0, 10, 0])
    expect(first[3]!.value).to.equal(0n)
    gpu.mend('nvmlDeviceGetPowerUsage')
    expect(answers(made, 'usage:1')[0]).to.include({ code: 0, value: 20_000n })
    gpu.module(30, false)
    expect(answers(made, 'field:1:186:1')[0]).to.include({ code: 0, value: 50_000n })
    gpu.lose()
    expect(answers(made, 'energy:1', 'energy:0').map(({ code }) => code)).to.deep.equal([15, 0])
    gpu.recover()
    expect(answers(made, 'energy:1')[0]!.code).to.equal(0)
    made.set('init_code', 18)
    const [refused] = ask(made.library, made.env, 'init')
    expect(refused).to.include({ code: 18, words: 'Driver/library version mismatch' })
  })

  it('counts the calls of each function and for each GPU', () => {
    const made = start({ gpus: [{}, {}] })
    answers(made, 'count', 'energy:1', 'energy:1')
    expect(made.calls('nvmlInit_v2')).to.equal(1)
    expect(made.calls('nvmlDeviceGetTotalEnergyConsumption')).to.equal(2)
    expect(made.calls('nvmlDeviceGetTotalEnergyConsumption', 1)).to.equal(2)
    expect(made.gpu(0).calls()).to.equal(0)
    expect(made.gpu(1).calls()).to.equal(4) // with the two for its handle
    made.resetCalls()
    expect(made.calls('nvmlInit_v2') + made.gpu(1).calls()).to.equal(0)
  })

  it('is installed in the environment and taken out again', () => {
    const made = start()
    const before = { ...process.env }
    const undo = made.install()
    expect(process.env).to.include(made.env)
    undo()
    expect({ ...process.env }).to.deep.equal(before)
  })
})
