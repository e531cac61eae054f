/**
 * The only door to the addon: declares and documents all of it, and loads it on first use.
 *
 * Nothing in the addon calls JavaScript; everything here is synchronous.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { JouletapError } from './errors'

/** How a domain stands to the others when a total is made; see native/source.h. */
export type Role = 'root' | 'part' | 'whole'

/** How the joules of a domain come about, best first; see native/tally.h for the order. */
export const METHODS = [
  'energy-counter',
  'power-samples',
  'power-gauge',
  'power-average',
  'model',
] as const

/**
 * How joules come about: the hardware adds them up; or power is integrated here: the driver's own
 * history of it, its value at the moment of reading, its mean over about a second; or a model.
 */
export type Method = (typeof METHODS)[number]

/** The device that a domain belongs to, as far as its driver tells. */
export interface Device {
  /** `NVIDIA H100 80GB HBM3` … */
  readonly name?: string
  /** `GPU-2f7a…` */
  readonly uuid?: string
  /** `0000:65:00.0` */
  readonly pci?: string
  /** The number that the driver gives it, as in `nvidia-smi`. */
  readonly index?: number
  /** Version of the driver, or its name where it has none of its own. */
  readonly driver?: string
}

/** One thing whose energy is followed, as the addon describes it. */
export interface NativeDomain {
  /** `package-0`, `dram-1`, `package-0-die-1`, `gpu-0000:03:00.0` … */
  readonly id: string
  readonly kind: string
  /** The source that reads it, such as `rapl-perf`. */
  readonly source: string
  /** What is read: a file below root, or an event; empty if it is neither. */
  readonly path: string
  readonly device: Device
  /** The id of the domain that contains it; empty at the top. */
  readonly parent: string
  readonly role: Role
  readonly additive: boolean
  /** The best that the device offers. */
  readonly method: Method
  /** It may be switched off: a count that stands still can be true. */
  readonly mayRest: boolean
  /** The hardware computes the value from activity. */
  readonly modelled: boolean
  /** Domains of a source with one number come from one system call; −1: from none of its own. */
  readonly call: number
  /** Joules of one count; 0 for a gauge. */
  readonly unitJoules: number
  /** How often the hardware refreshes the value, in seconds; 0 where that is not known. */
  readonly updateSeconds: number
  /** Joules after which the counter starts again; 0: never. */
  readonly wrapJoules: number
  /** The most power that is believed, in watts. */
  readonly maxWatts: number
  /** Relative error of the unit, one standard deviation. */
  readonly gain: number
}

/** Why a source cannot be used. */
export interface NativeRefusal {
  readonly name: string
  readonly kind: 'absent' | 'forbidden' | 'masked' | 'broken'
  /** One sentence: what is missing. */
  readonly reason: string
  /** The one command that mends it; empty if none does. */
  readonly fix: string
}

/** A source that could be opened, with everything it offers. */
export interface NativeOffer {
  readonly name: string
  readonly domains: readonly NativeDomain[]
  readonly notes: readonly string[]
}

/** What one process has used of a device, as far as a model can tell. */
export interface NativeShare {
  readonly pid: number
  readonly joules: number
  /** Seconds of all the device's multiprocessors. */
  readonly smSeconds: number
}

/** How the energy of a device was divided among processes; see native/shares.h. */
export interface NativeShares {
  /** That of its domain. */
  readonly id: string
  readonly joules: number
  readonly idleJoules: number
  readonly unattributedJoules: number
  /** Absent until known. */
  readonly idleWatts?: number
  readonly processes: readonly NativeShare[]
}

/**
 * Reads its domains on a thread of its own. Columns of every row follow `domains`. Its destructor
 * stops the thread.
 */
export interface NativeSampler {
  /**
   * Their number and ids never change; source, path, unit and limits do where another source takes
   * over from one that was lost. Each look at them makes them anew.
   */
  readonly domains: readonly NativeDomain[]
  /** Sentences about what was found, left out or merged. */
  readonly notes: readonly string[]
  /** Sentences that belong beside every total: what it lacks, for one. */
  readonly warnings: readonly string[]
  /**
   * Sentences that belong beside every later total: sources that were lost, and, with all automatic
   * ones, what a cross-check in the first second found.
   */
  readonly findings: readonly string[]
  /** Grows with every change of `findings` and `domains`. */
  readonly changes: number
  /** The sources that were asked for, or tried, and could not be opened. */
  readonly refusals: readonly NativeRefusal[]
  /**
   * Takes the baseline, written to `into` as by `sample`, and starts the thread. While that runs
   * already, the same as `sample`.
   * @throws {TypeError} as `sample` does.
   */
  start(into: Float64Array): void
  /** Ends the thread after a last row; it has ended when this returns. Idempotent. */
  stop(): void
  /** Keeps rows from now on, or no longer. */
  record(on: boolean): void
  /**
   * Reads every domain now, on this thread, into `3 + 16 × domains.length` doubles: milliseconds
   * of CLOCK_MONOTONIC at its middle, how many of CPU time sampling has taken so far, how many the
   * machine has been suspended since boot, then for each domain the fields of a tally, in the order
   * of `TALLY`. Devices with a thread of their own are asked anew first, for up to 50 ms each.
   * @throws {TypeError} `into` is not a Float64Array of that length or longer.
   */
  sample(into: Float64Array): void
  /**
   * As `sample`, for the begin of a stretch of time: hunts for the updates of fast counters first, and
   * gives what they would show at the moment of its return, `lagVariance` telling how surely. Blocks
   * for some milliseconds.
   * @throws {TypeError} as `sample` does.
   */
  begin(into: Float64Array): void
  /**
   * As `begin`, for the end of a stretch: as of the moment of the call.
   * @throws {TypeError} as `sample` does.
   */
  end(into: Float64Array): void
  /**
   * As `sample`, in haste, into `1 + domains.length` doubles: a row as `read` gives it. No device with a
   * thread of its own is asked.
   * @throws {TypeError} `into` is not a Float64Array of that length or longer.
   */
  readNow(into: Float64Array): void
  /**
   * Moves the oldest kept rows into `into`, as many as fit whole, column by column: first the times of
   * all, in milliseconds of CLOCK_MONOTONIC plus `offsetMs` (default 0), then for each domain its
   * joules since start, NaN where it could not be read; where rows are aligned then for each how many
   * milliseconds old these were, NaN where that is not known.
   * @returns the number of rows moved.
   * @throws {TypeError} `into` is not a Float64Array.
   */
  read(into: Float64Array, offsetMs?: number): number
  /** What it cost so far. */
  overhead(): NativeOverhead
  /**
   * How the energy of GPUs since start was divided, where the host's `shares` asked for it: up to
   * the end of the last round of two seconds, after `stop` to the end.
   */
  shares(): NativeShares[]
}

/** What the sampler's thread cost and missed. */
export interface NativeOverhead {
  /** CPU time of its threads and of calls on this one, in seconds. */
  readonly cpuSeconds: number
  /** Times all domains were read. */
  readonly reads: number
  /** Of those, on the grid of the interval. */
  readonly rows: number
  /** Rows overwritten before they were fetched; their energy is in the next row. */
  readonly overwritten: number
  /** Grid times that passed while the thread could not run. */
  readonly overruns: number
  /** Times the thread woke. */
  readonly wakeUps: number
  /** System calls that read counters, or wait for the next time. */
  readonly systemCalls: number
  /** How late the thread woke for rows, in microseconds, the first two to an eighth. */
  readonly lateUs: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Milliseconds between rows: more than were wished for where `maxOverhead` made it so. */
  readonly intervalMs: number
  /** The system's number of the thread while it runs, else 0. */
  readonly threadId: number
  /** Whether the thread runs under SCHED_FIFO. */
  readonly realtime: boolean
}

/** How a sampler is to work. */
export interface NativePlan {
  /** Milliseconds between rows, above 0. */
  readonly intervalMs: number
  /** Rows that are kept for `read`, at least 1. */
  readonly capacity: number
  /** The share of one CPU that rows may take; 0: no limit. */
  readonly maxOverhead: number
  /** Whether rows come just after an update of the fast counters, and with their ages. */
  readonly aligned: boolean
}

/** Perf events of one CPU, read as one group. */
export interface FloorGroup {
  /** The PMU's number, as in its `type` file. */
  readonly type: number
  readonly cpu: number
  readonly configs: readonly number[]
}

/** What a row of the bare loop reads: one system call for each. */
export interface FloorReads {
  /** Files that hold a decimal number. */
  readonly files: readonly string[]
  /** Registers of msr files, 8 bytes each. */
  readonly registers: readonly { readonly path: string; readonly number: number }[]
  readonly groups: readonly FloorGroup[]
}

/** What the bare loop cost. */
export interface NativeFloor {
  readonly rows: number
  /** CPU time of the loop's thread, in seconds; not to be believed where anything was counted. */
  readonly cpuSeconds: number
  /** NaN where they were not to be counted. */
  readonly instructions: number
  /** Grid times that passed before the loop woke and have no row; NaN where not to be counted. */
  readonly missed: number
  /** Whether the thread ran under SCHED_FIFO. */
  readonly realtime: boolean
}

/** A counter of the instructions of one thread, in user mode and in the kernel. */
export interface NativeInstructions {
  /** Since it was made; NaN if the kernel did not count all the time, or after `close`. */
  count(): number
  /** Until then every context switch of the thread is dearer. */
  close(): void
}

/** Two descriptors, closed in programs that are started. */
export interface NativeChannel {
  /** To read from; of a pseudo-terminal EIO is its end. */
  readonly ours: number
  /** To be the command's stdout or stderr. */
  readonly theirs: number
}

/** Which GPUs are wanted; see native/gpu_choice.h. */
export interface NativeGpus {
  readonly kind: 'visible' | 'all' | 'none' | 'list'
  /** For `list`: indices, UUIDs, MIG ids, PCI addresses. */
  readonly list: readonly string[]
  /** Variables of the environment, some of which hide GPUs. */
  readonly environment: NodeJS.ProcessEnv
}

/** The machine below a root, and what is wanted of it. */
export interface NativeHost {
  readonly root: string
  /** Path of NVIDIA's management library; empty: the system's. */
  readonly nvml: string
  readonly gpus: NativeGpus
  /**
   * Not empty: of NVIDIA's GPUs only those are counted, and only while, these processes or
   * descendants of them work there.
   */
  readonly pids: readonly number[]
  /** Whether the energy of GPUs is divided among processes. */
  readonly shares: boolean
}

/** The addon. */
export interface Native {
  /** The names of all sources, best first. */
  readonly sources: readonly string[]
  /**
   * Opens and closes every source of a host: what it offers, or why it refuses; and whether `auto`
   * tries it.
   */
  probe(host: NativeHost): ((NativeOffer | NativeRefusal) & { readonly automatic: boolean })[]
  /**
   * Opens `sources` (empty: all automatic ones) of a host; the thread is not started. It reads on the
   * grid of the interval while rows are kept, or power has to be integrated, and else only as often
   * as no wrap goes unseen.
   */
  Sampler: new (
    sources: readonly string[],
    plan: NativePlan,
    host: NativeHost,
  ) => NativeSampler
  /**
   * The least that `rows` rows can cost: a bare loop over the system calls of a row, on a thread
   * with the sampler's priority and timer slack. Blocks this thread until it is done. With `missed`,
   * of `rows` grid times those that have passed when it wakes get no row. On Linux only; the bench's.
   * @throws {Error} the sentence that says what could not be opened, read or counted.
   */
  floor?(
    reads: FloorReads,
    intervalMs: number,
    rows: number,
    count: 'nothing' | 'instructions' | 'missed',
  ): NativeFloor
  /**
   * What the output of a command may come through on its way to the descriptor `like`: a pipe, or
   * where that is a terminal a pseudo-terminal of its size through which bytes come unchanged. Both
   * ends are the caller's to close. On Linux only; the command line's.
   * @throws {Error} the sentence that says why none can be made.
   */
  openChannel?(like: number): NativeChannel
  /**
   * Gives the pseudo-terminal at `ours` the size of the terminal `like`; false: it has none. On Linux
   * only; the command line's.
   */
  copySize?(like: number, ours: number): boolean
  /**
   * Counts the instructions of the thread with this id (gettid), 0: this one. On Linux only; the
   * bench's.
   * @throws {Error} the sentence that says why the kernel counts none.
   */
  Instructions?: new (
    threadId: number,
  ) => NativeInstructions
  /** Whether this process runs with more rights than its user: environment overrides are ignored. */
  readonly elevated: boolean
}

/** The fields of a tally in a snapshot, in order; all but `excess` and the last four only grow. See native/tally.h. */
export const TALLY = [
  'joules',
  'coveredMs',
  'variance',
  'wraps',
  'resets',
  'backwards',
  'ambiguous',
  'failures',
  'stalls',
  'bridged',
  'bias',
  'excess',
  'lagVariance',
  'method',
  'fresh',
  'skewMs',
] as const

let loaded: Native | JouletapError | undefined

/**
 * The addon, loaded on the first call.
 * @throws {JouletapError} NOT_AVAILABLE, with the reason in one sentence.
 */
export function native(): Native {
  loaded ??= load()
  if (loaded instanceof JouletapError) throw loaded
  return loaded
}

/** Where the addon usually is: to look there is quicker than to ask which of all names is right. */
const USUAL = [
  'build/Release/jouletap.node',
  `prebuilds/${process.platform}-${process.arch}/jouletap.glibc.node`,
]

function load(): Native | JouletapError {
  const root = join(__dirname, '..')
  try {
    const usual = USUAL.map((name) => join(root, name)).find((path) => existsSync(path))
    if (usual) return require(usual) as Native
  } catch {
    // Made for another system: perhaps there is one for this.
  }
  try {
    const find = require('node-gyp-build') as (root: string) => Native
    return find(root)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause)
    return new JouletapError('NOT_AVAILABLE', `The native addon could not be loaded (${why}).`, {
      cause,
    })
  }
}
