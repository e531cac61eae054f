/** Epochs of another program: which marks make which epochs. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { trackMarks } from '../../lib/tracker/marked'
import type { Mark } from '../../lib/tracker/marks'

const WATTS = 100
const BEGIN: Mark = { kind: 'begin' }
const END: Mark = { kind: 'end' }

/** 20 ms pass before each step; what comes back are the epochs' lengths in such steps. */
async function epochsOf(marks: readonly (Mark | 'wait')[], byItself = true, confirm?: boolean) {
  const tracker = trackMarks({
    epochs: 3,
    verbose: 0,
    simCpu: 'x',
    simCpuTdp: WATTS,
    simCpuUtil: 1,
    components: 'cpu',
    carbon: { live: 'fixed', gramsPerKWh: 100 },
    ...(confirm !== undefined && { stopAndConfirm: () => confirm }),
  })
  const times = [performance.now()]
  for (const mark of marks) {
    await pause(20)
    times.push(performance.now())
    if (mark !== 'wait') tracker.mark(mark)
  }
  await pause(20)
  times.push(performance.now())
  const report = await tracker.end(byItself)
  /** Step n lies between times n and n + 1. */
  const seconds = (from: number, to: number) => (times[to]! - times[from]!) / 1000
  return { ...report, seconds, total: seconds(0, times.length - 1) }
}

describe('trackMarks', () => {
  it('ends an epoch where the next begins, and the last with the program', async () => {
    const { epochs, status, between, seconds } = await epochsOf([BEGIN, BEGIN, BEGIN])
    expect(status).to.equal('complete')
    const expected = [seconds(1, 2), seconds(2, 3), seconds(3, 4)]
    for (const [index, one] of epochs.entries()) {
      expect(one.seconds).to.be.closeTo(expected[index]!, 0.005)
      expect(one.energy.joules).to.be.closeTo(WATTS * one.seconds, 1e-9)
    }
    expect(epochs.length).to.equal(3)
    // What came before the first.
    expect(between.seconds).to.be.closeTo(seconds(0, 1), 0.01)
  })

  it('begins the first with the program where it tells of ends alone', async () => {
    const { epochs, status, seconds, between } = await epochsOf([END, END, END])
    expect(status).to.equal('complete')
    expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false, false, false])
    expect(epochs[0]!.seconds).to.be.closeTo(seconds(0, 1), 0.01)
    expect(epochs[2]!.seconds).to.be.closeTo(seconds(2, 3), 0.005)
    // The tracker ended with the last.
    expect(between.seconds).to.be.below(0.01)
  })

  it('leaves out what lies between an end and a beginning', async () => {
    const { epochs, between, seconds } = await epochsOf([BEGIN, END, BEGIN, END])
    expect(epochs.length).to.equal(2)
    expect(epochs[0]!.seconds).to.be.closeTo(seconds(1, 2), 0.005)
    expect(between.seconds).to.be.closeTo(seconds(0, 1) + seconds(2, 3) + seconds(4, 5), 0.02)
  })

  it('counts no epoch where there is no mark', async () => {
    const { epochs, status, between, total } = await epochsOf(['wait'])
    expect({ epochs, status }).to.deep.equal({ epochs: [], status: 'stopped' })
    expect(between.seconds).to.be.closeTo(total, 0.01)
  })

  for (const [name, marks] of [
    ['beginnings', [BEGIN, BEGIN]],
    ['ends', [END]],
  ] as const) {
    it(`counts the epoch in which the program was ended as not complete, by ${name}`, async () => {
      const { epochs, status } = await epochsOf(marks, false)
      expect(status).to.equal('stopped')
      expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false, true])
    })
  }

  it('counts nothing after the last end of a program that has ended by itself', async () => {
    const { epochs } = await epochsOf([END])
    expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false])
  })

  it('names the phases that epochs are of', async () => {
    const { epochs } = await epochsOf([BEGIN, { kind: 'phase', name: 'eval' }, BEGIN])
    expect(epochs.map(({ phase }) => phase)).to.deep.equal([undefined, 'eval'])
  })

  it('waits with the next epoch while somebody is asked, and begins none after a no', async () => {
    const yes = await epochsOf([BEGIN, BEGIN, BEGIN], true, true)
    expect(yes.epochs.length).to.equal(3)
    const no = await epochsOf([BEGIN, BEGIN, BEGIN], true, false)
    expect(no.epochs.length).to.equal(1)
    expect(no.status).to.equal('stopped')
  })
})
