/** Joins the counters, the feeds and, where these leave the processor unread, the estimate into one set of domains. */
import { type Native, type NativeRefusal, type NativeSampler, native } from '../native'
import { openEstimator } from './estimator'
import { type Feed, monotonicMs, rowOf } from './feed'
import type { Settings } from './options'
import type { Mac } from './powermetrics'
import {
  type Channel,
  channelOf,
  columnOf,
  emptyReading,
  isProcessor,
  type Reading,
} from './reading'
import { nothingToRead, rarerRows, remarksOn } from './remarks'
import type { DeviceShares, Overhead, Rows } from './types'

/** What a meter reads from. */
export interface Tap {
  /** As they are now: another source may have taken over. Their number and ids never change. */
  readonly channels: readonly Channel[]
  /** Sentences about what was chosen and why, and how it goes. */
  readonly notes: readonly string[]
  /** Of those, the ones that belong beside every number, and what has been found since. */
  readonly warnings: readonly string[]
  /** Starts; the baseline is the first reading. */
  start(): Reading
  /** Stops; the last reading is taken before, as `sample` does. */
  stop(how?: 'sample' | 'end'): void
  /**
   * A reading of all channels now; after `stop()`, the last one. `begin` and `end` are those of a
   * stretch of time, and hunt for the updates of fast counters: see native/hunt.h.
   */
  sample(how?: 'sample' | 'begin' | 'end'): Reading
  /**
   * A row of now: milliseconds of CLOCK_MONOTONIC, then each channel's joules since start, NaN where
   * not read; of feeds as of their last point. After `stop()`, the last one.
   */
  readNow(into: Float64Array): void
  /** Keeps rows from now on, or no longer. */
  record(on: boolean): void
  /**
   * The rows kept since the last call, oldest first; their times are of CLOCK_MONOTONIC plus
   * `offsetMs`.
   */
  read(offsetMs?: number): Rows
  overhead(): TapOverhead
  /** How the energy of GPUs was divided among processes so far. */
  shares(): DeviceShares[]
}

/** What reading cost, but for its joules. */
export type TapOverhead = Omit<Overhead, 'joules' | 'joulesAtMost'>

/** Of a tap without a native sampler. */
const NO_THREAD = {
  reads: 0,
  overruns: 0,
  wakeUps: 0,
  systemCalls: 0,
  lateUs: { p50: 0, p99: 0, max: 0 },
  realtime: false,
}

/** Seconds of rows that are kept for a reader who is late. */
const KEPT_SECONDS = 4
const KEPT_ROWS = { least: 1024, most: 65_536 }

/**
 * Opens what the settings ask for.
 * @throws {JouletapError} NO_SOURCE or PERMISSION_DENIED if nothing can be read and no estimate is wanted.
 */
export function openTap(settings: Settings, mac?: Mac): Tap {
  const { sources, estimate } = settings
  const auto = sources === 'auto'
  const named = auto ? [] : sources.filter((name) => !IN_JAVASCRIPT.includes(name))
  const tried = auto || named.length > 0
  const opened = tried ? openSampler(settings, named) : NOTHING
  const { sampler, missing } = opened
  const { feeds, refusals: more } = openFeeds(settings, mac, channelsOf(sampler))
  const refusals = [...opened.refusals, ...more]
  const counters = channelsOf(sampler, feeds)
  const unread = !counters.some(isProcessor)
  const asked = !auto && sources.includes('estimate')
  const fallback = estimate && (auto || counters.length === 0)
  const estimator = unread && (asked || fallback) ? openEstimator(settings, counters) : undefined
  if (counters.length === 0 && !estimator) throw nothingToRead(refusals, missing, opened.warnings)

  const remarks = remarksOn({ ...opened, settings, feeds, estimator, refusals })
  return join(sampler, estimator ? [...feeds, estimator] : feeds, remarks, settings)
}

/** Names that the native sampler does not know. */
const IN_JAVASCRIPT: readonly string[] = ['powermetrics', 'estimate']

/** The feeds that measure: what is named, or under `auto` what may know an unread processor. */
function openFeeds(
  settings: Settings,
  mac: Mac | undefined,
  counters: readonly Channel[],
): { feeds: Feed[]; refusals: NativeRefusal[] } {
  const { sources, host, intervalMs } = settings
  const wanted =
    sources === 'auto'
      ? (mac?.platform ?? process.platform) === 'darwin' && !counters.some(isProcessor)
      : sources.includes('powermetrics')
  if (!wanted) return { feeds: [], refusals: [] }
  // It needs child processes, a third of what loading the package would take: on Macs alone.
  const { openPowermetrics } = require('./powermetrics') as typeof import('./powermetrics')
  const found = openPowermetrics({ root: host.root, intervalMs }, mac)
  return 'reason' in found ? { feeds: [], refusals: [found] } : { feeds: [found], refusals: [] }
}

function channelsOf(sampler: NativeSampler | undefined, feeds: readonly Feed[] = []): Channel[] {
  const counters = (sampler?.domains ?? []).map(channelOf)
  return [...counters, ...feeds.flatMap(({ channels }) => channels)]
}

interface Opened {
  /** Where it has anything to read. */
  sampler?: NativeSampler
  refusals: readonly NativeRefusal[]
  /** What it has to say, even where it has nothing to read: GPUs may be hidden, for one. */
  notes: readonly string[]
  warnings: readonly string[]
  /** Why there is no addon. */
  missing?: string
}

const NOTHING: Opened = { refusals: [], notes: [], warnings: [] }

function openSampler(
  { intervalMs, maxOverhead, align, host }: Settings,
  named: readonly string[],
): Opened {
  const { least, most } = KEPT_ROWS
  const capacity = Math.min(most, Math.max(least, Math.ceil((KEPT_SECONDS * 1000) / intervalMs)))
  const plan = { intervalMs, capacity, maxOverhead, aligned: align === 'edge' }
  let addon: Native
  try {
    addon = native()
  } catch (error) {
    return { ...NOTHING, missing: (error as Error).message }
  }
  const sampler = new addon.Sampler(named, plan, host)
  const { domains, refusals, notes, warnings } = sampler
  return { ...(domains.length > 0 && { sampler }), refusals, notes, warnings }
}

/** One set of domains from all of them: the counters first, then the feeds. There is at least one. */
function join(
  sampler: NativeSampler | undefined,
  feeds: readonly Feed[],
  remarks: { notes: readonly string[]; warnings: readonly string[] },
  settings: Settings,
): Tap {
  let channels = channelsOf(sampler, feeds)
  let findings: readonly string[] = []
  let changes = 0
  const counters = sampler?.domains.length ?? 0
  /** The columns that follow the counters: whose they are, and which of its channels. */
  const columns = feeds.flatMap((feed) => feed.channels.map((_, channel) => ({ feed, channel })))
  const aligned = settings.align === 'edge'
  const width = 1 + (aligned ? 2 : 1) * counters
  let buffer = new Float64Array(0)
  let last: Reading | undefined

  /** Takes up what has been found since, and which sources the domains have now. */
  function keepUp(): void {
    if (!sampler || sampler.changes === changes) return
    changes = sampler.changes
    findings = sampler.findings
    channels = channelsOf(sampler, feeds)
  }

  function look(how: 'start' | 'sample' | 'begin' | 'end' = 'sample'): Reading {
    const reading = emptyReading(channels.length)
    if (sampler) sampler[how](reading)
    else reading[0] = monotonicMs()
    columns.forEach(({ feed, channel }, index) => {
      if (channel === 0) feed.sample(reading, columnOf(counters + index))
    })
    for (const feed of feeds) reading[1]! += 1000 * feed.overhead().cpuSeconds
    return reading
  }

  /** The sampler's rows, with the feeds at their times. */
  function readSampler(from: NativeSampler, offsetMs: number): Rows {
    if (buffer.length === 0) buffer = new Float64Array(KEPT_ROWS.least * width)
    const count = from.read(buffer, offsetMs)
    // One allocation, and no loop over what the sampler has: until V8 has compiled it, a value takes
    // fifty times as long.
    const all = new Float64Array(count * (width + columns.length))
    all.set(buffer.subarray(0, count * width))
    const columnAt = (index: number) => all.subarray(index * count, (index + 1) * count)
    const columnsAt = (first: number) =>
      Array.from({ length: counters }, (_, i) => columnAt(first + i))
    const times = columnAt(0)
    const joules = columnsAt(1)
    for (const [index, { feed, channel }] of columns.entries()) {
      const into = columnAt(width + index)
      for (const [row, time] of times.entries()) {
        into[row] = feed.joulesAt(time - offsetMs, channel)
      }
      joules.push(into)
    }
    if (!aligned) return { times, joules }
    const unknown = new Float64Array(count).fill(Number.NaN)
    return { times, joules, ages: [...columnsAt(1 + counters), ...columns.map(() => unknown)] }
  }

  /** The first feed's points, with the others at their times. */
  function readFeeds(first: Feed, offsetMs: number): Rows {
    const points = first.drain()
    const times = Float64Array.from(points, (point) => point[0]! + offsetMs)
    const joules = columns.map(({ feed, channel }) =>
      feed === first
        ? Float64Array.from(points, (point) => rowOf(point, channel))
        : Float64Array.from(points, (point) => feed.joulesAt(point[0]!, channel)),
    )
    if (!aligned) return { times, joules }
    return {
      times,
      joules,
      ages: columns.map(() => new Float64Array(times.length).fill(Number.NaN)),
    }
  }

  /** What is to be said of the rate, which only the run shows. */
  function ofRate(): string[] {
    if (!sampler || settings.maxOverhead === 0) return []
    return rarerRows(sampler.overhead().intervalMs, settings)
  }

  return {
    get channels() {
      keepUp()
      return channels
    },
    get notes() {
      return [...remarks.notes, ...ofRate()]
    },
    get warnings() {
      keepUp()
      return [...findings, ...remarks.warnings, ...ofRate()]
    },
    start() {
      const baseline = look('start')
      for (const feed of feeds) feed.start()
      return baseline
    },
    stop(how = 'sample') {
      const ended = how === 'end' ? look('end') : undefined
      sampler?.stop()
      for (const feed of feeds) feed.stop()
      last = ended ?? look()
    },
    sample: (how) => last ?? look(how),
    readNow(into) {
      if (sampler) sampler.readNow(into)
      else into[0] = last?.[0] ?? monotonicMs()
      columns.forEach(({ feed, channel }, index) => {
        into[1 + counters + index] = feed.joulesAt(into[0]!, channel)
      })
    },
    record(on) {
      sampler?.record(on)
      if (on) for (const feed of feeds) feed.record()
    },
    read: (offsetMs = 0) =>
      sampler ? readSampler(sampler, offsetMs) : readFeeds(feeds[0]!, offsetMs),
    overhead() {
      const costs = feeds.map((feed) => feed.overhead())
      const ofFeeds = costs.reduce((total, cost) => total + cost.cpuSeconds, 0)
      if (!sampler) return { ...NO_THREAD, ...costs[0]!, cpuSeconds: ofFeeds }
      const { threadId: _, cpuSeconds, ...native } = sampler.overhead()
      return { ...native, cpuSeconds: cpuSeconds + ofFeeds }
    },
    shares: () =>
      (sampler?.shares() ?? []).map(({ processes, ...device }) => ({
        ...device,
        processes: [...processes],
        quality: 'modelled',
      })),
  }
}
