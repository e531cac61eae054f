/** What it costs JavaScript to fetch rows, value by value. */
import { setImmediate as breathe } from 'node:timers/promises'
import { Meter, type Rows } from '../energy'
import { median, spread } from './arithmetic'
import { block, openSampler, type Place, startSampler } from './look'
import type { Counts } from './options'
import type { DrainFigures } from './types'

/** Rows come this often, in milliseconds, while they gather. */
const INTERVAL_MS = 0.1

/** Rows gather for so many milliseconds in rounds that do not count. */
const WARM_UP_MS = 4

/** Lets rows gather while this thread stands still, then fetches them all; so many times. */
export async function drain(
  { source, root }: Place,
  counts: Counts['drain'],
  signal: AbortSignal,
): Promise<DrainFigures> {
  const own = await byRead(source, root, counts, signal)
  const meter = await byMeter(source, root, counts, signal)
  return {
    nsPerValue: median(own.ns),
    nsPerValueSpread: spread(own.ns),
    meterNsPerValue: median(meter.ns),
    meterNsPerValueSpread: spread(meter.ns),
    values: Math.round(median(own.values)),
  }
}

/** What each round took for a value, and how many values it fetched. */
interface Rounds {
  ns: number[]
  values: number[]
}

/** The addon's `read` into one array of this function's. */
async function byRead(
  source: string,
  root: string,
  { rounds, roundMs }: Counts['drain'],
  signal: AbortSignal,
): Promise<Rounds> {
  const rowsKept = Math.ceil((2 * roundMs) / INTERVAL_MS)
  const sampler = openSampler([source], root, INTERVAL_MS, rowsKept)
  const width = 1 + sampler.domains.length
  // Filled, so that its memory is there before the first round.
  const into = new Float64Array(rowsKept * width).fill(0)
  const made: Rounds = { ns: [], values: [] }
  startSampler(sampler)
  sampler.record(true)
  try {
    while (made.ns.length < rounds) {
      await breathe()
      signal.throwIfAborted()
      block(roundMs)
      const begun = process.hrtime.bigint()
      const rows = sampler.read(into)
      const ns = Number(process.hrtime.bigint() - begun)
      if (rows === 0) continue
      made.ns.push(ns / (rows * width))
      made.values.push(rows * width)
    }
  } finally {
    sampler.stop()
  }
  return made
}

/** `Meter.rows()`, as programs fetch them. */
async function byMeter(
  source: string,
  root: string,
  { warmUps, meterRounds, roundMs }: Counts['drain'],
  signal: AbortSignal,
): Promise<Rounds> {
  const made: Rounds = { ns: [], values: [] }
  const meter = new Meter({
    sources: [source],
    root,
    intervalMs: INTERVAL_MS,
    estimate: false,
  }).start()
  try {
    const rows = meter.rows()
    const width = 1 + meter.domains.length
    const unasked = meter.overhead().rows
    let fetched = 0
    for (let round = -warmUps; round < meterRounds; round++) {
      await breathe()
      signal.throwIfAborted()
      // The first rounds are the compiler's.
      block(round < 0 ? WARM_UP_MS : roundMs)
      // Less a few that may not be there yet: to wait for rows is not to fetch them.
      const there = Math.max(1, meter.overhead().rows - unasked - fetched - 4)
      let count = 0
      const begun = process.hrtime.bigint()
      while (count < there) count += lengthOf(await rows.next())
      const ns = Number(process.hrtime.bigint() - begun)
      fetched += count
      if (round < 0) continue
      made.ns.push(ns / (count * width))
      made.values.push(count * width)
    }
  } finally {
    meter.stop()
  }
  return made
}

function lengthOf({ value, done }: IteratorResult<Rows>): number {
  return done ? Number.POSITIVE_INFINITY : value.times.length
}
