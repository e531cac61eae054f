/** One figure of the user's, for any place and time. */
import { badOption } from '../../errors'
import { MOST_GRAMS_PER_KWH } from '../series'
import type { Basis, Provider } from '../types'

/** What a user's figures count where nothing else is said. */
export const USUAL_BASIS: Basis = { kind: 'average', factors: 'unknown', boundary: 'unknown' }

/** @throws {JouletapError} BAD_OPTION: the figure is no number from 0 to 3000. */
export function fixed(gramsPerKWh: number, basis: Basis = USUAL_BASIS): Provider {
  if (!(typeof gramsPerKWh === 'number' && gramsPerKWh >= 0 && gramsPerKWh <= MOST_GRAMS_PER_KWH)) {
    throw badOption('an intensity', gramsPerKWh, `g/kWh from 0 to ${MOST_GRAMS_PER_KWH}`)
  }
  return {
    id: 'fixed',
    covers: () => true,
    range: async ({ zone, country, name }, start, end) => [
      {
        ...basis,
        start,
        end,
        gramsPerKWh,
        status: 'estimated',
        zone: zone ?? country ?? name,
        source: 'fixed',
      },
    ],
  }
}
