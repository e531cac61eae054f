// Footprints of energies and intensities that are made up: worked out by hand, or by other sums.
import { expect } from 'chai'
import { type EnergySlice, footprint, recompute } from '../../lib/carbon/footprint'
import { normal } from '../../lib/carbon/quantiles'
import { seriesOf } from '../../lib/carbon/series'
import type { Energy } from '../../lib/energy'
import { JouletapError } from '../../lib/errors'
import { hour, pointOf } from '../support/intensity'

const KWH = 3_600_000

/** A kilowatt-hour in two hours, by a meter. */
const energy: Energy = {
  joules: KWH,
  uncertaintyJoules: KWH / 100,
  seconds: 7200,
  watts: 500,
  quality: 'measured',
  coverage: 1,
  domains: (['package-0', 'dram-0', 'core-0'] as const).map((id, index) => ({
    id,
    kind: id.slice(0, -2),
    source: 'rapl-perf',
    additive: id !== 'core-0',
    method: 'energy-counter',
    quality: 'measured',
    joules: KWH * [0.75, 0.25, 0.5][index]!,
    uncertaintyJoules: 0,
    flags: [],
  })),
  warnings: [],
}
const start = hour(0)
const rising = [pointOf(0, 1, 100), pointOf(1, 2, 300)]

function slice(from: number, to: number, joules: number, uncertaintyJoules = 0): EnergySlice {
  return { start: hour(from), end: hour(to), joules, uncertaintyJoules }
}

const badInput = (what: () => unknown, message: RegExp): void => {
  expect(what).to.throw(JouletapError, message).with.property('code', 'BAD_INPUT')
}

describe('footprint', () => {
  it('spreads an energy evenly over its time', () => {
    const { grams, kWh, intensity, coverage } = footprint(energy, rising, { start })
    expect(grams).to.be.closeTo(200, 1e-9)
    expect({ kWh, coverage }).to.deep.equal({ kWh: 1, coverage: 1 })
    expect(intensity.gramsPerKWh).to.be.closeTo(200, 1e-9)
  })

  it('takes each joule at the intensity of its time, not the mean', () => {
    const late = [slice(0, 1, 0), slice(1, 2, KWH)]
    expect(footprint(late, rising).grams).to.be.closeTo(300, 1e-9)
    expect(footprint(late, rising).intensity.gramsPerKWh).to.be.closeTo(300, 1e-9)
    const early = [slice(0, 1, 0.9 * KWH), slice(1, 2, 0.1 * KWH)]
    expect(footprint(early, rising).grams).to.be.closeTo(90 + 30, 1e-9)
  })

  it('cuts the energy where the intensity changes', () => {
    const { parts } = footprint([slice(0.5, 1.25, 3 * KWH)], rising)
    expect(parts.map(({ joules, gramsPerKWh }) => [joules / KWH, gramsPerKWh])).to.deep.equal([
      [2, 100],
      [1, 300],
    ])
    expect(parts.map((part) => part.end)).to.deep.equal([hour(1), hour(1.25)])
  })

  it('adds what the site takes besides', () => {
    const { grams, pue, kWh } = footprint(energy, rising, { start, pue: 1.58 })
    expect(grams).to.be.closeTo(1.58 * 200, 1e-9)
    expect({ pue, kWh }).to.deep.equal({ pue: 1.58, kWh: 1 })
  })

  it('tells of water where it is told how much', () => {
    expect(footprint(energy, rising, { start, wue: 1.8 }).waterLitres).to.equal(1.8)
    expect(footprint(energy, rising, { start })).not.to.have.property('waterLitres')
  })

  it('is the sum over the domains that make up the total', () => {
    const { domains, grams } = footprint(energy, rising, { start, pue: 1.2 })
    expect(domains.map(({ id }) => id)).to.deep.equal(['package-0', 'dram-0'])
    expect(domains[0]!.grams).to.be.closeTo(0.75 * 240, 1e-9)
    expect(domains[0]!.grams + domains[1]!.grams).to.be.closeTo(grams, 1e-9)
  })

  it('counts an energy of a day the same in one piece and in a thousand', () => {
    const points = Array.from({ length: 24 }, (_, h) => pointOf(h, h + 1, 50 + ((h * 37) % 400)))
    const whole = footprint([slice(0, 24, KWH, 1)], points)
    const pieces = Array.from({ length: 1000 }, (_, i) =>
      slice((24 * i) / 1000, (24 * (i + 1)) / 1000, KWH / 1000, 1 / 1000),
    )
    const sum = footprint(pieces, points)
    expect(sum.grams).to.be.closeTo(whole.grams, 1e-6)
    expect(sum.uncertaintyGrams).to.be.closeTo(whole.uncertaintyGrams, 1e-9)
  })

  it('stands the rows of hours: more slices than a call may have arguments', () => {
    const slices = Array.from({ length: 200_000 }, (_, i) => slice(i / 1e5, (i + 1) / 1e5, 18))
    expect(footprint(slices, rising).grams).to.be.closeTo(200, 1e-6)
  })

  it('is as uncertain as the energy, and says that it knows no more', () => {
    const { uncertaintyGrams, uncertaintyOf } = footprint(energy, rising, { start, pue: 1.5 })
    expect(uncertaintyGrams).to.be.closeTo(1.5 * 2, 1e-9)
    expect(uncertaintyOf).to.equal('energy')
  })

  it('is as uncertain as a forecast says that it is', () => {
    // 1.6449 standard deviations on both sides.
    const quantiles = [
      { p: 0.05, gramsPerKWh: 200 - 16.449 },
      { p: 0.5, gramsPerKWh: 200 },
      { p: 0.95, gramsPerKWh: 200 + 16.449 },
    ]
    const point = pointOf(0, 2, 200, { status: 'forecast', quantiles })
    const { uncertaintyGrams, uncertaintyOf } = footprint([slice(0, 2, KWH, 0)], [point])
    expect(uncertaintyOf).to.equal('energy and intensity')
    expect(uncertaintyGrams).to.be.closeTo(10, 0.01)
    const both = footprint([slice(0, 2, KWH, KWH / 20)], [point])
    expect(both.uncertaintyGrams).to.be.closeTo(Math.hypot(10, 10), 0.01)
  })

  it('takes the nearest intensity where none is known, and says so', () => {
    const { grams, coverage, warnings, parts } = footprint(
      [slice(0, 4, 4 * KWH)],
      [pointOf(0, 1, 100), pointOf(3.5, 4, 200)],
    )
    // Of the hole from 1 to 3.5 the middle is nearer to the first: 2.25 − 1 = 3.5 − 2.25, a tie.
    expect(grams).to.be.closeTo(100 + 2.5 * 100 + 0.5 * 200, 1e-9)
    expect(coverage).to.equal(1.5 / 4)
    expect(parts.map(({ assumed }) => assumed ?? false)).to.deep.equal([false, true, false])
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.contain('62.5 % of the energy').and.to.contain('2026-11-26T01:00')
  })

  it('is of the weakest status, and names every zone and source once', () => {
    const { intensity } = footprint(
      [slice(0, 3, KWH)],
      [
        pointOf(0, 1, 100, { source: 'a', licence: 'CC BY 4.0', attribution: 'By A.' }),
        pointOf(1, 2, 100, { source: 'b', status: 'forecast' }),
        pointOf(2, 3, 100, { source: 'a', status: 'estimated', zone: 'DK-DK2' }),
        pointOf(3, 9, 100, { source: 'unused', attribution: 'By nobody.' }),
      ],
    )
    expect(intensity).to.deep.equal({
      gramsPerKWh: intensity.gramsPerKWh,
      kind: 'average',
      factors: 'lifecycle',
      boundary: 'consumption',
      status: 'forecast',
      zone: 'DK-DK1, DK-DK2',
      source: 'a, b',
      licence: 'CC BY 4.0',
      attribution: 'By A.',
    })
  })

  it('knows the intensity even where nothing was used', () => {
    const { grams, intensity, coverage } = footprint([slice(0.5, 1.5, 0)], rising)
    expect({ grams, coverage }).to.deep.equal({ grams: 0, coverage: 1 })
    expect(intensity.gramsPerKWh).to.equal(200)
  })

  it('never adds up intensities that count different things', () => {
    const others = [
      { kind: 'marginal' },
      { factors: 'direct' },
      { factors: 'unknown' },
      { boundary: 'production' },
    ] as const
    for (const other of others) {
      const points = [pointOf(0, 1, 100), pointOf(1, 2, 300, other)]
      badInput(() => footprint(energy, points, { start }), /must not be mixed/)
      badInput(() => seriesOf(points), /must not be mixed/)
    }
  })

  it('refuses what cannot be added up', () => {
    badInput(() => footprint(energy, []), /needs a point/)
    badInput(() => footprint([], rising), /needs some energy/)
    badInput(() => footprint(energy, [pointOf(0, 2, 1), pointOf(1, 3, 1)]), /overlap/)
    badInput(() => footprint(energy, [pointOf(1, 0, 1)]), /ends before it starts/)
    badInput(() => footprint(energy, [pointOf(0, 1, 143_300)]), /0 to 3000/)
    badInput(() => footprint(energy, [pointOf(0, 1, Number.NaN)]), /0 to 3000/)
    badInput(() => footprint([slice(1, 1, 1)], rising), /must end after it starts/)
    badInput(() => footprint([slice(0, 1, -1)], rising), /negative/)
    badInput(() => footprint([slice(0, 2, 1), slice(1, 3, 1)], rising), /overlap/)
  })

  for (const [name, value] of [
    ['pue', 0.9],
    ['pue', 11],
    ['pue', Number.NaN],
    ['wue', -1],
    ['wue', '1'],
  ] as const) {
    it(`refuses ${name}: ${value}`, () => {
      expect(() => footprint(energy, rising, { [name]: value }))
        .to.throw(JouletapError, new RegExp(`^${name} must be`))
        .with.property('code', 'BAD_OPTION')
    })
  }
})

describe('recompute', () => {
  const first = footprint([slice(0.25, 1.75, KWH, 7000)], rising, { start, pue: 1.1, wue: 0.5 })
  const kept = JSON.parse(JSON.stringify(first)) as typeof first

  it('gives the same figures from what JSON has kept', () => {
    const again = recompute(kept)
    expect(JSON.parse(JSON.stringify(again))).to.deep.equal(kept)
  })

  it('gives what another PUE would have given', () => {
    const { grams, uncertaintyGrams } = footprint([slice(0.25, 1.75, KWH, 7000)], rising, {
      pue: 1.58,
    })
    const again = recompute(kept, { pue: 1.58 })
    expect(again.waterLitres).to.equal(kept.waterLitres)
    expect(again.grams).to.be.closeTo(grams, 1e-9)
    expect(again.uncertaintyGrams).to.be.closeTo(uncertaintyGrams, 1e-9)
  })

  it('gives what other intensities would have given', () => {
    const others = [
      pointOf(0, 0.5, 10, { kind: 'marginal' }),
      pointOf(0.5, 3, 20, { kind: 'marginal' }),
    ]
    const { grams } = footprint([slice(0.25, 1.75, KWH)], others, { pue: 1.1 })
    const again = recompute(kept, { intensity: others })
    expect(again.grams).to.be.closeTo(grams, 1e-9)
    expect(again.intensity.kind).to.equal('marginal')
    expect(again.waterLitres).to.equal(kept.waterLitres)
  })

  it('gives the water that another WUE would have given', () => {
    expect(recompute(kept, { wue: 1.8 }).waterLitres).to.equal(1.8)
  })

  it('does not forget what was assumed', () => {
    const holed = footprint([slice(0, 4, KWH)], rising)
    expect(recompute(JSON.parse(JSON.stringify(holed))).coverage).to.equal(0.5)
  })
})

describe('normal', () => {
  it('knows the quantiles of the tables', () => {
    for (const [p, z] of [
      [0.025, -1.959964],
      [0.05, -1.644854],
      [0.158655, -1],
      [0.5, 0],
      [0.9, 1.281552],
      [0.999, 3.090232],
    ] as const) {
      expect(normal(p), `${p}`).to.be.closeTo(z, 0.0005)
    }
  })
})
