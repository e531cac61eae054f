/** From batches of calls, and of empty calls beside them, to the energy of one call. */
import type { Energy, PerCall } from './types'

/** Calls in a row, and what the machine used meanwhile. */
export interface Batch {
  calls: number
  energy: Pick<Energy, 'joules' | 'uncertaintyJoules' | 'seconds' | 'coverage'>
}

/** A batch of calls, and one of empty calls that stood next to it. */
export interface Pair {
  work: Batch
  empty: Batch
}

const CONFIDENCE = 0.95
/** The 0.975 quantile of the normal distribution. */
const NORMAL = 1.959964
/** Less than this share of the time covered is not all of it. */
const COVERED = 0.999

/**
 * With dᵢ = Eᵢ/nᵢ − E⁰ᵢ/n⁰ᵢ for each of N pairs and uᵢ² = (σᵢ/nᵢ)² + (σ⁰ᵢ/n⁰ᵢ)² of the uncertainties
 * σ of their batches, the interval is mean d ± √(max(t·s/√N, 1.96·√(Σuᵢ²)/N)² + (1.96·r·mean d)²):
 * s is the standard deviation of d, t the quantile of Student's distribution with N − 1 degrees of
 * freedom, and r the relative uncertainty of `whole`, all that was measured, for what does not
 * average out: the unit's error, a model's. Calls do not give energy back: a mean below 0 counts
 * as 0, and `low` ends there.
 * @param pairs at least two
 */
export function perCallOf(
  pairs: readonly Pair[],
  whole: Pick<Energy, 'joules' | 'uncertaintyJoules' | 'quality'>,
): PerCall {
  const joules = pairs.map(({ work, empty }) => each(work, 'joules') - each(empty, 'joules'))
  const seconds = pairs.map(({ work, empty }) => each(work, 'seconds') - each(empty, 'seconds'))
  const stated = Math.hypot(
    ...pairs.flatMap(({ work, empty }) => [
      each(work, 'uncertaintyJoules'),
      each(empty, 'uncertaintyJoules'),
    ]),
  )
  const relative = whole.joules > 0 ? whole.uncertaintyJoules / whole.joules : 0
  const average = Math.max(0, mean(joules))
  const half = Math.hypot(
    Math.max(student(pairs.length - 1) * standardError(joules), (NORMAL * stated) / pairs.length),
    NORMAL * relative * average,
  )
  const low = Math.max(0, average - half)
  const high = average + half
  const coverage = Math.min(
    ...pairs.flatMap(({ work, empty }) => [work.energy.coverage, empty.energy.coverage]),
  )

  const calls = pairs.reduce((total, { work }) => total + work.calls, 0)
  const common = {
    low,
    high,
    confidence: CONFIDENCE,
    calls,
    seconds: Math.max(0, mean(seconds)),
    batches: pairs.length,
  } as const
  const reason = whyNot(average, half, coverage, whole.quality)
  return reason === undefined ? { joules: average, ...common } : { joules: null, ...common, reason }
}

/** Why an average would pretend to know more than is known. */
function whyNot(average: number, half: number, coverage: number, quality: Energy['quality']) {
  if (quality === 'estimated') {
    return "The joules are a model's estimate, which cannot tell one call from another."
  }
  if (coverage < COVERED) {
    return `The counters were read for only ${(100 * coverage).toFixed(1)} % of a batch.`
  }
  const most = `${(average + half).toPrecision(2)} J`
  if (average <= half) {
    return `A call cannot be told from an empty one: it uses at most ${most}; more calls may tell.`
  }
  if (2 * half > average) {
    const least = `${(average - half).toPrecision(2)} J`
    return `The interval from ${least} to ${most} is wider than the value in it; more calls may tell.`
  }
  return undefined
}

function each({ calls, energy }: Batch, what: 'joules' | 'uncertaintyJoules' | 'seconds'): number {
  return energy[what] / calls
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length
}

/** Standard deviation of the mean. */
function standardError(values: readonly number[]): number {
  const middle = mean(values)
  return (
    Math.hypot(...values.map((value) => value - middle)) /
    Math.sqrt(values.length * (values.length - 1))
  )
}

/**
 * The 0.975 quantile of Student's distribution by Cornish and Fisher's expansion, Abramowitz and
 * Stegun 26.7.5: 0.7 % too small for 2 degrees of freedom, 0.1 % for 3, and soon exact.
 */
export function student(freedom: number): number {
  const z = NORMAL
  return (
    z +
    (z ** 3 + z) / (4 * freedom) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3) +
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * freedom ** 4)
  )
}
