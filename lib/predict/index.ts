/** What remains of a run, from its first epochs: energy, time and grams, with intervals. */

export type { Coverage } from './realised'
export type { EpochUse, Estimate, IntensityAhead, Prediction, PredictOptions } from './types'

// Whoever loads the package to measure shall not wait for the modules of these.

/**
 * What the whole run will use, from the epochs seen, in order: one or more of `options.epochs`.
 *
 * Epoch 0 is set apart where it was a warm-up. After a level shift only what follows tells. From 20
 * epochs on a trend goes on as far as it is believed. Intervals weigh how far each epoch leans on the
 * one before, and take a deviation of 1 % at the least; they hold only as far as the rest behaves like
 * what was seen, as `assumption` says. Nothing is random: the same epochs give the same figures.
 * @throws {JouletapError} BAD_OPTION: an option is out of its range; BAD_INPUT: no epochs, or one that
 *   used less than nothing.
 */
export const predict: typeof import('./predict').predict = (epochs, options) =>
  (require('./predict') as typeof import('./predict')).predict(epochs, options)

/** The intensity that carbontracker values its prediction with. */
export const carbontrackerIntensity: typeof import('./mean').carbontrackerIntensity = (
  before,
  ahead,
  seconds,
) => (require('./mean') as typeof import('./mean')).carbontrackerIntensity(before, ahead, seconds)

/** How many of some intervals hold a value. */
export const coverageOf: typeof import('./realised').coverageOf = (estimates, actual) =>
  (require('./realised') as typeof import('./realised')).coverageOf(estimates, actual)

/** How often past intervals held: of the next epoch, and of the whole run once it is complete. */
export const realised: typeof import('./realised').realised = (predictions, epochs) =>
  (require('./realised') as typeof import('./realised')).realised(predictions, epochs)
