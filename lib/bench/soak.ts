/** A long run at 10 kHz: whether rows are lost, and whether memory grows. */
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Meter } from '../energy'
import type { Place } from './look'
import type { Counts } from './options'
import type { SoakFigures } from './types'

const HZ = 10_000
/** Memory is first looked at after so many seconds, or this share of the run. */
const SETTLED = { seconds: 1, share: 0.3 }

/** Fetches rows for so many seconds as a program would, by `for await`. */
export async function soak(
  { source, root }: Place,
  { seconds }: Counts['soak'],
  signal: AbortSignal,
): Promise<SoakFigures> {
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
    const resident = async (): Promise<number> => {
      const looks: number[] = []
      for (let look = 0; look < 3; look++) {
        collect()
        looks.push(process.memoryUsage.rss())
        await delay(10)
      }
      return Math.min(...looks)
    }
    const settling = Math.min(SETTLED.seconds, SETTLED.share * seconds)
    await delay(settling * 1000, undefined, { signal })
    const before = await resident()
    await delay((seconds - settling) * 1000, undefined, { signal })
    const growthBytes = Math.max(0, (await resident()) - before)
    meter.stop()
    const ended = performance.now()
    await reading
    const { overwritten, overruns } = meter.overhead()
    const took = (ended - begun) / 1000
    return { hz: HZ, seconds: took, rows, lostRows: overwritten + overruns, growthBytes }
  } finally {
    meter.stop()
  }
}

/** The garbage collector: what it would free is no growth. */
function collector(): () => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setFlagsFromString('--no-expose-gc')
  return collect
}
