/** The object of a run, for whoever builds it without the command line. */
import { expect } from 'chai'
import type { Energy, Overhead } from '../../lib/energy'
import { JouletapError } from '../../lib/errors'
import { hostInfo, runRecord } from '../../lib/record'

const energy: Energy = {
  joules: 7_200_000,
  uncertaintyJoules: 10,
  seconds: 100,
  watts: 72_000,
  quality: 'modelled',
  coverage: 0.5,
  domains: [],
  warnings: ['Half of it is missing.'],
}
const overhead: Overhead = {
  cpuSeconds: 0.5,
  joules: 4,
  joulesAtMost: 7,
  reads: 5,
  rows: 3,
  overwritten: 2,
  overruns: 1,
  wakeUps: 6,
  systemCalls: 11,
  lateUs: { p50: 3, p99: 12, max: 80 },
  intervalMs: 100,
  realtime: true,
}
const facts = {
  command: ['node', 'x.js'],
  exitCode: 0,
  startedAt: new Date('2026-11-21T20:00:00.000Z'),
  energy,
  overhead,
}

describe('runRecord', () => {
  it('gives the object that run --json writes, without PUE in the energy', () => {
    const { host, ...rest } = runRecord({ ...facts, pue: 2 })
    expect(host).to.deep.equal(hostInfo())
    expect(rest).to.deep.equal({
      schema: 'jouletap.run/1',
      command: ['node', 'x.js'],
      exitCode: 0,
      signal: null,
      startedAt: '2026-11-21T20:00:00.000Z',
      seconds: 100,
      energy: {
        joules: 7_200_000,
        uncertaintyJoules: 10,
        kWh: 2,
        watts: 72_000,
        quality: 'modelled',
        coverage: 0.5,
        domains: [],
      },
      pue: 2,
      carbon: null,
      overhead: {
        cpuSeconds: 0.5,
        joules: 4,
        joulesAtMost: 7,
        reads: 5,
        rows: 3,
        overwritten: 2,
        overruns: 1,
        wakeUps: 6,
        systemCalls: 11,
      },
      warnings: ['Half of it is missing.'],
    })
  })

  it('takes 1 for PUE where nothing is said, and refuses what cannot be one', () => {
    expect(runRecord(facts).pue).to.equal(1)
    for (const pue of [0.99, 0, -1, 10.1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => runRecord({ ...facts, pue }))
        .to.throw(JouletapError, `pue must be a number from 1 to 10, not ${pue}.`)
        .with.property('code', 'BAD_OPTION')
    }
  })
})
