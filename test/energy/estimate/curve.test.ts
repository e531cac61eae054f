/** The curve against the measured profiles: what it was fitted to, and how far off it is elsewhere. */
import { expect } from 'chai'
import { readTable } from '../../../lib/data'
import {
  CURVE,
  CURVE_SIGMA,
  fitCurve,
  fractionAt,
  type Point,
} from '../../../lib/energy/estimate/curve'

interface Measured extends Point {
  readonly watts: number
  readonly tdp: number
}

const points: Measured[] = readTable('cpu-load-profiles')
  .rows.filter((row) => row.quality === 'ok')
  .map((row) => {
    const watts = (Number(row.rapl_energy_kwh) * 3.6e6) / Number(row.duration_s)
    const tdp = Number(row.sockets) * Number(row.tdp_w_per_socket)
    const load = Number(row.cpu_load_percent) / 100
    return { machine: row.machine!, load, watts, tdp, fraction: watts / tdp }
  })
const machines = [...new Set(points.map((point) => point.machine))]

/** For each point the watts of a curve fitted without the point's machine. */
const unseen = new Map(
  machines.flatMap((machine) => {
    const curve = fitCurve(points.filter((point) => point.machine !== machine))
    const own = points.filter((point) => point.machine === machine)
    return own.map((point) => [point, point.tdp * fractionAt(point.load, curve)] as const)
  }),
)

function error(model: (point: Measured) => number): number {
  return mean(points.map((point) => Math.abs(model(point) - point.watts)))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function within(some: readonly Measured[], sigma: number): number {
  const inside = some.filter((p) => Math.abs(unseen.get(p)! - p.watts) <= sigma * unseen.get(p)!)
  return inside.length / some.length
}

describe('load curve', () => {
  it('has the constants that fitCurve() gives on the rows of quality ok', () => {
    expect(points).to.have.length(86)
    const again = fitCurve(points)
    expect(again.idle).to.be.closeTo(CURVE.idle, 5e-5)
    expect(again.swing).to.be.closeTo(CURVE.swing, 5e-5)
    expect(again.rate).to.be.closeTo(CURVE.rate, 1e-9)
  })

  it('finds a curve again from its own points', () => {
    const truth = { idle: 0.2, swing: 0.5, rate: 3 }
    const made = [0, 0.1, 0.3, 0.6, 1].map((load) => {
      return { machine: 'm', load, fraction: fractionAt(load, truth) }
    })
    const found = fitCurve(made)
    for (const key of ['idle', 'swing', 'rate'] as const) {
      expect(found[key]).to.be.closeTo(truth[key], 1e-9)
    }
  })

  it('grows with load, from idle to below TDP, and clamps what is no load', () => {
    const steps = Array.from({ length: 101 }, (_, i) => fractionAt(i / 100))
    expect(steps.every((value, i) => i === 0 || value > steps[i - 1]!)).to.equal(true)
    expect(steps[0]).to.equal(CURVE.idle)
    expect(steps[100]).to.be.within(0.5, 1)
    expect(fractionAt(-1)).to.equal(steps[0])
    expect(fractionAt(2)).to.equal(steps[100])
  })

  it('on a machine left out, errs less than CodeCarbon and than carbontracker', () => {
    const ours = error((point) => unseen.get(point)!)
    const codecarbon = error(({ tdp, load }) => tdp * (0.1 + 0.9 * load ** 3))
    const carbontracker = error(({ tdp }) => tdp / 2)
    const oneSocket = error((point) =>
      point.machine.endsWith('-dual') ? point.tdp / 4 : point.tdp / 2,
    )
    console.log('      mean absolute error, leave one machine out, 86 rows of 4 machines:')
    for (const [name, watts] of Object.entries({
      jouletap: ours,
      'CodeCarbon, TDP × (0.1 + 0.9 load³)': codecarbon,
      'carbontracker, TDP ÷ 2, × sockets': carbontracker,
      'carbontracker as it is, one socket': oneSocket,
    })) {
      console.log(`        ${name.padEnd(42)}${watts.toFixed(2).padStart(6)} W`)
    }
    expect(ours).to.be.below(codecarbon)
    expect(ours).to.be.below(carbontracker)
    expect(ours).to.be.below(oneSocket)
  })

  it('states an uncertainty that covers about 68 % of the errors on machines left out', () => {
    const coverage = within(points, CURVE_SIGMA)
    const each = machines.map((machine) => {
      const own = points.filter((point) => point.machine === machine)
      return `${machine} ${(100 * within(own, CURVE_SIGMA)).toFixed(0)} %`
    })
    console.log(
      `      ± ${100 * CURVE_SIGMA} % covers ${(100 * coverage).toFixed(1)} % (${each.join(', ')})`,
    )
    expect(coverage).to.be.within(0.63, 0.75)
  })
})
