/** What sampling takes from a program that keeps the processors busy: it and the sampler by turns. */
import { setTimeout as delay } from 'node:timers/promises'
import { native } from '../native'
import { mean95, median } from './arithmetic'
import { startBurden } from './burden'
import { openSubject, type Place } from './look'
import type { Counts } from './options'
import { readsFor } from './reads'
import type { OverheadFigures } from './types'

/** Threads of the busy program. */
export const THREADS = 2

/**
 * Short slices without and with rows at 1 kHz, in the order ABBA, so that a drift of the machine
 * cancels; each A and its neighbour B are a pair. Then slices with rows and slices with the bare
 * loop by turns, for the CPU time of either thread.
 */
export async function slowdown(
  { source, root }: Place,
  { pairs, sliceMs, floorSlices }: Counts['slowdown'],
  signal: AbortSignal,
): Promise<OverheadFigures> {
  const subject = openSubject([source], root, 1)
  const { domains } = subject.sampler
  const burden = await startBurden(THREADS)
  try {
    const speed = async (recording: boolean): Promise<number> => {
      subject.record(recording)
      await delay(2)
      const [pieces, begun] = [burden.pieces(), performance.now()]
      await delay(sliceMs)
      return (burden.pieces() - pieces) / (performance.now() - begun)
    }
    const losses: number[] = []
    for (let pair = 0; pair < pairs; pair++) {
      signal.throwIfAborted()
      const order = pair % 2 === 0 ? [false, true] : [true, false]
      const [first, second] = [await speed(order[0]!), await speed(order[1]!)]
      const [off, on] = order[0] ? [second, first] : [first, second]
      losses.push((100 * (off - on)) / off)
    }
    subject.record(false)

    const reads = readsFor(source, domains, root)
    const bare = native().floor
    const shares: { own: number; base: number | undefined }[] = []
    for (let slice = 0; slice < Math.max(1, floorSlices); slice++) {
      signal.throwIfAborted()
      const { cpuSeconds, rows } = await subject.turn(sliceMs)
      const floor = typeof reads === 'string' ? undefined : bare?.(reads, 1, sliceMs, false)
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
      slowdownPercent: { ...mean95(losses), pairs },
    }
  } finally {
    await burden.stop()
    subject.stop()
  }
}
