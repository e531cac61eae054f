/** Epochs of another program: which marks make which epochs. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { TrackerReport } from '../../lib/tracker'
import { trackMarks } from '../../lib/tracker/marked'
import type { Mark } from '../../lib/tracker/marks'

const WATTS = 100
const BEGIN: Mark = { kind: 'begin' }
const END: Mark = { kind: 'end' }

/** 20 ms pass before each mark, which are the moments 1, 2 …; 0 is the beginning, the last one the end. */
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
  const made = performance.now()
  tracker.begin()
  /** The times just before and just after each mark, the beginning and the end. */
  const moments = [{ before: made, after: performance.now() }]
  const happen = (what: () => void) => {
    const before = performance.now()
    what()
    moments.push({ before, after: performance.now() })
  }
  for (const mark of marks) {
    await pause(20)
    happen(() => mark !== 'wait' && tracker.mark(mark))
  }
  await pause(20)
  let told!: Promise<TrackerReport>
  happen(() => {
    told = tracker.end(byItself)
  })
  /** Asserts that so many seconds passed from one moment to another. */
  const passed = (seconds: number, from: number, to: number) => {
    const [one, other] = [moments[from]!, moments[to]!]
    expect(seconds).to.be.within(
      (other.before - one.after) / 1000,
      (other.after - one.before) / 1000,
    )
  }
  return { ...(await told), passed }
}

describe('trackMarks', () => {
  it('ends an epoch where the next begins, and the last with the program', async () => {
    const { epochs, status, between, passed } = await epochsOf([BEGIN, BEGIN, BEGIN])
    expect(status).to.equal('complete')
    expect(epochs.length).to.equal(3)
    for (const [index, one] of epochs.entries()) {
      passed(one.seconds, index + 1, index + 2)
      expect(one.energy.joules).to.be.closeTo(WATTS * one.seconds, 1e-9)
    }
    // What came before the first is not lost.
    expect(between.seconds).to.be.above(0.019)
  })

  it('begins the first with the program where it tells of ends alone', async () => {
    const { epochs, status, passed } = await epochsOf([END, END, END])
    expect(status).to.equal('complete')
    expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false, false, false])
    for (const [index, one] of epochs.entries()) passed(one.seconds, index, index + 1)
  })

  it('leaves out what lies between an end and a beginning', async () => {
    const { epochs, between, passed } = await epochsOf([BEGIN, END, BEGIN, END])
    expect(epochs.length).to.equal(2)
    passed(epochs[0]!.seconds, 1, 2)
    passed(epochs[1]!.seconds, 3, 4)
    expect(between.seconds).to.be.above(3 * 0.019)
  })

  it('counts no epoch where there is no mark', async () => {
    const { epochs, status, between } = await epochsOf(['wait'])
    expect({ epochs, status }).to.deep.equal({ epochs: [], status: 'stopped' })
    expect(between.seconds).to.be.above(0.039)
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
