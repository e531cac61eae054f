// The logs that carbontracker 2.4.3 wrote itself, read to what stands in them.
import { expect } from 'chai'
import { aggregate, readCarbontrackerLogs, sentence } from '../../../lib/record/carbontracker'
import type { Run } from '../../../lib/record/types'
import { LOGS } from './support'

describe('the logs of carbontracker 2.4.3', () => {
  let runs: Run[]
  let problems: unknown[]
  before(async () => {
    ;({ runs, problems } = await readCarbontrackerLogs(LOGS, { timeZone: 'Europe/Copenhagen' }))
  })

  it('are read without a problem, each of its three files', () => {
    expect(problems).to.deep.equal([])
    expect(runs.map(({ files }) => files.length)).to.deep.equal([3, 3])
    expect(runs.map(({ format, tool }) => [format, tool])).to.deep.equal([
      ['carbontracker', 'carbontracker 2.4.3'],
      ['carbontracker', 'carbontracker 2.4.3'],
    ])
  })

  it('tell of a run that was stopped in its fourth epoch', () => {
    const run = runs[1]!
    expect(run.status).to.equal('stopped')
    expect(run.plannedEpochs).to.equal(10)
    expect(run.pue).to.equal(1.58)
    expect(run.devices).to.deep.equal({ gpu: ['NVIDIA A100'], cpu: ['Intel Xeon'] })
    const watts = { gpu: 320, cpu: 75 }
    expect(run.epochs).to.deep.equal(
      [1, 2, 3].map((epoch) => ({ epoch, seconds: 2.1, joules: 2.1 * 320 + 2.1 * 75, watts })),
    )
    expect(run.actual).to.deep.equal({
      epochs: 3,
      seconds: 6,
      joules: (0.001092 * 3_600_000) / 1.58,
      kWh: 0.001092,
      grams: 0.160557,
      equivalents: { 'km travelled by car': 0.001503 },
    })
    expect(run.predicted).to.deep.equal({
      epochs: 10,
      seconds: 21,
      joules: (0.003641 * 3_600_000) / 1.58,
      kWh: 0.003641,
      grams: 0.540648,
      equivalents: { 'km travelled by car': 0.005062 },
    })
    expect(run.recomputed!.joules).to.be.closeTo(3 * 2.1 * 395, 1e-9)
    expect(run.recomputed!.kWh).to.be.closeTo(0.00109218, 5e-9)
    expect(run.warnings).to.include(
      'It was stopped after 3 of 5 epochs: what the next one used is not in its log.',
    )
  })

  it('tell of its live intensities, in the zone that is given', () => {
    const [first, second] = runs[1]!.intensities
    expect(runs[1]!.intensities).to.have.length(2)
    expect(first).to.include({ gramsPerKWh: 143, status: 'measured' })
    expect(first).to.include({ start: '2026-11-21T20:00:40.000Z' })
    expect(second).to.include({ gramsPerKWh: 151, start: '2026-11-21T20:00:44.000Z' })
    expect(runs[1]!.startedAt).to.equal('2026-11-21T20:00:40.000Z')
    expect(runs[1]!.location).to.include({ name: 'Copenhagen, Capital Region, DK', country: 'DK' })
  })

  it('tell of a command, complete, with an annual average that is called one', () => {
    const run = runs[0]!
    expect(run.status).to.equal('complete')
    expect(run.predicted).to.equal(null)
    expect(run.epochs).to.have.length(1)
    expect(run.actual).to.deep.include({
      epochs: 1,
      seconds: 5,
      kWh: 0.000548876058,
      grams: 0.078654169601,
      equivalents: { 'km travelled by car': 0.000736462262 },
    })
    expect(run.intensities).to.have.length(1)
    expect(run.intensities[0]).to.include({
      gramsPerKWh: 143.3,
      status: 'annual-average',
      zone: 'DK',
      // Not in the log: its value is that of this year in the table.
      year: 2024,
    })
    expect(run.warnings.join()).to.contain('annual average')
    expect(run.recomputed!.kWh).to.be.closeTo((250 * 5 * 1.58) / 3_600_000, 1e-15)
  })

  it('are added up to the actual figures of both', () => {
    const sum = aggregate(runs)
    expect(sum.kWh).to.be.closeTo(0.001092 + 0.000548876058, 1e-15)
    expect(sum.grams).to.be.closeTo(0.160557 + 0.078654169601, 1e-12)
    expect(sentence(sum)).to.match(
      /^The training of models in this work is estimated to use 0\.00164/,
    )
  })
})
