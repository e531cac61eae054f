/** What measuring gives: plain values, no behaviour. */

import type { Device, Method } from '../native'

export type { Device, Method } from '../native'

/** How much a number may be trusted, best first. */
export type Quality = 'measured' | 'modelled' | 'estimated'

/**
 * What was wrong with a domain in a stretch of time.
 *
 * - `stale`: the counter stood still, or the stretch was shorter than its updates: unchanged, not zero
 * - `ambiguous-wrap`: so long between reads that a whole wrap may have been missed
 * - `reset`: the counter began anew; the energy between the two readings is not known
 * - `backwards`: the counter fell, or leapt further than the hardware can
 * - `gap`: reads failed
 * - `interpolated`: short holes in a power gauge were filled
 */
export type Flag = 'stale' | 'ambiguous-wrap' | 'reset' | 'backwards' | 'gap' | 'interpolated'

/** One thing whose energy is followed. */
export interface Domain {
  /** `package-0`, `dram-1`, `package-0-die-1`, `gpu-0000:03:00.0` … */
  id: string
  /** `package`, `core`, `uncore`, `dram`, `psys`, `gpu`, `module` … */
  kind: string
  /** The source that reads it: `rapl-perf`, `rapl-powercap`, `rapl-msr`, `hwmon`, `estimate` … */
  source: string
  /** Whether it is part of the total; the others are inside it, or around it. */
  additive: boolean
  /** The id of the domain that contains it. */
  parent?: string
  /** What is read: a file, or an event. */
  path?: string
  /** The device that it belongs to, as far as its driver tells. */
  device?: Device
  /** How the joules come about; of a domain's energy: how those at its end did. */
  method: Method
  quality: Quality
}

/** The energy of one domain in a stretch of time. */
export interface DomainEnergy extends Domain {
  /** Joules; never negative. */
  joules: number
  /** One standard deviation, in joules. */
  uncertaintyJoules: number
  flags: Flag[]
}

/** The answer for a stretch of time: the energy of the machine, not of one process. */
export interface Energy {
  /** Sum over the additive domains, in joules; never negative. */
  joules: number
  /** One standard deviation, in joules. */
  uncertaintyJoules: number
  seconds: number
  /** Mean power: joules ÷ seconds. */
  watts: number
  /** That of the weakest additive domain. */
  quality: Quality
  /** 0…1: the share of the time in which every additive domain was really read. */
  coverage: number
  /**
   * Those of the meter, and last `self`: what measuring used, an estimate that is there wherever a
   * processor is followed. It is inside the others, but for the looking for updates of `align: 'edge'`,
   * which falls before and after the time that these are of.
   */
  domains: DomainEnergy[]
  /** Sentences for a person. */
  warnings: string[]
}

/**
 * A batch of rows: the same index in every array is one row. The arrays may lie in one buffer: to
 * transfer one of them is to transfer all.
 */
export interface Rows {
  /** Milliseconds on the timeline of `performance.now()`. */
  times: Float64Array
  /** For each of the meter's domains, in their order: joules since start; NaN where not read. */
  joules: Float64Array[]
  /**
   * With `align: 'edge'`, for each of the domains: for how many milliseconds its joules had been old
   * when they were read; NaN where that is not known.
   */
  ages?: Float64Array[]
}

/** What one process is given of a GPU's energy. */
export interface ProcessShare {
  pid: number
  joules: number
  /** Seconds of all the GPU's multiprocessors: two with half of them are one. */
  smSeconds: number
}

/**
 * How the energy of one GPU since `start()` was divided among the processes of the machine:
 * `joules` = `idleJoules` + `unattributedJoules` + those of all processes.
 *
 * What is above the idle power is given to each process by its share of the multiprocessors' time.
 * That is a model: no counter knows of processes, and it takes a second of work for as expensive as
 * any other. The idle power is the least that the GPU had for two seconds without work.
 */
export interface DeviceShares {
  /** The id of its domain. */
  id: string
  /** All that the GPU used, whatever `byPid` counts of it. */
  joules: number
  idleJoules: number
  /** Of a time for which the driver does not tell who worked, or without work above idle power. */
  unattributedJoules: number
  /** Absent until the GPU was seen without work: till then there are no idle joules. */
  idleWatts?: number
  /** In the order in which they were first seen at work. */
  processes: ProcessShare[]
  quality: 'modelled'
}

/** What measuring itself cost and missed. */
export interface Overhead {
  /** CPU time of sampling, in seconds: of its threads, and of calls on their callers'. */
  cpuSeconds: number
  /**
   * Joules of that time: the middle between its even share of the processors' mean power and all of
   * it. 0 where no processor is followed, and before `start()`.
   */
  joules: number
  /** Joules if that power was all for the sake of sampling while it ran. */
  joulesAtMost: number
  /** Times the native counters were read, for whatever reason. */
  reads: number
  /** Rows read on the grid of the interval. */
  rows: number
  /** Rows that were overwritten before anyone fetched them: detail lost, never energy. */
  overwritten: number
  /** Rows that were never taken because the thread could not run in time. */
  overruns: number
  /** Times the native thread woke. */
  wakeUps: number
  /** System calls that read native counters, or wait for the next time. */
  systemCalls: number
  /** How late the thread woke for rows, in microseconds: median, 99th percentile, most. */
  lateUs: { p50: number; p99: number; max: number }
  /** Milliseconds between rows: more than were asked for where `maxOverhead` made it so. */
  intervalMs: number
  /** Whether the thread runs under a real-time policy. */
  realtime: boolean
}

/** One source, as `probe()` finds it. */
export interface SourceReport {
  name: string
  usable: boolean
  /** Whether `auto` would use it, were it the best. */
  automatic: boolean
  /** What it offers; empty if it is not usable. */
  domains: Domain[]
  /** Sentences about what was found, left out or merged. */
  notes: string[]
  /** Why it is not usable, in one sentence. */
  reason?: string
  /** What kind of obstacle that is. */
  obstacle?: 'absent' | 'forbidden' | 'masked' | 'broken'
  /** The one command that mends it. */
  fix?: string
}

/** Options of `Meter`; every one may be left out. */
export interface MeterOptions {
  /** `auto` takes the best usable source for each domain; or names of sources. Default `auto`. */
  sources?: 'auto' | readonly string[]
  /** Milliseconds between rows, 0.1 … 3 600 000. Default 100. */
  intervalMs?: number
  /**
   * The most that taking rows may cost, as a share of one CPU's time, 0.00001 … 1, say 0.001: where
   * it would cost more, rows come more rarely, and every energy says so. Default: no limit.
   */
  maxOverhead?: number
  /**
   * `edge`: measuring, and each span, begins and ends at updates of the fast counters, so that a
   * window of some milliseconds is known to a thousandth. `start()`, `span()`, `end()`, `energy()` and
   * `stop()` then block for some milliseconds (the first time for up to 30) to look for them; what
   * that uses is not in the span's joules but in `self`. Counters that are not added, gauges and
   * estimates are read where they are. Rows come just after an update and tell their `ages`; they,
   * and `readNow()`, count from the call of `start()`, so what its looking used is in them.
   * Default `none`: anywhere, with the uncertainty that this means.
   */
  align?: 'none' | 'edge'
  /** The folder that stands for `/`. Default `JOULETAP_ROOT`, else `/`. */
  root?: string
  /**
   * The GPUs that are followed. `visible`: those that a program started here would see, by
   * `CUDA_VISIBLE_DEVICES` and its kin; `all`; `none`; or a list of indices as in `nvidia-smi`, UUIDs
   * or unique beginnings of them, MIG ids, PCI addresses. Each make counts its cards from 0: an
   * index takes one of each. Default `visible`.
   */
  gpus?: 'visible' | 'all' | 'none' | readonly (number | string)[]
  /**
   * Counts an NVIDIA GPU only while these processes, or descendants of them, work there; `true`: this
   * process. Who works is looked up once a second: the uncertainty holds what that leaves open, and a
   * use that no look meets is not seen. All other domains are the whole machine's. Default false.
   */
  byPid?: boolean | readonly number[]
  /** Whether `shares()` divides the energy of NVIDIA's GPUs among processes. Default false. */
  shares?: boolean
  /** Path of NVIDIA's management library. Default `JOULETAP_NVML`, else the system's. */
  nvml?: string
  /** Whether to fall back to a labelled model where no counter can be read. Default true. */
  estimate?: boolean
}

/** How often `measure` calls: for so many seconds, or so many times; `{}` is for 2 seconds. */
export interface Repeat {
  /** Of all batches together, 0.1 … 3600: the longer, the narrower the interval. Default 2. */
  seconds?: number
  /** Calls in all, 4 and more, however long they take; of these the first eleventh is to warm up. */
  calls?: number
}

/** Options of `measure`: those of its meter, and one of its own. */
export interface MeasureOptions extends MeterOptions {
  /** Whether to measure one call by many of them. Default false. */
  repeat?: boolean | Repeat
}

/** What one call used, beyond a call of a function that does nothing. */
export interface PerCall {
  /** Joules of a call; null where that would be false precision: `reason` says why. */
  joules: number | null
  /** The interval that holds the joules of a call: at least these, 0 or more … */
  low: number
  /** … and at most these. */
  high: number
  /** How often such an interval holds the true value: 0.95. It knows no error of the counter itself. */
  confidence: number
  /** Calls that were measured; those to warm up are not counted. */
  calls: number
  /** Seconds of a call, those of an empty one subtracted. */
  seconds: number
  /** Batches that the calls were in, with as many of empty calls beside them. */
  batches: number
  /** Why there are no joules, in one sentence. */
  reason?: string
}
