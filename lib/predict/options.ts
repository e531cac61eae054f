/** Checks what is asked of a prediction, field by field. */
import { badOption, JouletapError } from '../errors'
import type { EpochUse, IntensityAhead, PredictOptions } from './types'

/** Options with every default filled in. */
export interface Settings {
  epochs: number
  method: 'interval' | 'mean'
  confidence: number
  pue: number
  carbon?: NonNullable<PredictOptions['carbon']>
}

const NAMES: readonly (keyof PredictOptions)[] = ['epochs', 'method', 'confidence', 'pue', 'carbon']

/** @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed. */
export function checkOptions(options: PredictOptions): Settings {
  if (!isObject(options)) throw badOption('options', options, 'an object')
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name as keyof PredictOptions)) {
      throw badOption('an option', name, `one of ${NAMES.join(', ')}`)
    }
  }
  const { epochs, method = 'interval', confidence = 0.9, pue = 1, carbon } = options
  if (!(Number.isSafeInteger(epochs) && epochs >= 1)) {
    throw badOption('epochs', epochs, 'a whole number from 1')
  }
  if (method !== 'interval' && method !== 'mean') {
    throw badOption('method', method, "'interval' or 'mean'")
  }
  if (!isWithin(confidence, 0.5, 0.99)) {
    throw badOption('confidence', confidence, 'a number from 0.5 to 0.99')
  }
  if (!isWithin(pue, 1, 10)) throw badOption('pue', pue, 'a number from 1 to 10')
  return { epochs, method, confidence, pue, ...(carbon !== undefined && checkCarbon(carbon)) }
}

function checkCarbon(carbon: unknown): Pick<Settings, 'carbon'> {
  const allowed = 'an object with gramsSoFar and ahead'
  if (!isObject(carbon)) throw badOption('carbon', carbon, allowed)
  const { gramsSoFar, ahead } = carbon as Partial<NonNullable<PredictOptions['carbon']>>
  if (!isWithin(gramsSoFar, 0, Number.MAX_VALUE)) {
    throw badOption('carbon.gramsSoFar', gramsSoFar, 'a number from 0')
  }
  if (typeof ahead !== 'function') {
    throw badOption('carbon.ahead', ahead, 'a function from seconds to { gramsPerKWh }')
  }
  return {
    carbon: { gramsSoFar, ahead: (seconds) => checkAhead(ahead.call(carbon, seconds)) },
  }
}

function checkAhead(answer: IntensityAhead): IntensityAhead {
  if (!isObject(answer)) throw badOption('carbon.ahead', answer, 'a function that gives an object')
  for (const name of ['gramsPerKWh', 'low', 'high'] as const) {
    const value = answer[name]
    if (name !== 'gramsPerKWh' && value === undefined) continue
    if (!isWithin(value, 0, Number.MAX_VALUE)) {
      throw badOption(`${name} of carbon.ahead`, value, 'a number from 0')
    }
  }
  return answer
}

/** @throws {JouletapError} BAD_INPUT: an epoch is no object, or used less than nothing. */
export function checkEpochs(epochs: readonly EpochUse[]): void {
  if (!Array.isArray(epochs) || epochs.length === 0) {
    throw new JouletapError('BAD_INPUT', 'A prediction needs an array of at least one epoch.')
  }
  for (const [index, epoch] of epochs.entries() as Iterable<[number, EpochUse]>) {
    if (!isObject(epoch)) {
      throw new JouletapError(
        'BAD_INPUT',
        `Epoch ${index} must be an object with seconds and joules.`,
      )
    }
    for (const name of ['seconds', 'joules'] as const) {
      const value: unknown = epoch[name]
      if (value === null || value === undefined || (typeof value === 'number' && !(value < 0))) {
        continue
      }
      throw new JouletapError(
        'BAD_INPUT',
        `${name} of epoch ${index} must be a number from 0, not ${String(value)}.`,
      )
    }
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most
}
