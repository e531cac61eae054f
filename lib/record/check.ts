/** Checks of values that JSON gave: each returns what it was asked for, or throws a sentence without its end. */

/** Takes a value out of JSON. Its error reads `joules is not a number from 0`. */
export type Check<T> = (value: unknown, name: string) => T

type Shape = Readonly<Record<string, Check<unknown>>>
type Of<C> = C extends Check<infer T> ? T : never

/** Characters of a name that an error shows. */
const MOST_OF_NAME = 64

/** By default what no run reaches, and sums of it do not leave the numbers. */
export function number(least = 0, most = 1e18): Check<number> {
  return (value, name) => {
    if (typeof value === 'number' && value >= least && value <= most) return value
    throw unfit(name, `a number from ${least} to ${most === 1e18 ? '1e18' : most}`)
  }
}

export function whole(least: number): Check<number> {
  return (value, name) => {
    if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
    throw unfit(name, `a whole number from ${least}`)
  }
}

export const text: Check<string> = (value, name) => {
  if (typeof value === 'string') return value
  throw unfit(name, 'a text')
}

/** ISO 8601 with its offset from UTC. */
export const time: Check<string> = (value, name) => {
  const isTime = typeof value === 'string' && /T.*(Z|[+-]\d\d:?\d\d)$/.test(value)
  if (isTime && !Number.isNaN(Date.parse(value))) return value
  throw unfit(name, 'a time, such as 2026-11-21T20:00:00.000Z')
}

export function oneOf<const T extends string | boolean>(...values: readonly T[]): Check<T> {
  return (value, name) => {
    if (values.includes(value as T)) return value as T
    throw unfit(name, values.join(' or '))
  }
}

export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value, name) => (value === null ? null : check(value, name))
}

export function list<T>(check: Check<T>): Check<T[]> {
  return (value, name) => {
    if (Array.isArray(value)) return value.map((one, index) => check(one, `${name}[${index}]`))
    throw unfit(name, 'a list')
  }
}

/** Names that the writer chose to values of one kind. */
export function map<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, name) =>
    Object.fromEntries(
      Object.entries(objectOf(value, name))
        // Copied by assignment it would be more than a name.
        .filter(([key]) => key !== '__proto__')
        .map(([key, one]) => [key, check(one, `${name}.${key}`)]),
    )
}

/** The fields that are named, of which the optional ones may be absent; all others are left out. */
export function object<R extends Shape, O extends Shape>(
  required: R,
  optional: O,
): Check<{ [K in keyof R]: Of<R[K]> } & { [K in keyof O]?: Of<O[K]> }> {
  const checks = Object.entries({ ...required, ...optional })
  return (value, name) => {
    const given = objectOf(value, name)
    const within = name === '' ? '' : `${name}.`
    const fields = checks
      .filter(([key]) => Object.hasOwn(given, key) || Object.hasOwn(required, key))
      .map(([key, check]) => [key, check(given[key], `${within}${key}`)])
    return Object.fromEntries(fields)
  }
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw unfit(name || 'It', 'an object')
}

function unfit(name: string, allowed: string): Error {
  const short = name.length > MOST_OF_NAME ? `${name.slice(0, MOST_OF_NAME)}…` : name
  return new Error(`${short} is not ${allowed}`)
}
