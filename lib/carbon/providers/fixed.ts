/** One figure of the user's, for any place and time. */
import { badOption } from '../../errors'
import { MOST_GRAMS_PER_KWH } from '../series'
import type { Basis, Location, Provider } from '../types'
import { USUAL_BASIS } from './basis'

/**
 * The figure as one point for all of the time that is asked for. It is `estimated`, past and to come:
 * the user says it, nobody has measured it at that time.
 * @throws {JouletapError} BAD_OPTION: the figure is no number from 0 to 3000.
 */
export function fixed(
  gramsPerKWh: number,
  basis: Basis = USUAL_BASIS,
  now = () => new Date(),
): Provider {
  if (!(typeof gramsPerKWh === 'number' && gramsPerKWh >= 0 && gramsPerKWh <= MOST_GRAMS_PER_KWH)) {
    throw badOption('an intensity', gramsPerKWh, `g/kWh from 0 to ${MOST_GRAMS_PER_KWH}`)
  }
  const range = async ({ zone, country, name }: Location, start: Date, end: Date) => [
    {
      ...basis,
      start,
      end,
      gramsPerKWh,
      status: 'estimated' as const,
      zone: zone ?? country ?? name,
      source: 'fixed',
    },
  ]
  return {
    id: 'fixed',
    covers: () => true,
    range,
    forecast: (location, hours) =>
      range(location, now(), new Date(now().getTime() + hours * 3_600_000)),
  }
}
