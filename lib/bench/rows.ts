/** What a row costs: the sampler's thread against a bare loop over the same system calls, by turns. */
import { type NativeFloor, native } from '../native'
import { median, quantile, spread, sum } from './arithmetic'
import { type Cost, openSubject, type Place } from './look'
import type { Counts } from './options'
import { readsFor } from './reads'
import type { SourceCost } from './types'

/** Rows come this often, in milliseconds. */
const INTERVAL_MS = 1

/**
 * Takes turns of sampler and bare loop, after one of each that does not count: CPU time first, then,
 * in turns of their own, instructions, for a counter that is open makes every wake-up dearer.
 * Undefined if the source cannot be read there; `note` is told why, and whatever else is missing.
 */
export async function rowCost(
  { source, label, root }: Place,
  { turns, rowsPerTurn, instructionTurns }: Counts['rows'],
  note: (sentence: string) => void,
): Promise<SourceCost | undefined> {
  const subject = openSubject([source], root, INTERVAL_MS)
  try {
    const { domains, refusals } = subject.sampler
    if (domains.length === 0) {
      const why = refusals.map(({ reason }) => reason).join('; ')
      note(`${source} cannot be read (${label}): ${why || 'it offers nothing'}.`)
      return undefined
    }
    const reads = readsFor(source, domains, root)
    if (typeof reads === 'string') note(reads)
    const bare = native().floor
    if (!bare) note('The bare loop runs on Linux only: its figures are null.')
    const floor =
      bare && typeof reads !== 'string'
        ? (counted: boolean) =>
            bare(reads, INTERVAL_MS, rowsPerTurn, counted ? 'instructions' : 'nothing')
        : undefined
    const turn = (counted: boolean) => subject.turn(rowsPerTurn * INTERVAL_MS, counted)

    const timed = await pairs(turns, () => turn(false), floor && (() => floor(false)))
    const why = refusesToCount()
    if (why && instructionTurns > 0) note(`Instructions are null: ${why}.`)
    const counted = why
      ? []
      : await pairs(instructionTurns, () => turn(true), floor && (() => floor(true)))

    const ownNs = timed.map(({ own }) => (1e9 * own.cpuSeconds) / own.rows)
    const floorNs = timed.flatMap(({ base }) => (base ? (1e9 * base.cpuSeconds) / base.rows : []))
    const ratios = timed.flatMap(({ base }, index) =>
      base ? (ownNs[index]! * base.rows) / (1e9 * base.cpuSeconds) : [],
    )
    const own = counted.map((pair) => pair.own.instructions / pair.own.rows)
    const base = counted.flatMap((pair) =>
      pair.base ? pair.base.instructions / pair.base.rows : [],
    )
    const instructionRatios = own.flatMap((value, index) =>
      base[index] === undefined ? [] : value / base[index],
    )
    const rows = sum(timed.map((pair) => pair.own.rows))
    const calls = sum(timed.map((pair) => pair.own.systemCalls)) / rows
    return {
      source,
      place: label,
      domains: domains.map(({ id }) => id),
      intervalMs: INTERVAL_MS,
      rowNs: {
        median: median(ownNs),
        p99: quantile(ownNs, 0.99),
        min: Math.min(...ownNs),
        max: Math.max(...ownNs),
        turns: ownNs.length,
      },
      floorNs: known(floorNs),
      timeRatio: known(ratios),
      timeRatios: ratios.length > 0 ? spread(ratios) : null,
      instructionsPerRow: known(own),
      floorInstructionsPerRow: known(base),
      instructionRatio: known(instructionRatios),
      systemCallsPerRow: Number.isFinite(calls) ? calls : null,
      bytesPerRow: 8 * (1 + domains.length),
      rowsPerTurn,
      realtime: {
        sampler: subject.overhead().realtime,
        floor: timed.every((pair) => pair.base?.realtime ?? false),
      },
    }
  } finally {
    subject.stop()
  }
}

interface Pair {
  own: Cost
  base: NativeFloor | undefined
}

/** So many pairs of turns, after one that does not count. */
async function pairs(
  count: number,
  own: () => Promise<Cost>,
  base: (() => NativeFloor) | undefined,
): Promise<Pair[]> {
  const made: Pair[] = []
  for (let turn = 0; turn <= count && count > 0; turn++)
    made.push({ own: await own(), base: base?.() })
  return made.slice(1)
}

/** Why the kernel counts no instructions, or nothing. */
export function refusesToCount(): string | undefined {
  const { Instructions } = native()
  if (!Instructions) return 'they can be counted on Linux only'
  try {
    new Instructions(0).close()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** The median, or null where there is none. */
function known(values: readonly number[]): number | null {
  const good = values.filter((value) => Number.isFinite(value))
  return good.length > 0 ? median(good) : null
}
