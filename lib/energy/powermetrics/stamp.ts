/** Puts samples onto the clock: each ends where the next begins, the last when it arrived. */
import type { PowerSample } from './parser'

/** A sample with its place in time. */
export interface TimedSample {
  /** Milliseconds of CLOCK_MONOTONIC at its end. */
  endMs: number
  elapsedMs: number
  watts: PowerSample['watts']
}

/**
 * @param samples what arrived together, oldest first
 * @param previousMs when the sample before them ended: those that do not say how long they took
 *   share the time since then
 */
export function stamp(
  samples: readonly PowerSample[],
  previousMs: number,
  arrivalMs: number,
): TimedSample[] {
  const known = samples.reduce((total, { elapsedMs }) => total + (elapsedMs ?? 0), 0)
  const silent = samples.filter(({ elapsedMs }) => elapsedMs === undefined).length
  const share = Math.max(0, arrivalMs - previousMs - known) / silent
  let endMs = arrivalMs
  return samples
    .map(({ elapsedMs = share, watts }) => ({ elapsedMs, watts }))
    .reverse()
    .map((sample) => {
      const timed = { endMs, ...sample }
      endMs = Math.max(previousMs, endMs - sample.elapsedMs)
      return timed
    })
    .reverse()
}
