/** Any object of the user's that answers for intensity. */
import { JouletapError } from '../../errors'
import { MOST_GRAMS_PER_KWH, seriesOf } from '../series'
import type { IntensityPoint, Provider } from '../types'
import { isWord } from './basis'
import { someOf } from './reply'

/**
 * The object as a provider whose answers are checked like a service's.
 * @throws {JouletapError} BAD_OPTION: it has no `range`, or its `id` is no text.
 */
export function custom(own: Pick<Provider, 'range'> & Partial<Provider>): Provider {
  const { range, id = 'custom' } = own ?? {}
  if (typeof range !== 'function' || typeof id !== 'string' || id === '') {
    // It is not shown, for it may hold a key.
    throw new JouletapError(
      'BAD_OPTION',
      'a provider must be a name, or an object with a method range(location, from, to) and, if it has an id, a text for it.',
    )
  }
  const checked = async (ask: () => Promise<readonly IntensityPoint[]>) => {
    const points = await ask()
    try {
      if (!Array.isArray(points)) throw new Error('it is no list of points')
      for (const [index, point] of points.entries()) mustBePoint(point, index)
      if (points.length > 0) return seriesOf(points).points
    } catch (error) {
      const why = (error as Error).message.replace(/\.$/, '')
      throw new JouletapError('INTENSITY_UNAVAILABLE', `${id} gave what cannot be used: ${why}.`)
    }
    return someOf(points, id)
  }
  return {
    id,
    covers: (location) => own.covers?.(location) ?? true,
    range: (location, from, to) => checked(async () => own.range(location, from, to)),
    ...(own.forecast && {
      forecast: (location, hours) => checked(async () => own.forecast!(location, hours)),
    }),
  }
}

/** @throws {Error} the sentence says which point it is, and what is wrong with it. */
function mustBePoint(point: Partial<Record<keyof IntensityPoint, unknown>>, index: number): void {
  const wrong = (what: string) => new Error(`point ${index + 1} ${what}`)
  if (typeof point !== 'object' || point === null) throw wrong('is no object')
  for (const name of ['start', 'end'] as const) {
    if (!isTime(point[name])) throw wrong(`has no Date as ${name}`)
  }
  for (const name of ['issuedAt', 'fetchedAt'] as const) {
    if (point[name] !== undefined && !isTime(point[name])) {
      throw wrong(`has no Date as ${name}`)
    }
  }
  if (!isGrams(point.gramsPerKWh)) {
    throw wrong(`has a gramsPerKWh that is no number from 0 to ${MOST_GRAMS_PER_KWH}`)
  }
  for (const name of ['kind', 'factors', 'boundary', 'status'] as const) {
    if (!isWord(name, point[name])) throw wrong(`has no ${name} that is known`)
  }
  for (const name of ['zone', 'source'] as const) {
    if (typeof point[name] !== 'string') throw wrong(`has a ${name} that is no text`)
  }
  if (point.quantiles !== undefined && !areQuantiles(point.quantiles)) {
    throw wrong('has quantiles that are no list of { p, gramsPerKWh } in ascending order')
  }
}

function isTime(value: unknown): boolean {
  return value instanceof Date && !Number.isNaN(value.getTime())
}

function isGrams(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MOST_GRAMS_PER_KWH
}

function areQuantiles(list: unknown): boolean {
  if (!Array.isArray(list)) return false
  return list.every(
    (one, index) =>
      one?.p > 0 &&
      one.p < 1 &&
      isGrams(one.gramsPerKWh) &&
      (index === 0 ||
        (list[index - 1].p < one.p && list[index - 1].gramsPerKWh <= one.gramsPerKWh)),
  )
}
