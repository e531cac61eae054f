/** Medians, quantiles, the confidence of a mean, and numbers that look random. */

/** What a quantity was, turn by turn. */
export interface Spread {
  median: number
  min: number
  max: number
  /** Turns, or pairs of them. */
  count: number
}

export function spread(values: readonly number[]): Spread {
  return {
    median: quantile(values, 0.5),
    min: Math.min(...values),
    max: Math.max(...values),
    count: values.length,
  }
}

/** Below which a share of the values lies, linear between neighbours; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const [low = Number.NaN, high = low] = sorted.slice(below, below + 2)
  return low + (high - low) * (place - below)
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0)

/**
 * Mean of independent values and its 95 % confidence interval by Student's t, whose quantile for n
 * degrees of freedom is 1.96 + 2.4/n to a hundredth from n = 10 on; infinite for fewer than two values.
 */
export function mean95(values: readonly number[]): { mean: number; low: number; high: number } {
  const free = values.length - 1
  const mean = sum(values) / values.length
  if (free < 1) return { mean, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  const variance = sum(values.map((value) => (value - mean) ** 2)) / free
  const half = (1.96 + 2.4 / free) * Math.sqrt(variance / values.length)
  return { mean, low: mean - half, high: mean + half }
}

/** Numbers that look random and are the same again for the same seed: from 0, below 1 (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const rootMeanSquare = (values: readonly number[]): number =>
  Math.sqrt(sum(values.map((value) => value ** 2)) / values.length)
