/** How late rows are behind their grid, on an idle and on a busy machine. */
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { startBurden } from './burden'
import { openSubject, type Place } from './look'
import type { Counts } from './options'
import type { TimerFigures } from './types'

const RATES = [100, 1000, 10_000] as const

/** `place` may be left out: then nothing is read, and only the waiting is measured. */
export async function timers(
  place: Place | undefined,
  { seconds }: Counts['timers'],
  signal: AbortSignal,
): Promise<TimerFigures[]> {
  const figures: TimerFigures[] = []
  for (const load of ['idle', 'busy'] as const) {
    const burden = load === 'busy' ? await startBurden(availableParallelism()) : undefined
    try {
      for (const hz of RATES) {
        signal.throwIfAborted()
        figures.push(await lateness(place, hz, load, seconds))
      }
    } finally {
      await burden?.stop()
    }
  }
  return figures
}

async function lateness(
  place: Place | undefined,
  hz: number,
  load: TimerFigures['load'],
  seconds: number,
): Promise<TimerFigures> {
  // A source that is not there leaves a sampler without domains, which keeps its grid all the same.
  const source = place?.source ?? 'rapl-perf'
  const subject = openSubject([source], place?.root ?? '/', 1000 / hz)
  try {
    subject.record(true)
    const begun = performance.now()
    await delay(seconds * 1000)
    const { rows, overruns, lateUs } = subject.overhead()
    const elapsed = (performance.now() - begun) / 1000
    const { p50: p50Us, p99: p99Us, max: maxUs } = lateUs
    return { hz, load, p50Us, p99Us, maxUs, achievedHz: rows / elapsed, overruns, rows }
  } finally {
    subject.stop()
  }
}
