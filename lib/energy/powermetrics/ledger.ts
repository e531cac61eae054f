/** Adds up the samples of powermetrics. */
import { TALLY } from '../../native'
import { createPoints, type Points } from '../feed'
import { columnOf, emptyReading, type Reading } from '../reading'
import { PARTS } from './parser'
import type { TimedSample } from './stamp'

/** The tallies of the parts, as of the last sample. */
export interface Ledger {
  /** One for the beginning and one for every sample. */
  readonly points: Points
  begin(timeMs: number): void
  /** Adds watts × time; what a part does not tell is a failure, not zero. */
  take(sample: TimedSample): void
  /** Notes that there are no samples until the next one. */
  lose(): void
  /**
   * Writes the tallies into a reading from `offset` on: as not read where its time is more than
   * `staleMs` past the last sample.
   */
  write(into: Reading, offset: number, staleMs: number): void
}

const FRESH = TALLY.indexOf('fresh')

export function createLedger(): Ledger {
  const points = createPoints()
  const now = emptyReading(PARTS.length)

  const add = (part: number, field: (typeof TALLY)[number], value: number): void => {
    now[columnOf(part) + TALLY.indexOf(field)]! += value
  }

  function fail(part: number): void {
    now[columnOf(part) + FRESH] = 0
    add(part, 'failures', 1)
  }

  return {
    points,
    begin(timeMs) {
      now[0] = timeMs
      points.keep(now.slice())
    },
    take({ endMs, elapsedMs, watts }) {
      for (const part of PARTS.keys()) {
        const power = watts[part]
        if (power === undefined) {
          fail(part)
          continue
        }
        now[columnOf(part) + FRESH] = 1
        add(part, 'joules', (power * elapsedMs) / 1000)
        add(part, 'coveredMs', elapsedMs)
      }
      now[0] = endMs
      points.keep(now.slice())
    },
    lose() {
      for (const part of PARTS.keys()) fail(part)
    },
    write(into, offset, staleMs) {
      into.set(now.subarray(columnOf(0)), offset)
      if (into[0]! - now[0]! <= staleMs) return
      for (const part of PARTS.keys()) into[offset + columnOf(part) - columnOf(0) + FRESH] = 0
    },
  }
}
