/** From load and memory to joules, on made machines with a made clock. */

import { expect } from 'chai'
import { openEstimate } from '../../../lib/energy/estimate'
import { fractionAt } from '../../../lib/energy/estimate/curve'
import { WATTS_PER_GIB } from '../../../lib/energy/estimate/memory'
import { TALLY } from '../../../lib/native'
import { type Machine, type MadeCpu, makeMachine, nothing, openMade } from './machine'

const RYZEN: MadeCpu = { brand: 'AMD Ryzen 7 3700X 8-Core Processor', threads: [0, 0, 0, 0] }
const TDP = 65
const watts = (load: number) => TDP * fractionAt(load)

describe('estimate', () => {
  let machine: Machine
  afterEach(() => machine?.dispose())

  it('begins at zero joules, fresh', () => {
    machine = makeMachine(RYZEN)
    for (const tally of machine.open().at(5000)) {
      expect(tally).to.deep.include({ joules: 0, coveredMs: 0, fresh: 1, failures: 0, variance: 0 })
      // That of its domain, which is a model.
      expect(tally).to.include({ method: -1 })
    }
  })

  it('labels everything: source, kind of number, additive', () => {
    machine = makeMachine(RYZEN)
    for (const channel of machine.open().channels) {
      expect(channel).to.include({
        source: 'estimate',
        quality: 'estimated',
        additive: true,
        method: 'model',
        modelled: true,
        role: 'root',
        parent: '',
        gain: 0,
      })
    }
  })

  for (const load of [0, 0.25, 0.5, 1]) {
    it(`gives the power of the curve × time at load ${load}`, () => {
      machine = makeMachine(RYZEN)
      const estimate = machine.open()
      estimate.at(1000)
      for (let i = 1; i <= 20; i++) {
        machine.run(200, load)
        estimate.at(1000 + 200 * i)
      }
      const [cpu, memory] = estimate.at(5000)
      expect(cpu!.joules).to.be.closeTo(4 * watts(load), 1e-9)
      expect(cpu!.coveredMs).to.equal(4000)
      expect(memory!.joules).to.be.closeTo(4 * 4 * WATTS_PER_GIB, 1e-9)
    })
  }

  it('follows every socket by itself', () => {
    machine = makeMachine({
      brand: 'Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz',
      threads: [0, 1, 0, 1],
    })
    const estimate = machine.open()
    estimate.at(0)
    machine.run(1000, [1, 0, 1, 0])
    const [first, second] = estimate.at(1000)
    expect(first!.joules).to.be.closeTo(85 * fractionAt(1), 1e-9)
    expect(second!.joules).to.be.closeTo(85 * fractionAt(0), 1e-9)
  })

  it('counts waiting and stolen time as idle, and guests once', () => {
    machine = makeMachine({ ...RYZEN, threads: [0] })
    const estimate = machine.open()
    estimate.at(0)
    const ticks = machine.ticks[0]!
    ticks.busy += 25
    ticks.guest += 25
    ticks.idle += 25
    ticks.iowait += 25
    ticks.steal += 25
    machine.stat()
    expect(estimate.at(1000)[0]!.joules).to.be.closeTo(watts(0.25), 1e-9)
  })

  it('follows memory in use by trapezoid', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    estimate.at(0)
    machine.memory(6)
    machine.run(1000, 0)
    expect(estimate.at(1000)[1]!.joules).to.be.closeTo(5 * WATTS_PER_GIB, 1e-9)
    machine.run(1000, 0)
    expect(estimate.at(2000)[1]!.joules).to.be.closeTo(11 * WATTS_PER_GIB, 1e-9)
  })

  it('holds the last load while no tick passes, and settles when one does', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    estimate.at(0)
    machine.run(1000, 1)
    estimate.at(1000)
    expect(estimate.at(1003)[0]!.joules).to.be.closeTo(watts(1) * 1.003, 1e-9)
    expect(estimate.at(1095)[0]!.joules).to.be.closeTo(watts(1) * 1.095, 1e-9)
    machine.run(110, 0)
    expect(estimate.at(1110)[0]!.joules, 'held too much').to.be.closeTo(watts(1) * 1.095, 1e-9)
    for (let t = 1200; t <= 2000; t += 100) {
      machine.run(100, 0)
      estimate.at(t)
    }
    expect(estimate.at(2000)[0]!.joules).to.be.closeTo(watts(1) + watts(0), 1e-9)
  })

  it('takes the load since boot for the first moments, and the own load of a short measurement', () => {
    machine = makeMachine(RYZEN)
    for (const ticks of machine.ticks) ticks.busy = ticks.idle
    machine.stat()
    const estimate = machine.open()
    estimate.at(0)
    expect(estimate.at(5)[0]!.joules).to.be.closeTo(watts(0.5) * 0.005, 1e-9)
    machine.run(30, 1)
    expect(estimate.at(30)[0]!.joules).to.be.closeTo(watts(1) * 0.03, 1e-9)
  })

  it('never falls and never adds for nothing, whatever the counters and the clock do', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    let seed = 7
    const random = () => {
      seed = (seed * 48271) % 2147483647
      return seed / 2147483647
    }
    let time = 0
    let before = estimate.at(0)
    for (let i = 0; i < 400; i++) {
      const step = random() < 0.5 ? random() * 20 : random() * 300
      time += random() < 0.05 ? -step : step
      machine.run(10 * Math.round(step / 10), random())
      if (random() < 0.2) machine.ticks[0]!.idle -= Math.round(random() * 500)
      if (random() < 0.1) machine.ticks[1]!.busy = 0
      if (random() < 0.1) machine.setOffline([2])
      if (random() < 0.1) machine.setOffline([])
      const now = estimate.at(time)
      for (const [j, tally] of now.entries()) {
        expect(tally.joules).to.be.at.least(before[j]!.joules)
        expect(tally.coveredMs).to.be.at.least(before[j]!.coveredMs)
      }
      before = now
    }
    expect(before[0]!.joules / (time / 1000)).to.be.within(0.8 * watts(0), 1.2 * watts(1))
    expect(before[0]!.joules).to.satisfy(Number.isFinite)
  })

  it('leaves out a CPU that went offline, and takes it up again', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    estimate.at(0)
    machine.setOffline([3])
    machine.run(1000, [1, 1, 1, 0])
    expect(estimate.at(1000)[0]!.joules).to.be.closeTo(watts(1), 1e-9)
    machine.setOffline([])
    machine.run(1000, [0, 0, 0, 1])
    expect(estimate.at(2000)[0]!.joules, 'no look before').to.be.closeTo(watts(1) + watts(0), 1e-9)
    machine.run(1000, [0, 0, 0, 1])
    expect(estimate.at(3000)[0]!.joules).to.be.closeTo(watts(1) + watts(0) + watts(0.25), 1e-9)
  })

  it('flags CPU times that stand still, once, and goes on at the last load', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    estimate.at(0)
    machine.run(1000, 0.5)
    for (let t = 1000; t <= 5000; t += 500) estimate.at(t)
    const [cpu] = estimate.at(5000)
    expect(cpu).to.include({ stalls: 1, fresh: 1 })
    expect(cpu!.joules).to.be.closeTo(5 * watts(0.5), 1e-9)
  })

  it('counts reads that gave nothing, stands still meanwhile, and spans the gap afterwards', () => {
    machine = makeMachine(RYZEN)
    const estimate = machine.open()
    estimate.at(0)
    machine.run(1000, 1)
    const before = estimate.at(1000)[0]!
    machine.remove('proc/stat')
    const during = estimate.at(2000)[0]!
    expect(during).to.include({ fresh: 0, failures: 1, joules: before.joules, coveredMs: 1000 })
    machine.run(2000, 0)
    const after = estimate.at(3000)[0]!
    expect(after).to.include({ fresh: 1, coveredMs: 3000 })
    expect(after.joules).to.be.closeTo(watts(1) + 2 * watts(0), 1e-9)
  })

  it('survives files full of garbage', () => {
    machine = makeMachine(RYZEN)
    machine.write('proc/cpuinfo', '\0:::\nprocessor: x\nmodel name')
    machine.write('proc/stat', 'cpu0 a b c d\ncpu1\n')
    machine.write('proc/meminfo', 'MemTotal: lots kB\n')
    const estimate = machine.open()
    estimate.at(0)
    const tallies = estimate.at(1000)
    expect(tallies.map((tally) => tally.joules)).to.deep.equal([0, 0])
    expect(tallies[0]!.fresh).to.equal(0)
  })

  it('asks Node where there is no /proc, and says which CPU it found', () => {
    machine = makeMachine(RYZEN)
    const times = { user: 0, nice: 0, sys: 0, idle: 1000, irq: 0 }
    const cpu = { model: 'Apple M1', times }
    const system = {
      ...nothing,
      cpus: () => [cpu, cpu],
      totalmem: () => 8 * 2 ** 30,
      freemem: () => 2 ** 30,
    }
    const estimate = openMade(`${machine.root}/nowhere`, system)
    expect(estimate.notes[0]).to.contain('10 W (TDP of Apple M1)')
    estimate.at(0)
    times.user += 500
    times.idle += 500
    const [package0, memory] = estimate.at(1000)
    expect(package0!.joules).to.be.closeTo(10 * fractionAt(0.5), 1e-9)
    expect(memory!.joules).to.be.closeTo(7 * WATTS_PER_GIB, 1e-9)
  })

  it('marks the moment in which it had to change from /proc to Node', () => {
    const times = { user: 0, nice: 0, sys: 0, idle: 1000, irq: 0 }
    machine = makeMachine(RYZEN, { ...nothing, cpus: () => [{ model: 'x', times }] })
    const estimate = machine.open()
    estimate.at(0)
    machine.run(1000, 1)
    estimate.at(1000)
    machine.remove('proc/stat')
    expect(estimate.at(2000)[0]).to.include({ bridged: 1, failures: 0, fresh: 1 })
    expect(estimate.at(2000)[0]!.joules).to.be.closeTo(2 * watts(1), 1e-9)
  })

  it('has an error that does not average out: linear in joules', () => {
    machine = makeMachine(RYZEN)
    const [cpu, memory] = machine.open().channels
    expect(cpu!.modelSigma(100, 1)).to.equal(50)
    expect(cpu!.modelSigma(1, 1) * 100).to.equal(cpu!.modelSigma(100, 100))
    expect(memory!.modelSigma(100, 1)).to.equal(75)
  })

  it('is plausible on this machine', async () => {
    machine = makeMachine(RYZEN)
    const { channels, notes, sample } = openEstimate('/')
    const into = new Float64Array(TALLY.length * channels.length)
    const now = () => Number(process.hrtime.bigint()) / 1e6
    const start = now()
    sample(into, 0, start)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const end = now()
    sample(into, 0, end)
    expect(notes.join(' ')).to.match(/CPU.*W.*standard deviation.*Memory/)
    for (const [i, channel] of channels.entries()) {
      const mean = into[TALLY.length * i]! / ((end - start) / 1000)
      expect(mean, channel.id).to.be.above(0)
      expect(mean, channel.id).to.be.at.most(channel.maxWatts)
      expect(channel.maxWatts, channel.id).to.be.below(3000)
    }
  })
})
