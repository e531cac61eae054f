/** Student's t distribution: its probabilities and quantiles for any number of degrees of freedom. */

/** Probability of a value of at most `t`; to 1e-11. `free` > 0. */
export function tProbability(t: number, free: number): number {
  if (t === 0) return 0.5
  // Which of both is small is computed, so that nothing is lost in a difference from 1.
  const square = t * t
  const tail =
    square > free
      ? incompleteBeta(free / (free + square), free / 2, 0.5) / 2
      : 0.5 - incompleteBeta(square / (free + square), 0.5, free / 2) / 2
  return t > 0 ? 1 - tail : tail
}

/**
 * The value that is not exceeded with probability `p`, 0 < p < 1; to 1e-10 of itself. By bisection of
 * the probability: the usual expansions (Hill 1970) are weak below three degrees of freedom, which is
 * where an early prediction stands.
 */
export function tQuantile(p: number, free: number): number {
  if (p === 0.5) return 0
  if (p < 0.5) return -upper(p, free)
  return upper(1 - p, free)
}

/** The value that is exceeded with probability `tail` < 0.5. */
function upper(tail: number, free: number): number {
  const exceeded = (t: number) => tProbability(-t, free)
  let high = 1
  while (exceeded(high) > tail) high *= 2
  let low = high === 1 ? 0 : high / 2
  while (high - low > 1e-13 * high) {
    const middle = (low + high) / 2
    if (middle <= low || middle >= high) break
    if (exceeded(middle) > tail) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Regularised incomplete beta function, by its continued fraction (Numerical Recipes, 6.4). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // Converges fast on this side only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let [c, d] = [1, 1 / notZero(1 - ((a + b) * x) / (a + 1))]
  let value = d
  const advance = (term: number) => {
    d = 1 / notZero(1 + term * d)
    c = notZero(1 + term / c)
    value *= c * d
  }
  for (let i = 1; i <= 500; i++) {
    advance((i * (b - i) * x) / ((a + 2 * i - 1) * (a + 2 * i)))
    advance((-(a + i) * (a + b + i) * x) / ((a + 2 * i) * (a + 2 * i + 1)))
    if (Math.abs(c * d - 1) < 1e-15) break
  }
  return front * value
}

/** What may be divided by. */
function notZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value
}

/** Logarithm of the gamma function of x > 0, to 1e-15 (Lanczos, g = 7, nine terms). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  let sum = LANCZOS[0]
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x + i - 1)
  const base = x + 6.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(base) - base + Math.log(sum)
}

const LANCZOS: readonly [number, ...number[]] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
]
