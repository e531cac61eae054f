/** A long run at 10 kHz: whether rows are lost or missed, and whether memory grows. */
import { readFileSync } from 'node:fs'
import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Meter } from '../energy'
import { native } from '../native'
import { openSampler, type Place } from './look'
import type { Counts } from './options'
import { readsFor } from './reads'
import type { SoakFigures } from './types'

const HZ = 10_000
/** The bare loop blocks this thread for so many seconds at a time. */
const SLICE_SECONDS = 0.25
/** Memory is first looked at after so many seconds, or this share of the run. */
const SETTLED = { seconds: 15, share: 0.3 }
/** As often, at either end: the least is what a transient batch of rows has no part in. */
const LOOKS = 10

/**
 * Fetches rows for so many seconds as a program would, by `for await`; then the bare loop, for what
 * the machine itself misses.
 */
export async function soak(
  place: Place,
  { seconds, floorSeconds }: Counts['soak'],
  signal: AbortSignal,
): Promise<SoakFigures> {
  const kept = await keep(place, seconds, signal)
  const { rows, lostRows, missedRows } = kept
  const floor = await missedByLoop(place, floorSeconds, signal)
  return {
    ...kept,
    missedShare: missedRows / (rows + lostRows + missedRows),
    floorMissedRows: floor?.missed ?? null,
    floorMissedShare: floor ? floor.missed / floor.of : null,
  }
}

type Kept = Pick<SoakFigures, 'hz' | 'seconds' | 'rows' | 'lostRows' | 'missedRows' | 'growthBytes'>

async function keep({ source, root }: Place, seconds: number, signal: AbortSignal): Promise<Kept> {
  const collect = collector()
  const meter = new Meter({
    sources: [source],
    root,
    intervalMs: 1000 / HZ,
    estimate: false,
  }).start()
  const begun = performance.now()
  try {
    let rows = 0
    const reading = (async () => {
      for await (const { times } of meter.rows()) rows += times.length
    })()
    const held = async (): Promise<number> => {
      const looks: number[] = []
      while (looks.length < LOOKS) {
        collect()
        looks.push(residentBytes())
        await delay(10)
      }
      return Math.min(...looks)
    }
    const settling = Math.min(SETTLED.seconds, SETTLED.share * seconds)
    await delay(settling * 1000, undefined, { signal })
    const before = await held()
    await delay((seconds - settling) * 1000, undefined, { signal })
    const growthBytes = Math.max(0, (await held()) - before)
    meter.stop()
    const ended = performance.now()
    await reading
    const { overwritten, overruns } = meter.overhead()
    const took = (ended - begun) / 1000
    return {
      hz: HZ,
      seconds: took,
      rows,
      lostRows: overwritten,
      missedRows: overruns,
      growthBytes,
    }
  } finally {
    meter.stop()
  }
}

/** Grid times that the bare loop missed at the same rate, of how many; null where there is none. */
async function missedByLoop(
  { source, root }: Place,
  seconds: number,
  signal: AbortSignal,
): Promise<{ missed: number; of: number } | null> {
  const { domains } = openSampler([source], root, 1000 / HZ, 1)
  const reads = readsFor(source, domains, root)
  const bare = native().floor
  if (!bare || typeof reads === 'string') return null
  let [missed, of] = [0, 0]
  while (of < seconds * HZ) {
    await breathe()
    signal.throwIfAborted()
    const times = Math.ceil(Math.min(SLICE_SECONDS, seconds) * HZ)
    missed += bare(reads, 1000 / HZ, times, 'missed').missed
    of += times
  }
  return of > 0 ? { missed, of } : null
}

/**
 * Of memory that is this process's own: pages of Node's file are the page cache's, and come as code
 * is first used. All that is resident where the system does not tell them apart.
 */
function residentBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))
  return kibibytes ? 1024 * Number(kibibytes[1]) : process.memoryUsage.rss()
}

/** The garbage collector: what it would free is no growth. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
