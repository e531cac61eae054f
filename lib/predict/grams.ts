/** Grams of what is to come: energy × intensity over its own time, and how sure that is. */
import { toKWh } from '../units'
import type { Sum } from './phase'
import type { Estimate, PredictOptions } from './types'

/**
 * `gramsSoFar` + PUE × energy to come × mean intensity over the time to come. At either end of the
 * interval the energy and the time of that end are valued, as both go together; how far the intensity
 * may be off there is taken to be independent, so both are joined as squares. `tail`: the share beyond
 * either end; undefined for no interval.
 */
export function gramsAhead(
  carbon: NonNullable<PredictOptions['carbon']>,
  pue: number,
  ahead: { joules: Sum; seconds: Sum },
  tail: number | undefined,
): { estimate: Estimate; sure: boolean } {
  const { gramsSoFar } = carbon
  if (ahead.joules.value === 0) {
    const certain = tail !== undefined && { low: gramsSoFar, high: gramsSoFar }
    return { estimate: { value: gramsSoFar, ...certain }, sure: true }
  }
  const grams = (joules: number, gramsPerKWh: number) => pue * toKWh(joules) * gramsPerKWh
  const usual = carbon.ahead(ahead.seconds.value)
  const middle = grams(ahead.joules.value, usual.gramsPerKWh)
  const value = gramsSoFar + middle
  if (tail === undefined) return { estimate: { value }, sure: true }
  const off = (p: number, end: 'low' | 'high') => {
    const joules = Math.max(0, ahead.joules.quantile(p))
    const there = carbon.ahead(Math.max(0, ahead.seconds.quantile(p)))
    const ofEnergy = grams(joules, there.gramsPerKWh) - middle
    const ofGrid = grams(ahead.joules.value, (usual[end] ?? usual.gramsPerKWh) - usual.gramsPerKWh)
    return Math.hypot(ofEnergy, ofGrid)
  }
  return {
    estimate: {
      value,
      low: gramsSoFar + Math.max(0, middle - off(tail, 'low')),
      high: value + off(1 - tail, 'high'),
    },
    sure: usual.low !== undefined && usual.high !== undefined,
  }
}
