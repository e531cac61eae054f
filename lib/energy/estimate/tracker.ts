/** Follows load and memory from look to look and turns them into joules that never fall. */
import { TALLY } from '../../native'
import { fractionAt } from './curve'
import { type Load, loadBetween, loadSinceBoot, readTimes, TICK_MS, type Times } from './load'
import { usedGiB, WATTS_PER_GIB } from './memory'
import type { System } from './system'

/** A window this long is settled: CPU time comes in 10 ms steps, and rows 100 ms apart jitter. */
const SETTLE_MS = 90
/** CPU times that do not move for this long stand still. */
const STALL_MS = 1000
/** Ticks for each CPU from which the load of an open window is believed more than the last one. */
const TICKS_FOR_A_LOAD = 2

/** One domain: joules that are settled, joules that were given out, watts of the latest window. */
interface Track {
  settled: number
  given: number
  watts: number
}

const FIELD = Object.fromEntries(TALLY.map((name, i) => [name, i])) as Record<
  (typeof TALLY)[number],
  number
>

/**
 * The function behind `Estimate.sample`: keeps one track for each package, of `packageWatts` TDP, and
 * one for memory.
 *
 * A window opens at the last settled look. Once it is long enough its mean load decides its energy
 * for good; until then the energy of the open window is provisional.
 */
export function createTracker(
  root: string,
  system: System,
  packages: readonly ReadonlySet<number>[],
  packageWatts: number,
  withMemory: boolean,
): (into: Float64Array, offset: number, timeMs: number) => void {
  const tracks: Track[] = [...packages, 'memory'].map(() => ({ settled: 0, given: 0, watts: 0 }))
  const memory = tracks.at(-1)!
  let opened: { times: Times | undefined; timeMs: number } | undefined
  let readMs = -Infinity
  let coveredMs = 0
  let startMs = 0
  let [failures, stalls, bridged] = [0, 0, 0]
  let failing = false
  let stalled = false

  function begin(timeMs: number): void {
    const times = readTimes(root, system)
    opened = { times, timeMs }
    startMs = timeMs
    readMs = timeMs
    failing = times === undefined
    if (failing) failures += 1
    packages.forEach((cpus, i) => {
      tracks[i]!.watts = watts(times === undefined ? 0 : loadSinceBoot(times, cpus))
    })
    memory.watts = usedGiB(root, system) * WATTS_PER_GIB
  }

  function watts(load: number): number {
    return packageWatts * fractionAt(load)
  }

  /** Looks at the CPU times, and settles the open window or makes its provisional watts better. */
  function look(timeMs: number): void {
    const window = opened!
    const now = readTimes(root, system)
    readMs = timeMs
    failing = now === undefined
    if (now === undefined) {
      failures += 1
      return
    }
    const before = window.times
    if (before?.origin !== now.origin) {
      bridged += 1
      settle(now, timeMs)
      return
    }
    const loads = packages.map((cpus) => loadBetween(before, now, cpus))
    const elapsed = timeMs - window.timeMs
    if (!loads.some((load) => load.countedMs > 0)) {
      if (elapsed >= STALL_MS && !stalled) {
        stalls += 1
        stalled = true
      }
      return
    }
    stalled = false
    const long = elapsed >= SETTLE_MS
    loads.forEach(({ load, countedMs }: Load, i) => {
      const enough = long || countedMs >= TICKS_FOR_A_LOAD * TICK_MS * packages[i]!.size
      if (load !== undefined && enough) tracks[i]!.watts = watts(load)
    })
    if (long) settle(now, timeMs)
  }

  /** Closes the window with the watts that its tracks hold, and opens the next. */
  function settle(now: Times, timeMs: number): void {
    const seconds = Math.max(0, timeMs - opened!.timeMs) / 1000
    const memoryNow = usedGiB(root, system) * WATTS_PER_GIB
    memory.watts = (memory.watts + memoryNow) / 2
    for (const track of tracks) track.settled += track.watts * seconds
    memory.watts = memoryNow
    opened = { times: now, timeMs }
  }

  return (into, offset, timeMs) => {
    if (opened === undefined) begin(timeMs)
    else if (timeMs - readMs >= TICK_MS) look(timeMs)
    if (!failing) {
      coveredMs = Math.max(coveredMs, timeMs - startMs)
      const seconds = Math.max(0, timeMs - opened!.timeMs) / 1000
      for (const track of tracks) {
        track.given = Math.max(track.given, track.settled + track.watts * seconds)
      }
    }
    const shown = withMemory ? tracks : tracks.slice(0, -1)
    shown.forEach((track, i) => {
      const at = offset + i * TALLY.length
      into.fill(0, at, at + TALLY.length)
      into[at + FIELD.joules] = track.given
      into[at + FIELD.coveredMs] = coveredMs
      into[at + FIELD.failures] = failures
      into[at + FIELD.stalls] = track === memory ? 0 : stalls
      into[at + FIELD.bridged] = track === memory ? 0 : bridged
      // As its domain has it.
      into[at + FIELD.method] = -1
      into[at + FIELD.fresh] = failing ? 0 : 1
    })
  }
}
