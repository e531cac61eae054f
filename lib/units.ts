/** Units and their exact ratios. */

/** Joules in one kilowatt-hour: 1000 W × 3600 s, exactly. */
export const JOULES_PER_KWH = 3_600_000

/** Kilowatt-hours of an energy in joules. */
export function toKWh(joules: number): number {
  return joules / JOULES_PER_KWH
}
