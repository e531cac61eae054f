/** How each figure was taken, and how often: a sentence or some for each part of a report. */
import type { Counts } from './options'
import { STEADY_WATTS, UPDATE_SECONDS } from './simulate'
import { THREADS } from './slowdown'

type Part = 'sources' | 'timers' | 'drain' | 'overhead' | 'startup' | 'precision' | 'soak'

/** For each part of the report that was taken, by its name there. */
export type How = Partial<Record<Part, readonly string[]>>

const sources = ({ turns, rowsPerTurn, instructionTurns }: Counts['rows']) => [
  `CPU time (CLOCK_THREAD_CPUTIME_ID) of the sampler's thread and of the bare C loop, which makes ` +
    `the same system calls at the same times: ${turns} turns each, one after the other, of ` +
    `${rowsPerTurn} rows at 1 kHz, after one that does not count; median and 99th percentile over ` +
    `turns, ratio: median over pairs of turns (least … most).`,
  `Instructions in user mode and in the kernel, by perf on the thread, in ${instructionTurns} turns ` +
    `of their own, for an open counter makes every wake-up dearer. System calls: those that read, ` +
    `by syscr in /proc/self/task/TID/io over all turns; one timed wait a row comes on top. Bytes: of ` +
    `a row in the ring, a double for its time and one for each domain.`,
]

const timers = ({ seconds }: Counts['timers']) => [
  `How long after its time on the grid the sampler's thread woke, over ${seconds} s for each rate; ` +
    `busy: every processor had a spinning thread besides. Missed: grid times without a row.`,
]

const drain = ({ warmUps, rounds, meterRounds, roundMs }: Counts['drain']) => [
  `Wall time for each double, median over rounds (least … most): rows gather at 10 kHz for ` +
    `${roundMs} ms while JavaScript stands still, then all are fetched: by the addon's read() into ` +
    `an array that is used again (${rounds} rounds), and by Meter.rows() (${meterRounds} rounds after ` +
    `${warmUps} short ones that do not count), which makes new arrays for every batch, so that the ` +
    `kernel has to provide their memory.`,
]

const overhead = ({ pairs, floorPairs, sliceMs, floorSlices }: Counts['slowdown']) => [
  `${THREADS} threads of fixed arithmetic, slices of ${sliceMs} ms without and with rows at 1 kHz ` +
    `in the order ABBA: mean of ${pairs} paired differences in speed with its 95 % confidence ` +
    `interval (Student's t). Beside it the bare loop, which makes the same system calls at the same ` +
    `times, in ${floorPairs} pairs taken the same way: what any sampler would take here. Shares of a CPU: medians of ${Math.max(1, floorSlices)} slices each of ` +
    `sampler and bare loop by turns, in the same run; ratio: median over pairs.`,
]

const startup = ({ runs }: Counts['startup']) => [
  `Medians of ${runs} fresh processes each, by turns, after one that does not count; loading and ` +
    `starting by performance.now() inside the process, commands by the wall time of the whole process.`,
]

const precision = (_: Counts['precision'], seed: number) => [
  `Error of each window against the exact integral of the power that the simulated host was told, ` +
    `at the window's own times on CLOCK_MONOTONIC; the host's own truth is compared with it. Updates ` +
    `every ${(1000 * UPDATE_SECONDS).toFixed(4)} ms. Lengths are drawn uniformly within half an ` +
    `update of the nominal one, and blind ones begin at random (seed ${seed}): errors of one length ` +
    `would be two-valued. Constant: ${STEADY_WATTS} W; moving: steps, ramps and bursts together. ` +
    `Theory: Tu/(√6·T). Typical: what 68 % of the errors stay below. Claimed: root mean square of ` +
    `the windows' own uncertainties. Found: windows whose ends are both known better than blind ` +
    `ones, which a busy machine prevents. The limits within 1σ and 2σ are those of aligned windows ` +
    `under all moving loads together.`,
]

const soak = ({ floorSeconds }: Counts['soak']) => [
  `Meter.rows() at 10 kHz in a for await loop, once. Lost: taken and never delivered, for they were ` +
    `overwritten. Missed: grid times without a row, for the machine did not wake the thread in time; ` +
    `their energy is in the next row, and the bare loop, at the same rate for ${floorSeconds} s ` +
    `just after, shows how many any sampler would miss here. Growth: the process's own resident memory ` +
    `(RssAnon) after garbage collection, the least of ten looks in a row, from 15 s after the start, or ` +
    `three tenths of a shorter run, to the end.`,
]

/** Of the parts that were taken: those of the report that hold something. */
export function howTaken(
  counts: Partial<Counts>,
  seed: number,
  taken: Readonly<Record<Part, object | null>>,
): How {
  const ways: How = {
    ...(counts.rows && { sources: sources(counts.rows) }),
    ...(counts.timers && { timers: timers(counts.timers) }),
    ...(counts.drain && { drain: drain(counts.drain) }),
    ...(counts.slowdown && { overhead: overhead(counts.slowdown) }),
    ...(counts.startup && { startup: startup(counts.startup) }),
    ...(counts.precision && { precision: precision(counts.precision, seed) }),
    ...(counts.soak && { soak: soak(counts.soak) }),
  }
  const isTaken = (part: string) => Object.keys(taken[part as Part] ?? {}).length > 0
  return Object.fromEntries(Object.entries(ways).filter(([part]) => isTaken(part)))
}
