/** What quantiles tell of how sure a value is. */
import type { IntensityPoint } from './types'

/**
 * One standard deviation of a point's intensity, in g/kWh, as that of the normal distribution with its
 * lowest and highest quantile; undefined where it has no two.
 */
export function sigmaOf({ quantiles = [] }: IntensityPoint): number | undefined {
  const [lowest, highest] = [quantiles[0], quantiles.at(-1)]
  if (!lowest || !highest || lowest.p >= highest.p) return undefined
  return (highest.gramsPerKWh - lowest.gramsPerKWh) / (normal(highest.p) - normal(lowest.p))
}

/**
 * The value that a normal deviate does not exceed with probability `p`, 0 < p < 1, to 0.0005:
 * Abramowitz and Stegun 26.2.23.
 */
export function normal(p: number): number {
  if (p > 0.5) return -normal(1 - p)
  const t = Math.sqrt(-2 * Math.log(p))
  return (
    (2.515517 + 0.802853 * t + 0.010328 * t * t) /
      (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t ** 3) -
    t
  )
}
