/** Tracks the epochs of another program by the marks that it sends, or that its output shows. */
import { openTracker } from './core'
import type { Mark } from './marks'
import type { TrackerOptions, TrackerReport } from './types'

export interface MarkedTracker {
  /** The program has begun. */
  begin(): void
  /** Something has just happened. */
  mark(mark: Mark): void
  /** The program has ended, by itself or not: an epoch that was going on is then not complete. */
  end(byItself: boolean): Promise<TrackerReport>
}

/**
 * Starts to track. A program may tell of beginnings, of ends, or of both: where it tells of ends alone,
 * an epoch begins where the one before ended, the first with the program; where of beginnings alone, it
 * ends where the next begins, the last with the program.
 * @param tellsWarnings whether it prints them at the end, or somebody else does
 * @throws {JouletapError} as `CarbonTracker` does.
 */
export function trackMarks(options: TrackerOptions, tellsWarnings = true): MarkedTracker {
  const core = openTracker(options, tellsWarnings)
  /** The epoch that is open was begun by the program, not just in case it tells of ends alone. */
  let isBegun = false
  /** An end was told of, in its own words. */
  let tellsEnds = false
  /** A beginning was. */
  let tellsBeginnings = false
  /** What came while somebody was asked: of the moment before the program stood still. */
  const waiting: Mark[] = []

  function begin(): void {
    core.epochStart()
    isBegun = true
  }

  /** The next may have begun already. */
  function beginMaybe(): void {
    if (tellsBeginnings) return
    core.epochStart(undefined, 'maybe')
    isBegun = false
  }

  function end(next: () => void): void {
    void core.epochEnd(next).then(() => {
      for (const one of waiting.splice(0)) mark(one)
    })
  }

  function mark(one: Mark): void {
    if (core.isStopped()) return
    if (core.isAsking()) {
      waiting.push(one)
    } else if (one.kind === 'phase') {
      core.phase(one.name)
    } else if (one.kind === 'end') {
      tellsEnds = true
      if (core.isOpen()) end(beginMaybe)
    } else {
      tellsBeginnings = true
      if (core.isOpen() && isBegun) {
        end(begin)
      } else {
        core.drop()
        begin()
      }
    }
  }

  return {
    begin: beginMaybe,
    mark,
    end(byItself) {
      if (!core.isOpen()) return core.stop()
      const wasCounted = isBegun || (tellsEnds && !byItself)
      if (!wasCounted) core.drop()
      else if (byItself && !tellsEnds) void core.epochEnd()
      return core.stop()
    },
  }
}
