/** Forecasts of the past against what came. */
import type { IntensitySeries } from '../carbon'
import { badOption, JouletapError } from '../errors'
import { bandsAt } from './bands'
import { checkForecast } from './forecast'
import { hoursOf } from './hours'
import { METHODS, type Method, predict } from './model'

export interface BackTestOptions {
  /** Default: all. */
  readonly methods?: readonly Method[]
  /** Days ahead, 1 … 7. Default 4. */
  readonly days?: number
  /** Hours between forecasts, 1 … 168. Default 24. */
  readonly everyHours?: number
  /** Of the bands; default 0.9. */
  readonly coverage?: number
}

/** Of one day ahead. */
export interface DayFigures {
  /** Mean absolute percentage error, of hours that were not 0 g/kWh; NaN where all were. */
  readonly mapePercent: number
  /** The share of hours that were inside their band; null where none had one. */
  readonly covered: number | null
  /** Of which the percentage is. */
  readonly hours: number
}

export interface BackTest {
  readonly method: Method
  /** Forecasts that were made. */
  readonly forecasts: number
  /** The next day first. */
  readonly days: readonly DayFigures[]
}

const DAY = 24
/** Before the first forecast: the profile's days and enough errors for bands. */
const WARM_UP = 20 * DAY

/**
 * Forecasts from every so many hours of the history on, each from what was known then alone.
 * @throws {JouletapError} BAD_OPTION; BAD_INPUT: the history is no longer than 20 days and `days`.
 */
export function backTest(history: IntensitySeries, options: BackTestOptions = {}): BackTest[] {
  const { methods = METHODS, days = 4, everyHours = DAY } = options
  if (!(Number.isInteger(days) && days >= 1 && days <= 7)) {
    throw badOption('days', days, 'a whole number from 1 to 7')
  }
  if (!(Number.isInteger(everyHours) && everyHours >= 1 && everyHours <= 168)) {
    throw badOption('everyHours', everyHours, 'a whole number from 1 to 168')
  }
  const { coverage } = checkForecast(options)
  const { values } = hoursOf(history)
  if (values.length <= WARM_UP + days * DAY) {
    const least = WARM_UP / DAY + days
    throw new JouletapError(
      'BAD_INPUT',
      `A back-test of ${days} days ahead needs more than ${least} days of history.`,
    )
  }
  return methods.map((method) => {
    checkForecast({ method })
    const sums = Array.from({ length: days }, () => ({ error: 0, hours: 0, inside: 0, bands: 0 }))
    let forecasts = 0
    for (let origin = WARM_UP; origin + days * DAY < values.length; origin += everyHours) {
      const told = predict(method, values, origin, days * DAY)
      if (!told) continue
      forecasts++
      const bands = bandsAt(method, values, origin, days * DAY, coverage)
      for (const [index, expected] of told.entries()) {
        const value = values[origin + 1 + index]
        const sum = sums[Math.floor(index / DAY)]!
        if (value === undefined) continue
        const error = Math.abs(value - expected)
        if (value > 0) {
          sum.error += error / value
          sum.hours++
        }
        if (!Number.isFinite(bands[index]!)) continue
        sum.bands++
        if (error <= bands[index]!) sum.inside++
      }
    }
    return { method, forecasts, days: sums.map(figuresOf) }
  })
}

function figuresOf(sum: {
  error: number
  hours: number
  inside: number
  bands: number
}): DayFigures {
  const { error, hours, inside, bands } = sum
  return {
    mapePercent: (100 * error) / hours,
    covered: bands > 0 ? inside / bands : null,
    hours,
  }
}
