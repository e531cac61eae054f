/** Any object of the user's that answers for intensity. */
import { badOption, JouletapError } from '../../errors'
import { seriesOf } from '../series'
import type { IntensityPoint, Provider } from '../types'

/**
 * The object as a provider whose answers are checked like a service's.
 * @throws {JouletapError} BAD_OPTION: it has no `range`.
 */
export function custom(own: Pick<Provider, 'range'> & Partial<Provider>): Provider {
  if (typeof own?.range !== 'function') {
    throw badOption(
      'a provider',
      own,
      'a name, or an object with a method range(location, from, to)',
    )
  }
  const id = own.id ?? 'custom'
  const checked = async (points: Promise<readonly IntensityPoint[]>) => {
    const list = await points
    try {
      return seriesOf(list).points
    } catch (error) {
      const why = (error as Error).message
      throw new JouletapError('INTENSITY_UNAVAILABLE', `${id} gave what cannot be used: ${why}`)
    }
  }
  return {
    id,
    covers: (location) => own.covers?.(location) ?? true,
    range: (location, from, to) => checked(Promise.resolve(own.range(location, from, to))),
    ...(own.forecast && {
      forecast: (location, hours) => checked(Promise.resolve(own.forecast!(location, hours))),
    }),
  }
}
