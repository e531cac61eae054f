/** The totals of a run with other factors. */
import { expect } from 'chai'
import { footprint, type IntensityPoint } from '../../lib/carbon'
import { JouletapError } from '../../lib/errors'
import { type Run, type RunIntensity, recomputeRun } from '../../lib/record'
import { DOMAINS, STARTED } from '../support/record'

const HOUR = 3600
const at = (hours: number) => new Date(STARTED.getTime() + 1000 * HOUR * hours)
const stretch = (from: number, to: number, gramsPerKWh: number): RunIntensity => ({
  start: at(from).toISOString(),
  end: at(to).toISOString(),
  gramsPerKWh,
})

/** Two hours: 1 kWh in the first, 3 kWh in the second; of two packages, the core beside them. */
const run: Run = {
  format: 'jouletap',
  files: [],
  startedAt: STARTED.toISOString(),
  status: 'complete',
  epochs: [],
  actual: { epochs: 4, seconds: 2 * HOUR, joules: 4 * 3_600_000, kWh: 4, grams: null },
  predicted: null,
  pue: null,
  intensities: [stretch(0, 1, 100), stretch(1, 2, 400)],
  domains: [...DOMAINS],
  rows: {
    seconds: [0, HOUR, 2 * HOUR],
    joules: [
      [0, 3_600_000, 2 * 3_600_000],
      [0, 7e9, 8e9],
      [0, 0, 2 * 3_600_000],
    ],
  },
  warnings: [],
}

describe('recomputeRun', () => {
  it('takes the intensity of its time for every joule', () => {
    expect(recomputeRun(run)).to.deep.equal({
      epochs: 4,
      seconds: 2 * HOUR,
      joules: 4 * 3_600_000,
      kWh: 4,
      grams: 1 * 100 + 3 * 400,
    })
  })

  it('multiplies kWh and grams with PUE, and leaves the joules', () => {
    expect(recomputeRun(run, { pue: 1.5 })).to.include({
      joules: 4 * 3_600_000,
      kWh: 6,
      grams: 1.5 * 1300,
    })
    expect(recomputeRun({ ...run, pue: 2 })).to.include({ kWh: 8, grams: 2 * 1300 })
  })

  it('takes one intensity for all of it, or others over time', () => {
    expect(recomputeRun(run, { gramsPerKWh: 0 }).grams).to.equal(0)
    expect(recomputeRun(run, { gramsPerKWh: 50 }).grams).to.equal(4 * 50)
    // 0.5 kWh, then 0.5 + 1.5 kWh, then 1.5 kWh.
    const intensities = [stretch(0, 0.5, 10), stretch(0.5, 1.5, 20), stretch(1.5, 3, 30)]
    expect(recomputeRun(run, { intensities }).grams).to.be.closeTo(
      0.5 * 10 + 2 * 20 + 1.5 * 30,
      1e-9,
    )
  })

  it('takes that which began last where some overlap, and the nearest where none is', () => {
    const year = stretch(-1000, 1000, 400)
    const grams = (...intensities: RunIntensity[]) => recomputeRun(run, { intensities }).grams
    expect(grams(year, stretch(0, 1, 100))).to.be.closeTo(1300, 1e-9)
    expect(grams(stretch(0, 1, 100), year)).to.be.closeTo(1300, 1e-9)
    expect(grams({ gramsPerKWh: 400 }, stretch(0, 1, 100))).to.be.closeTo(1300, 1e-9)
    // What was said of the same hour before is no longer true.
    expect(grams(stretch(0, 1, 7), stretch(0, 1, 100), stretch(1, 2, 400))).to.be.closeTo(
      1300,
      1e-9,
    )
    expect(grams(stretch(-3, 0, 100), stretch(2, 3, 400))).to.be.closeTo(1300, 1e-9)
    expect(grams(stretch(-3, -2, 100), stretch(-4, -1, 200))).to.equal(4 * 200)
  })

  it('agrees with the footprint of the same', () => {
    const basis = { kind: 'average', factors: 'lifecycle', boundary: 'consumption' } as const
    const points: IntensityPoint[] = [0, 0.3, 0.7, 1.2, 2.5].flatMap((from, index, all) => {
      const to = all[index + 1]
      if (to === undefined) return []
      const about = { status: 'measured', zone: 'DK', source: 'a table' } as const
      return [{ start: at(from), end: at(to), gramsPerKWh: 100 + 37 * index, ...basis, ...about }]
    })
    const slices = [
      { start: at(0), end: at(1), joules: 3_600_000 },
      { start: at(1), end: at(2), joules: 3 * 3_600_000 },
    ]
    const { grams } = footprint(slices, points, { pue: 1.2 })
    expect(recomputeRun(run, { intensities: points, pue: 1.2 }).grams).to.be.closeTo(grams, 1e-9)
  })

  it('spreads the energy evenly where there are no rows', () => {
    const { rows, ...bare } = run
    expect(recomputeRun(bare).grams).to.be.closeTo(2 * 100 + 2 * 400, 1e-9)
  })

  it('tells no grams where it cannot', () => {
    const { startedAt, ...timeless } = run
    expect(recomputeRun(timeless).grams).to.equal(null)
    expect(recomputeRun(timeless, { gramsPerKWh: 100 }).grams).to.equal(400)
    expect(recomputeRun({ ...run, intensities: [] }).grams).to.equal(null)
    const unlike = run.intensities.map((one, index) => ({
      ...one,
      kind: index === 0 ? ('average' as const) : ('marginal' as const),
    }))
    expect(recomputeRun(run, { intensities: unlike }).grams).to.equal(null)
    expect(recomputeRun({ ...run, actual: null })).to.deep.equal({
      seconds: null,
      joules: null,
      kWh: null,
      grams: null,
    })
  })

  it('refuses what cannot be a factor', () => {
    expect(() => recomputeRun(run, { pue: 0.9 })).to.throw(
      JouletapError,
      'pue must be a number from 1 to 10, not 0.9.',
    )
    expect(() => recomputeRun(run, { intensities: [{ gramsPerKWh: -5 }] })).to.throw(
      JouletapError,
      'intensities must be a list of { start, end, gramsPerKWh } from 0 g/kWh, not',
    )
    for (const gramsPerKWh of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => recomputeRun(run, { gramsPerKWh })).to.throw(
        JouletapError,
        `gramsPerKWh must be a number from 0, not ${gramsPerKWh}.`,
      )
    }
  })
})
