// Points of intensity for tests, whose figures are made up.
import type { IntensityPoint } from '../../lib/carbon/types'

/** A point from one hour of `day` to another. */
export function pointOf(
  fromHour: number,
  toHour: number,
  gramsPerKWh: number,
  more: Partial<IntensityPoint> = {},
): IntensityPoint {
  return {
    start: hour(fromHour),
    end: hour(toHour),
    gramsPerKWh,
    kind: 'average',
    factors: 'lifecycle',
    boundary: 'consumption',
    status: 'measured',
    zone: 'DK-DK1',
    source: 'made',
    ...more,
  }
}

/** So many hours after midnight of a certain day, UTC. */
export function hour(hours: number): Date {
  return new Date(Date.UTC(2026, 10, 26) + hours * 3_600_000)
}
