/** Calls a function over and over, by turns with one that does nothing, and measures both. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Batch, Pair } from './per-call'
import type { Energy, Repeat } from './types'

type Work<T> = () => T | Promise<T>
type Loop = <T>(work: Work<T>, calls: number) => T | Promise<T>

/** What is needed of a running meter. */
interface Stopwatch {
  span(): { end(): Energy }
}

/** Pairs of batches; and the fewest, of calls that are longer than a batch. */
const PAIRS = { usual: 10, fewest: 3 }
/** Of all calls together, where no number of calls is given. */
const SECONDS = 2
/**
 * Empty calls for each call, unless so many took longer than it: their error then adds half a per
 * cent to that of the calls, and time is better spent on these.
 */
const EMPTY_PER_CALL = 10
/** Long enough to have the empty call compiled, and to know what it takes. */
const EMPTY_SECONDS = 0.01
/** That of RAPL: batches begin anywhere in it, so that the counter's steps average out. */
const UPDATE_MS = 1000 / 1024

/**
 * Calls `work` as `repeat` says: first to warm up and to learn how long it takes, then in batches.
 * The event loop has a turn between batches.
 * @returns the value of the last call, and the batches.
 * @throws what `work` throws.
 */
export async function repeatWork<T>(
  work: Work<T>,
  { calls: wanted, seconds = SECONDS }: Repeat,
  meter: Stopwatch,
): Promise<{ value: T; pairs: Pair[] }> {
  const slices = wanted === undefined ? undefined : slicesOf(wanted)
  const pairSeconds = seconds / PAIRS.usual
  let { value, loop, empty, perCall, perEmpty } = await warmUp(work, slices?.[0], pairSeconds / 4)

  async function batch<V>(what: Work<V>, calls: number): Promise<[Batch, V]> {
    await nextTurn()
    spin(Math.random() * UPDATE_MS)
    const span = meter.span()
    const last = await loop(what, calls)
    return [{ calls, energy: span.end() }, last]
  }

  const count = slices
    ? slices.length - 1
    : Math.min(PAIRS.usual, Math.max(PAIRS.fewest, Math.floor(seconds / perCall)))
  const pairs: Pair[] = []
  while (pairs.length < count) {
    const emptyPerCall = Math.min(EMPTY_PER_CALL, perCall / perEmpty)
    const calls =
      slices?.[pairs.length + 1] ?? atLeastOne(pairSeconds / (perCall + emptyPerCall * perEmpty))
    const emptyCalls = atLeastOne(calls * emptyPerCall)
    // Work, empty, empty, work: what drifts evenly drops out.
    const before = pairs.length % 2 === 1 ? await batch(empty, emptyCalls) : undefined
    const [made, last] = await batch(work, calls)
    const [none] = before ?? (await batch(empty, emptyCalls))
    value = last
    perCall = made.energy.seconds / calls
    perEmpty = none.energy.seconds / emptyCalls
    pairs.push({ work: made, empty: none })
  }
  return { value, pairs }
}

/** So many calls in all, as the sizes of batches; the first is to warm up. */
function slicesOf(calls: number): number[] {
  const slices = Math.min(calls, 1 + PAIRS.usual)
  const upTo = (slice: number) => Math.floor((slice * calls) / slices)
  return Array.from({ length: slices }, (_, slice) => upTo(slice + 1) - upTo(slice))
}

/**
 * Calls `work`, and a function that does nothing, until both are likely compiled: `work` so many
 * times or, without a number, once, for the first call may be unlike all others, and then twice as
 * often each time until that takes `seconds`.
 */
async function warmUp<T>(work: Work<T>, calls: number | undefined, seconds: number) {
  const begun = performance.now()
  const first = work()
  const awaited = isThenable(first)
  let value: T = await first
  let perCall = secondsSince(begun)
  const loop: Loop = awaited ? callAwaiting : callPlainly
  await generalise(loop)

  async function time<V>(what: Work<V>, times: number): Promise<[number, V]> {
    const start = performance.now()
    const last = await loop(what, times)
    return [secondsSince(start) / times, last]
  }

  if (calls === undefined) {
    for (let times = 1, taken = 0; taken < seconds; times *= 2) {
      ;[perCall, value] = await time(work, times)
      taken = perCall * times
    }
  } else if (calls > 1) {
    ;[perCall, value] = await time(work, calls - 1)
  }
  const empty = awaited ? async () => undefined : () => undefined
  let perEmpty = 0
  for (let times = 1, taken = 0; taken < EMPTY_SECONDS; times *= 2) {
    ;[perEmpty] = await time<unknown>(empty, times)
    taken = perEmpty * times
  }
  return { value, loop, empty, perCall, perEmpty }
}

function callPlainly<T>(work: Work<T>, calls: number): T | Promise<T> {
  let value = work()
  for (let call = 1; call < calls; call++) value = work()
  return value
}

async function callAwaiting<T>(work: Work<T>, calls: number): Promise<T> {
  let value: T = await work()
  for (let call = 1; call < calls; call++) value = await work()
  return value
}

/**
 * Shows a loop several functions before anything is timed: of one alone V8 would make the call
 * part of the loop, and what is then subtracted would not be what a call costs.
 */
async function generalise(loop: Loop): Promise<void> {
  const several = [() => 0, () => '', () => null]
  for (let round = 0; round < 300; round++) {
    for (const one of several) await loop<unknown>(one, 3)
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.round(count))
}

function secondsSince(startMs: number): number {
  return (performance.now() - startMs) / 1000
}

/** Not a timer: the processor would rest, and its clock fall, before every batch. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
