/** What the bench gives: the report of `jouletap bench`, `schema` and all. */
import type { HostInfo } from '../record'
import type { Spread } from './arithmetic'
import type { Shape } from './curve'
import type { How } from './how'

export type { Spread } from './arithmetic'

/** What a row of one source costs, against a bare loop that makes the same system calls. */
export interface SourceCost {
  source: string
  /** Where it was read: `this machine`, or which simulated host. */
  place: string
  /** The ids of the domains that are read. */
  domains: string[]
  intervalMs: number
  /** CPU time of the sampler's thread for a row, in nanoseconds, over turns of many rows each. */
  rowNs: { median: number; p99: number; min: number; max: number; turns: number }
  /** The same of the bare loop, median over turns. */
  floorNs: number | null
  /** Median of sampler ÷ bare loop, over turns that followed one another. */
  timeRatio: number | null
  /** Least, most and number of those. */
  timeRatios: Spread | null
  /** In user mode and in the kernel. */
  instructionsPerRow: number | null
  floorInstructionsPerRow: number | null
  instructionRatio: number | null
  /** System calls that read; one timed wait comes on top. */
  systemCallsPerRow: number | null
  /** What a row takes in the ring: a time, and a value for each domain. */
  bytesPerRow: number
  /** Rows of each turn, about. */
  rowsPerTurn: number
  /** Whether each side ran under SCHED_FIFO. */
  realtime: { sampler: boolean; floor: boolean }
}

/** How late rows were. */
export interface TimerFigures {
  hz: number
  /** `busy`: every processor had a thread to run besides. */
  load: 'idle' | 'busy'
  p50Us: number
  p99Us: number
  maxUs: number
  achievedHz: number
  /** Grid times that passed without a row. */
  overruns: number
  rows: number
}

/** What it costs to fetch rows. */
export interface DrainFigures {
  /** The addon's `read` into an array that is there, for each double of a row, median over rounds. */
  nsPerValue: number
  nsPerValueSpread: Spread
  /** `Meter.rows()`, the same: it makes new arrays for every batch. */
  meterNsPerValue: number
  meterNsPerValueSpread: Spread
  /** Doubles that a round of `read` fetched, about. */
  values: number
}

/** What sampling takes from a program that keeps every processor busy. */
export interface OverheadFigures {
  hz: 1000
  source: string
  domains: number
  /** CPU seconds of the sampler's thread in a second. */
  threadShare: number
  /** The same of the bare loop. */
  floorShare: number | null
  shareRatio: number | null
  /** How much slower the program is while rows are taken. */
  slowdownPercent: Slowdown
  /** How much slower it is beside the bare loop, taken the same way; null where there is none. */
  floorSlowdownPercent: Slowdown | null
}

/** Mean over pairs of slices, and its 95 % confidence interval, in percent. */
export interface Slowdown {
  mean: number
  low: number
  high: number
  pairs: number
}

/** How long fresh processes take, medians in milliseconds. */
export interface StartupFigures {
  /** `require('jouletap')`. */
  requireMs: number
  /** `require()` of an empty CommonJS file. */
  baselineMs: number
  /** `new Meter()` and `start()` together. */
  meterMs: number | null
  /** `jouletap run -- true`, from its start to its end. */
  runTrueMs: number
  /** `node -e 0`, the same. */
  nodeMs: number
  runs: number
}

/** How right windows of one length are. */
export interface PrecisionFigures {
  /** Lengths are drawn uniformly from half an update less to half an update more. */
  windowMs: number
  align: 'none' | 'edge'
  /** What the simulated processor drew; `moving`: the windows on steps, ramps and bursts together. */
  load: 'constant' | Shape | 'moving'
  /** How late the counter's updates may come, in percent of their period. */
  jitterPercent: number
  /** Root of the mean square of (measured − true) ÷ true. */
  rmsPercent: number
  /** What 68 % of the errors stay below: without those of a machine that was held up. */
  typicalPercent: number
  /** Tu / (√6·T): two ends at random in an update; nothing where ends are aligned. */
  theoryPercent: number | null
  /** What the windows themselves claimed, root of the mean square. */
  claimedPercent: number
  /** Shares of the windows whose error was within one and two of their own standard deviations. */
  within1Sigma: number
  within2Sigma: number
  /** Share of the windows whose ends are both known better than blind ones; null for those. */
  found: number | null
  windows: number
}

/** Whether a long run loses rows, misses some or grows. */
export interface SoakFigures {
  hz: number
  seconds: number
  rows: number
  /** Taken and never delivered: overwritten before they were fetched. */
  lostRows: number
  /** Grid times without a row, for the thread was not woken in time. */
  missedRows: number
  /** Of all grid times. */
  missedShare: number
  /** The same of the bare loop at the same rate, just after; null where there is none. */
  floorMissedRows: number | null
  floorMissedShare: number | null
  /** Of resident memory of its own, from when the run has settled to its end; never below 0. */
  growthBytes: number
}

/** All of it. What could not be taken is null or missing, and `notes` say why. */
export interface BenchReport {
  schema: 'jouletap.bench/1'
  host: HostInfo
  /** Whether the counters were those of a simulated host; the costs are real all the same. */
  simulated: boolean
  /** When the bench began, UTC. */
  startedAt: string
  /** How long it took. */
  seconds: number
  sources: SourceCost[]
  timers: TimerFigures[]
  drain: DrainFigures | null
  overhead: OverheadFigures | null
  startup: StartupFigures | null
  precision: PrecisionFigures[] | null
  soak: SoakFigures | null
  /** How the figures of each part were taken, and how often. */
  how: How
  /** What could not be taken, and why: sentences. */
  notes: string[]
}
