/** Measures one function: once, or one call of it by many. */
import { Meter } from './meter'
import { checkRepeat } from './options'
import type { Energy, MeasureOptions, PerCall, Repeat } from './types'

/**
 * What the machine used while `work` ran, until its promise settles if it returns one.
 *
 * With `repeat`, for code that is shorter than an update of the counters: `work` is called many
 * times, in batches that take turns with batches of an empty function, and `perCall` is what one
 * call used beyond an empty one. `energy` is then that of everything, the empty calls too, and
 * `value` that of the last call. By default this takes about 2 seconds, or five calls where these
 * are longer. The event loop has a turn between batches.
 *
 * - The first call settles whether calls are awaited, the empty ones too: does it return a promise?
 * - What the machine uses anyway during a call, idle or for other programs, is in the number.
 * - One loop calls both functions and knows neither. What V8 makes of a call at its place in a
 *   program (a part of its surroundings, or nothing at all) is not known from here; nor does the
 *   collection of garbage count that falls between batches. Return what is computed, so that it is.
 *
 * @example
 * const { perCall } = await measure(() => hash(text), { repeat: true })
 * console.log(perCall.joules ?? perCall.reason)
 * @throws what `work` throws, after the meter has been stopped; {JouletapError} as `Meter` does.
 */
export async function measure<T>(
  work: () => T | Promise<T>,
  options: MeasureOptions & { repeat: true | Repeat },
): Promise<{ value: T; energy: Energy; perCall: PerCall }>
export async function measure<T>(
  work: () => T | Promise<T>,
  options?: MeasureOptions,
): Promise<{ value: T; energy: Energy; perCall?: PerCall }>
export async function measure<T>(
  work: () => T | Promise<T>,
  options: MeasureOptions = {},
): Promise<{ value: T; energy: Energy; perCall?: PerCall }> {
  const { repeat, ...others } = checkRepeat(options)
  const meter = new Meter(others).start()
  try {
    if (!repeat) {
      const value = await work()
      return { value, energy: meter.stop() }
    }
    // Only this way of measuring needs them.
    const { perCallOf } = require('./per-call') as typeof import('./per-call')
    const { repeatWork } = require('./repeat') as typeof import('./repeat')
    const { value, pairs } = await repeatWork(work, repeat, meter)
    const energy = meter.stop()
    return { value, energy, perCall: perCallOf(pairs, energy) }
  } finally {
    meter[Symbol.dispose]()
  }
}
