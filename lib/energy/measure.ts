/** Measures one function. */
import { Meter } from './meter'
import type { Energy, MeterOptions } from './types'

/**
 * What the machine used while `work` ran, until its promise settles if it returns one.
 * @throws what `work` throws, after the meter has been stopped; {JouletapError} as `Meter` does.
 */
export async function measure<T>(
  work: () => T | Promise<T>,
  options: MeterOptions = {},
): Promise<{ value: T; energy: Energy }> {
  const meter = new Meter(options).start()
  try {
    const value = await work()
    return { value, energy: meter.stop() }
  } finally {
    meter[Symbol.dispose]()
  }
}
