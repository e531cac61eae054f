/** Forecasts of intensity from its own past, where no service gives one, and how right they are. */

export type { BackTest, BackTestOptions, DayFigures } from './back-test'
export type { ForecastOptions } from './forecast'
export type { Method as ForecastMethod } from './model'

// Whoever loads the package to measure shall not wait for the modules of these.

/**
 * What is to be expected after the end of a history, hour by hour, with bands; undefined where the
 * history is shorter than a day.
 * @throws {JouletapError} BAD_OPTION
 */
export const forecastIntensity: typeof import('./forecast').forecastIntensity = (
  history,
  options,
) => (require('./forecast') as typeof import('./forecast')).forecastIntensity(history, options)

/**
 * A provider that forecasts: by itself where it can, else from its own past.
 * @throws {JouletapError} BAD_OPTION
 */
export const withForecast: typeof import('./forecast').withForecast = (provider, options) =>
  (require('./forecast') as typeof import('./forecast')).withForecast(provider, options)

/**
 * How right forecasts of the past would have been, by day ahead.
 * @throws {JouletapError} BAD_OPTION; BAD_INPUT: the history is too short.
 */
export const backTest: typeof import('./back-test').backTest = (history, options) =>
  (require('./back-test') as typeof import('./back-test')).backTest(history, options)
