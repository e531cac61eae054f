/** The curve from load to power, in fractions of TDP, and the fit that its constants come from. */

/** One measured point. */
export interface Point {
  readonly machine: string
  /** 0…1, of all hardware threads. */
  readonly load: number
  /** Mean watts ÷ (TDP × sockets). */
  readonly fraction: number
}

/** Fraction of TDP at a load: idle + swing × (1 − exp(−rate × load)). */
export interface Curve {
  readonly idle: number
  readonly swing: number
  readonly rate: number
}

/**
 * `fitCurve` of the rows of quality `ok` in cpu-load-profiles.csv; a test fits them again.
 *
 * Of the forms tried (straight line, line with a knee, power law, parabola, this one) all err by
 * 24 … 25 W on a machine left out: the machines differ more than the forms do. This one saturates as
 * every measured machine does, and its slope at no load is finite, so that idle is stable.
 */
export const CURVE: Curve = { idle: 0.1381, swing: 0.7063, rate: 1.755 }

/**
 * Relative standard deviation of the curve on a machine that it was not fitted to: 68 % of the
 * residuals of leaving one machine out lie within ± 50 % of the prediction.
 */
export const CURVE_SIGMA = 0.5

/** Power at `load` (0…1; what is outside is clamped) as a fraction of TDP. */
export function fractionAt(load: number, curve: Curve = CURVE): number {
  const bounded = Math.min(1, Math.max(0, load))
  return curve.idle + curve.swing * (1 - Math.exp(-curve.rate * bounded))
}

/** The rates that `fitCurve` tries are so far apart, and go up to where the curve is a step. */
const RATE_STEP = 0.005
const RATE_STEPS = 2000

/**
 * The curve with the least squares of error in fractions of TDP, every machine with the same weight:
 * for each rate the other two follow from a linear regression.
 */
export function fitCurve(points: readonly Point[]): Curve {
  const count = new Map<string, number>()
  for (const { machine } of points) count.set(machine, (count.get(machine) ?? 0) + 1)
  let best: Curve & { error: number } = { idle: 0, swing: 0, rate: 0, error: Infinity }
  for (let step = 1; step <= RATE_STEPS; step++) {
    const rate = step * RATE_STEP
    let [w, x, y, xx, xy] = [0, 0, 0, 0, 0]
    const terms = points.map((point) => {
      const weight = 1 / count.get(point.machine)!
      const rise = 1 - Math.exp(-rate * point.load)
      w += weight
      x += weight * rise
      y += weight * point.fraction
      xx += weight * rise * rise
      xy += weight * rise * point.fraction
      return { weight, rise, fraction: point.fraction }
    })
    const swing = (w * xy - x * y) / (w * xx - x * x)
    const idle = (y - swing * x) / w
    const error = terms.reduce(
      (sum, t) => sum + t.weight * (idle + swing * t.rise - t.fraction) ** 2,
      0,
    )
    if (error < best.error) best = { idle, swing, rate, error }
  }
  return { idle: best.idle, swing: best.swing, rate: best.rate }
}
