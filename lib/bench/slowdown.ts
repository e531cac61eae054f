/** What sampling takes from a program that keeps the processors busy: it and the sampler by turns. */
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../native'
import { mean95, median } from './arithmetic'
import { type Burden, startBurden } from './burden'
import { openSubject, type Place } from './look'
import type { Counts } from './options'
import { readsFor } from './reads'
import type { OverheadFigures } from './types'

/** Threads of the busy program. */
export const THREADS = 2

/** Rows come this often, in milliseconds. */
const INTERVAL_MS = 1

/**
 * Short slices without and with rows at 1 kHz, in the order ABBA, so that a drift of the machine
 * cancels; each A and its neighbour B are a pair. The same with the bare loop, which wakes but once
 * in a slice without: so both slices open what it reads. Then slices with rows and slices with the
 * bare loop by turns, for the CPU time of either thread.
 */
export async function slowdown(
  { source, root }: Place,
  { pairs, floorPairs, sliceMs, floorSlices }: Counts['slowdown'],
  signal: AbortSignal,
): Promise<OverheadFigures> {
  const subject = openSubject([source], root, INTERVAL_MS)
  const { domains } = subject.sampler
  const reads = readsFor(source, domains, root)
  const { floor: bare } = native()
  const loop =
    bare && typeof reads !== 'string'
      ? (intervalMs: number) => bare(reads, intervalMs, sliceMs / intervalMs, 'nothing')
      : undefined
  const burden = await startBurden(THREADS)
  try {
    const slower = await losses(burden, pairs, signal, (on) => {
      subject.record(on)
      return () => delay(sliceMs)
    })
    subject.record(false)
    const slowerByLoop =
      loop &&
      (await losses(burden, floorPairs, signal, (on) => () => loop(on ? INTERVAL_MS : sliceMs)))

    const shares: { own: number; base: number | undefined }[] = []
    for (let slice = 0; slice < Math.max(1, floorSlices); slice++) {
      signal.throwIfAborted()
      const { cpuSeconds, rows } = await subject.turn(sliceMs)
      const floor = loop?.(INTERVAL_MS)
      shares.push({
        own: (1000 * cpuSeconds) / rows,
        base: floor && (1000 * floor.cpuSeconds) / floor.rows,
      })
    }
    const base = shares.flatMap((share) => share.base ?? [])
    const ratios = shares.flatMap((share) => (share.base ? share.own / share.base : []))
    return {
      hz: 1000,
      source,
      domains: domains.length,
      threadShare: median(shares.map(({ own }) => own)),
      floorShare: base.length > 0 ? median(base) : null,
      shareRatio: ratios.length > 0 ? median(ratios) : null,
      slowdownPercent: { ...mean95(slower), pairs },
      floorSlowdownPercent: slowerByLoop?.length
        ? { ...mean95(slowerByLoop), pairs: slowerByLoop.length }
        : null,
    }
  } finally {
    await burden.stop()
    subject.stop()
  }
}

/** By how many percent the burden is slower in the one slice of a pair than in the other. */
async function losses(
  burden: Burden,
  pairs: number,
  signal: AbortSignal,
  prepare: (on: boolean) => () => unknown,
): Promise<number[]> {
  const speed = async (on: boolean): Promise<number> => {
    const slice = prepare(on)
    await delay(2)
    const [pieces, begun] = [burden.pieces(), performance.now()]
    await slice()
    return (burden.pieces() - pieces) / (performance.now() - begun)
  }
  const percent: number[] = []
  for (let pair = 0; pair < pairs; pair++) {
    signal.throwIfAborted()
    const order = pair % 2 === 0 ? [false, true] : [true, false]
    const [first, second] = [await speed(order[0]!), await speed(order[1]!)]
    const [off, on] = order[0] ? [second, first] : [first, second]
    percent.push((100 * (off - on)) / off)
  }
  return percent
}
