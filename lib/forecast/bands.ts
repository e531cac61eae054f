/** How far forecasts of the past were off, as a band around the next. */
import { type Method, predict } from './model'

const DAY = 24
/** Errors of so many days are enough, and older ones of another season. */
const MOST_ERRORS = 30

/**
 * Half the width of the band that holds the value after each lead hour with probability `coverage`:
 * split-conformal (Vovk, Gammerman and Shafer 2005; Lei and others 2018), the ⌈c(n+1)⌉-th smallest of
 * the last n ≤ 30 absolute errors that forecasts made at the same hour of earlier days had there, all
 * of hours that have passed. Infinite where there are too few errors for it.
 */
export function bandsAt(
  method: Method,
  values: readonly (number | undefined)[],
  origin: number,
  hours: number,
  coverage: number,
): number[] {
  const errors: number[][] = Array.from({ length: hours }, () => [])
  for (let back = origin - DAY; back > 0; back -= DAY) {
    if (errors.every((some) => some.length === MOST_ERRORS)) break
    const lead = Math.min(hours, origin - back)
    const told = predict(method, values, back, lead)
    if (!told) break
    for (const [index, expected] of told.entries()) {
      const value = values[back + 1 + index]
      const some = errors[index]!
      if (value !== undefined && some.length < MOST_ERRORS) some.push(Math.abs(value - expected))
    }
  }
  return errors.map((some) => quantile(some, coverage))
}

/** The ⌈c(n+1)⌉-th smallest. */
export function quantile(errors: readonly number[], coverage: number): number {
  const rank = Math.ceil(coverage * (errors.length + 1))
  return [...errors].sort((a, b) => a - b)[rank - 1] ?? Number.POSITIVE_INFINITY
}
