/** A series as means over the hours of UTC, in which no day has 23 or 25. */
import type { IntensityPoint, IntensitySeries } from '../carbon'

const HOUR_MS = 3_600_000

export interface Hours {
  /** Hours since 1970 of the first value. */
  readonly first: number
  /** Grams per kWh; undefined where less than half of the hour is known. */
  readonly values: readonly (number | undefined)[]
}

/** Whether a point tells of its own time: a forecast does not, nor does the mean of a year. */
export function isKnown({ status }: IntensityPoint): boolean {
  return status === 'measured' || status === 'estimated'
}

/** Means by the time that each point holds; none where nothing is known. */
export function hoursOf(history: IntensitySeries): Hours {
  const points = history.points.filter(isKnown)
  if (points.length === 0) return { first: 0, values: [] }
  const first = Math.floor(points[0]!.start.getTime() / HOUR_MS)
  const last = Math.ceil(points.at(-1)!.end.getTime() / HOUR_MS)
  const sums = new Float64Array(last - first)
  const known = new Float64Array(last - first)
  for (const { start, end, gramsPerKWh } of points) {
    const to = end.getTime()
    for (let from = start.getTime(); from < to; ) {
      const hour = Math.floor(from / HOUR_MS)
      const until = Math.min(to, (hour + 1) * HOUR_MS)
      sums[hour - first]! += gramsPerKWh * (until - from)
      known[hour - first]! += until - from
      from = until
    }
  }
  const values = Array.from(sums, (sum, i) =>
    known[i]! >= HOUR_MS / 2 ? sum / known[i]! : undefined,
  )
  return { first, values }
}

/** When an hour begins. */
export function hourStart(hour: number): Date {
  return new Date(hour * HOUR_MS)
}
