// Who used the GPUs: counting only those on which processes work, and dividing energy among processes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { expect } from 'chai'
import { type DeviceShares, type DomainEnergy, JouletapError, Meter } from '../../lib'
import { type Stub, startStub, stubUnavailable } from '../nvml/stub'

const LISTS = [
  'nvmlDeviceGetComputeRunningProcesses_v3',
  'nvmlDeviceGetGraphicsRunningProcesses_v3',
  'nvmlDeviceGetProcessUtilization',
]
const WATTS = [80, 120] as const
const IDS = ['gpu-0000:41:00.0', 'gpu-0000:42:00.0']

const now = () => process.hrtime.bigint()
const later = (time: bigint, seconds: number) => time + BigInt(Math.round(seconds * 1e9))
const until = (time: bigint) => passed(Math.max(0, Number(time - now()) / 1e6))

function rejection(work: () => unknown): JouletapError {
  try {
    work()
  } catch (error) {
    expect(error).to.be.instanceOf(JouletapError)
    return error as JouletapError
  }
  throw new Error('nothing was thrown')
}

describe('processes on GPUs', function () {
  this.timeout(15_000)
  const reason = stubUnavailable()
  // One for all: the library holds to its first page for as long as any meter is open.
  let stub: Stub
  let undo = () => {}
  let child: ChildProcess

  before(function () {
    if (reason) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    stub = startStub({ gpus: [{ watts: WATTS[0] }, { watts: WATTS[1] }] })
    undo = stub.install()
  })

  after(() => {
    undo()
    stub?.dispose()
  })

  beforeEach(async () => {
    for (const [index, watts] of WATTS.entries()) {
      const gpu = stub.gpu(index)
      gpu.set('process_count', 0)
      for (const list of LISTS) gpu.mend(list)
      gpu.setWatts(watts)
    }
    stub.resetCalls()
    child = spawn('sleep', ['60'], { stdio: 'ignore' })
    await once(child, 'spawn')
  })

  afterEach(async () => {
    child.kill()
    await once(child, 'exit')
  })

  const open = (options: object = {}) =>
    new Meter({ sources: ['nvml'], nvml: stub.library, gpus: 'all', estimate: false, ...options })

  /** Lets the child work on a GPU from then on, or between two times; of process.hrtime. */
  function works(gpu: number, from: bigint, to?: bigint, sm = 0): void {
    const { startNs } = stub.gpu(gpu)
    stub.gpu(gpu).addProcess({
      pid: child.pid!,
      sm,
      fromS: Number(from - startNs) / 1e9,
      ...(to !== undefined && { untilS: Number(to - startNs) / 1e9 }),
    })
  }

  describe('byPid', () => {
    it('counts the GPU on which a child works, from when it does, and no other', async () => {
      using meter = open({ byPid: true })
      using whole = open()
      const start = now()
      const began = later(start, 0.4)
      works(1, began)
      meter.start()
      whole.start()
      await until(later(start, 2.3))
      const { joules, coverage, domains } = meter.stop()
      const end = now()
      const all = whole.stop()
      const [idle, used] = domains as [DomainEnergy, DomainEnergy]
      expect([idle.id, used.id]).to.deep.equal(IDS)
      expect(idle.joules).to.equal(0)
      expect(idle.uncertaintyJoules).to.be.below(1)
      expect(idle.flags).to.deep.equal([])
      expect(coverage).to.be.above(0.99)
      expect(used.joules).to.be.closeTo(stub.joules(1, began, end), 2 * used.uncertaintyJoules)
      // One second at 120 W, uniformly.
      expect(used.uncertaintyJoules).to.be.closeTo(120 / Math.sqrt(12), 10)
      expect(joules).to.equal(used.joules)
      const [first, second] = all.domains
      expect(first!.joules).to.be.closeTo(stub.joules(0, start, end), 80 * 0.1)
      expect(second!.joules).to.be.closeTo(stub.joules(1, start, end), 120 * 0.1)
    })

    it('counts of a GPU that was used for a part of the time that part', async () => {
      using meter = open({ byPid: [child.pid!] })
      const start = now()
      const [began, ended] = [later(start, 0.6), later(start, 1.4)]
      works(0, began, ended)
      meter.start()
      await until(later(start, 2.2))
      const span = meter.span('after the end')
      await until(later(start, 2.6))
      const after = span.end()
      const [used, idle] = meter.stop().domains as [DomainEnergy, DomainEnergy]
      expect(used.joules).to.be.closeTo(stub.joules(0, began, ended), 2 * used.uncertaintyJoules)
      expect(used.uncertaintyJoules).to.be.within(20, 80)
      expect(used.flags).to.deep.equal([])
      expect(after.joules).to.equal(0)
      expect(idle.joules).to.equal(0)
    })

    it('says what it counts', () => {
      using meter = open({ byPid: [child.pid!] })
      expect(meter.notes.join('\n')).to.contain(
        `counted only while process ${child.pid} or a descendant of it works there`,
      )
    })

    it('counts a GPU whole, with a warning, where the driver does not tell who works there', async () => {
      for (const list of LISTS) stub.gpu(0).fail(list, 3)
      using meter = open({ byPid: true })
      meter.start()
      const start = now()
      await until(later(start, 0.5))
      const { warnings, domains } = meter.stop()
      expect(warnings.join('\n')).to.contain(`which processes work on ${IDS[0]}: all of its energy`)
      expect(domains[0]!.joules).to.be.closeTo(80 * 0.5, 80 * 0.1)
      expect(domains[1]!.joules).to.equal(0)
    })

    it('warns of a process that is not there', () => {
      using meter = open({ byPid: [2 ** 22] })
      meter.start()
      expect(meter.stop().warnings.join('\n')).to.contain(`there is no process ${2 ** 22}`)
    })

    it('is a boolean or a list of process ids', () => {
      for (const byPid of [0, 'self', null, [], [0], [1.5], ['1'], [2 ** 22 + 1]]) {
        const error = rejection(() => open({ byPid }))
        expect(error.code).to.equal('BAD_OPTION')
        expect(error.message).to.contain('byPid')
      }
    })

    it('says that it changes nothing where there is no NVIDIA GPU', () => {
      const meter = new Meter({ sources: ['estimate'], byPid: true })
      const sentence = 'byPid changes nothing: no NVIDIA GPU is read.'
      expect(meter.notes).to.include(sentence)
      expect(meter.start().stop().warnings).to.include(sentence)
    })
  })

  describe('shares', () => {
    const sum = ({ idleJoules, unattributedJoules, processes }: DeviceShares) =>
      processes.reduce((total, { joules }) => total + joules, idleJoules + unattributedJoules)

    it('divides the energy of a GPU by what each process had of it, and loses none', async () => {
      const start = now()
      works(1, later(start, -1), undefined, 30)
      stub.gpu(1).addProcess({ pid: 1, sm: 20 })
      using meter = open({ shares: true })
      meter.start()
      expect(meter.shares().map(({ id, joules }) => [id, joules])).to.deep.equal(
        IDS.map((id) => [id, 0]),
      )
      await until(later(start, 3))
      const running = meter.shares()
      const { domains } = meter.stop()
      const shares = meter.shares()
      for (const [index, device] of shares.entries()) {
        expect(device.quality).to.equal('modelled')
        expect(device.joules).to.be.closeTo(domains[index]!.joules, 120 * 0.05)
        expect(device.joules).to.be.above(running[index]!.joules)
        expect(sum(device)).to.be.closeTo(device.joules, 1e-6 * device.joules)
        expect(running[index]!.joules).to.be.above(0)
      }
      const [idle, used] = shares as [DeviceShares, DeviceShares]
      expect(idle.processes).to.deep.equal([])
      expect(idle.idleWatts).to.be.closeTo(80, 4)
      expect(idle.idleJoules).to.be.closeTo(idle.joules, 0.05 * idle.joules)
      expect(used.idleWatts).to.equal(undefined)
      const joules = new Map(used.processes.map((process) => [process.pid, process.joules]))
      expect(joules.get(child.pid!)! / used.joules).to.be.closeTo(0.6, 1e-6)
      expect(joules.get(1)! / used.joules).to.be.closeTo(0.4, 1e-6)
    })

    it('learns idle power while nobody works, and divides only what is above it', async () => {
      stub.gpu(0).setWatts(40)
      using meter = open({ shares: true })
      meter.start()
      const start = now()
      const began = stub.gpu(0).setWatts(240, later(start, 2.5))
      works(0, began, undefined, 50)
      await until(later(start, 4.5))
      meter.stop()
      const end = now()
      const device = meter.shares()[0]!
      expect(device.idleWatts).to.be.closeTo(40, 4)
      const seconds = Number(end - start) / 1e9
      expect(device.idleJoules).to.be.closeTo(40 * seconds, 0.1 * 40 * seconds)
      const dynamic = stub.joules(0, began, end) - 40 * (Number(end - began) / 1e9)
      expect(device.processes[0]!.joules).to.be.closeTo(dynamic, 0.08 * dynamic)
      expect(sum(device)).to.be.closeTo(device.joules, 1e-6 * device.joules)
    })

    it('asks the driver for nothing while it is off', async () => {
      using meter = open()
      meter.start()
      await passed(100)
      meter.stop()
      for (const list of LISTS) expect(stub.calls(list)).to.equal(0)
      expect(rejection(() => meter.shares()).code).to.equal('BAD_STATE')
    })

    it('belongs to a meter that has been started', () => {
      using meter = open({ shares: true })
      expect(rejection(() => meter.shares()).code).to.equal('BAD_STATE')
      expect(rejection(() => open({ shares: 1 })).message).to.contain('shares')
    })
  })
})
