/** What it costs JavaScript to fetch rows, value by value. */
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
  { warmUps, rounds, roundMs }: Counts['drain'],
  signal: AbortSignal,
): Promise<DrainFigures> {
  const figures: { ns: number; values: number }[] = []
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
    for (let round = -warmUps; round < rounds; round++) {
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
      if (round >= 0) figures.push({ ns: ns / (count * width), values: count * width })
    }
  } finally {
    meter.stop()
  }
  const ns = figures.map((figure) => figure.ns)
  return {
    nsPerValue: median(ns),
    nsPerValueSpread: spread(ns),
    readNsPerValue: median(readAlone(source, root, rounds, roundMs)),
    values: Math.round(median(figures.map(({ values }) => values))),
  }
}

function lengthOf({ value, done }: IteratorResult<Rows>): number {
  return done ? Number.POSITIVE_INFINITY : value.times.length
}

function readAlone(source: string, root: string, rounds: number, roundMs: number): number[] {
  const rowsKept = Math.ceil((2 * roundMs) / INTERVAL_MS)
  const sampler = openSampler([source], root, INTERVAL_MS, rowsKept)
  const width = 1 + sampler.domains.length
  const into = new Float64Array(rowsKept * width)
  const figures: number[] = []
  startSampler(sampler)
  sampler.record(true)
  try {
    for (let round = 0; round < rounds; round++) {
      block(roundMs)
      const begun = process.hrtime.bigint()
      const rows = sampler.read(into)
      const taken = Number(process.hrtime.bigint() - begun)
      if (rows > 0) figures.push(taken / (rows * width))
    }
  } finally {
    sampler.stop()
  }
  return figures
}
