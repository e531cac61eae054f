/** A sampler of the addon at work, and looks at what its thread has cost so far. */
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import {
  type NativeHost,
  type NativeInstructions,
  type NativeOverhead,
  type NativeSampler,
  native,
  TALLY,
} from '../native'

/** Where one source is read. */
export interface Place {
  source: string
  /** What it is called beside its figures: `this machine`, `simulated, 5 domains`. */
  label: string
  /** The folder that stands for `/`. */
  root: string
}

/** What a thread has cost since it began. */
export interface Cost {
  rows: number
  cpuSeconds: number
  /** Of those that read; NaN where the system does not tell. */
  systemCalls: number
  /** NaN where they are not counted. */
  instructions: number
}

/** A sampler of one source whose thread can be looked at. */
export interface Subject {
  readonly sampler: NativeSampler
  readonly overhead: () => NativeOverhead
  /** Takes rows for so many milliseconds; what they cost. */
  turn(ms: number, instructions?: boolean): Promise<Cost>
  /** Takes rows from now on, or no longer. */
  record(on: boolean): void
  look(counter?: NativeInstructions): Cost
  stop(): void
}

export function hostAt(root: string): NativeHost {
  const nvml = native().elevated ? '' : (process.env.JOULETAP_NVML ?? '')
  const gpus = { kind: 'all', list: [], environment: { ...process.env } } as const
  return { root, nvml, gpus, pids: [], shares: false }
}

/** A sampler of the addon for some sources below a root. */
export function openSampler(
  sources: readonly string[],
  root: string,
  intervalMs: number,
  capacity: number,
): NativeSampler {
  return new (native().Sampler)(
    sources,
    { intervalMs, capacity, maxOverhead: 0, aligned: false },
    hostAt(root),
  )
}

const snapshotOf = ({ domains }: NativeSampler) =>
  new Float64Array(3 + TALLY.length * domains.length)

/** Starts it; the baseline. */
export function startSampler(sampler: NativeSampler): Float64Array {
  const baseline = snapshotOf(sampler)
  sampler.start(baseline)
  return baseline
}

/** A reading of now, blind or as a stretch of time begins or ends. */
export function sampleOf(sampler: NativeSampler, how: 'sample' | 'begin' | 'end'): Float64Array {
  const reading = snapshotOf(sampler)
  sampler[how](reading)
  return reading
}

/** Keeps this thread from doing anything. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Rows that are kept: as many as a turn may take. */
const CAPACITY = 65_536

/** Opens and starts a sampler; rows are taken in turns only. */
export function openSubject(sources: readonly string[], root: string, intervalMs: number): Subject {
  const sampler = openSampler(sources, root, intervalMs, CAPACITY)
  startSampler(sampler)
  const rows = new Float64Array((1 + sampler.domains.length) * 4096)

  function look(counter?: NativeInstructions): Cost {
    // All of it has to be of the same row.
    for (let attempt = 0; ; attempt++) {
      const { threadId, rows } = sampler.overhead()
      const systemCalls = readsOf(threadId)
      const instructions = counter?.count() ?? Number.NaN
      const after = sampler.overhead()
      if (after.rows === rows || attempt === 20) {
        return { rows, cpuSeconds: after.cpuSeconds, systemCalls, instructions }
      }
    }
  }

  return {
    sampler,
    overhead: () => sampler.overhead(),
    look,
    record: (on) => sampler.record(on),
    async turn(ms, instructions = false) {
      sampler.record(true)
      await delay(3)
      const { Instructions } = native()
      const { threadId } = sampler.overhead()
      const counter = instructions && Instructions ? new Instructions(threadId) : undefined
      try {
        const before = look(counter)
        await delay(ms)
        return minus(look(counter), before)
      } finally {
        counter?.close()
        sampler.record(false)
        while (sampler.read(rows) > 0);
      }
    },
    stop: () => sampler.stop(),
  }
}

function minus(after: Cost, before: Cost): Cost {
  return {
    rows: after.rows - before.rows,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    systemCalls: after.systemCalls - before.systemCalls,
    instructions: after.instructions - before.instructions,
  }
}

/** System calls that read which a thread of this process has made; NaN where /proc does not tell. */
function readsOf(threadId: number): number {
  try {
    const text = readFileSync(`/proc/self/task/${threadId}/io`, 'utf8')
    return Number(/^syscr: (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
  } catch {
    return Number.NaN
  }
}
