/** What comes after a time by what came before: one model, and three to hold it against. */

/** `persistence`: it stays as it is; `seasonal-naive`: as a day before; `weekly-naive`: as a week before. */
export type Method = 'profile' | 'persistence' | 'seasonal-naive' | 'weekly-naive'
export const METHODS: readonly Method[] = [
  'profile',
  'persistence',
  'seasonal-naive',
  'weekly-naive',
]

type Values = readonly (number | undefined)[]

const DAY = 24
/** Days of the profile, and hours of the level. */
const DAYS = 7
const WEEK = DAYS * DAY
const LEVEL_HOURS = 6
/** What is left of the level from hour to hour: 29 % after a day. */
const DECAY = 0.95

/**
 * Values of the hours after `origin`, the last that is known.
 *
 * profile(h) = the mean of the same hour of the day on the last 7 days; level = the mean over the last
 * 6 hours of value − mean of that hour on the 7 days before it; forecast(h) = max(0, profile(h) +
 * level × 0.95^h). Days and hours that are not known are left out of the means.
 * @returns undefined where the hours before tell nothing.
 */
export function predict(
  method: Method,
  values: Values,
  origin: number,
  hours: number,
): number[] | undefined {
  if (method === 'persistence') {
    const last = latest(values, origin, 1, DAY)
    return last === undefined ? undefined : Array(hours).fill(last)
  }
  const period = method === 'weekly-naive' ? WEEK : DAY
  const profile = Array.from({ length: period }, (_, hour) =>
    method === 'profile'
      ? meanBefore(values, origin + 1 + hour)
      : latest(values, origin + 1 + hour - period, period, WEEK / period),
  )
  // An hour of the period that was never seen is like the others.
  const usual = mean(profile)
  if (usual === undefined) return undefined
  const level = method === 'profile' ? (levelAt(values, origin) ?? 0) : 0
  return Array.from({ length: hours }, (_, index) =>
    Math.max(0, (profile[index % period] ?? usual) + level * DECAY ** (index + 1)),
  )
}

function levelAt(values: Values, origin: number): number | undefined {
  const differences = Array.from({ length: LEVEL_HOURS }, (_, back) => {
    const [value, usual] = [values[origin - back], meanBefore(values, origin - back)]
    return value === undefined || usual === undefined ? undefined : value - usual
  })
  return mean(differences)
}

/** Of the same hour on the 7 days before. */
function meanBefore(values: Values, hour: number): number | undefined {
  return mean(Array.from({ length: DAYS }, (_, day) => values[hour - DAY * (day + 1)]))
}

/** The first that is known, from `hour` back in steps, so many of them at the most. */
function latest(values: Values, hour: number, step: number, most: number): number | undefined {
  for (let count = 0; count < most; count++) {
    const value = values[hour - step * count]
    if (value !== undefined) return value
  }
  return undefined
}

function mean(values: Values): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : known.reduce((a, b) => a + b, 0) / known.length
}
