/** Builds the object that describes one run; see `RunRecord`. */
import type { Footprint } from '../carbon'
import type { Domain, DomainEnergy, Energy, Overhead, Quality } from '../energy'
import { badOption } from '../errors'
import { toKWh } from '../units'
import { type GpuFacts, type HostInfo, hostInfo } from './host'
import type { Run, RunEpoch, RunLocation, RunPrediction, RunTotals } from './types'

export {
  type Aggregate,
  aggregate,
  type CarbontrackerLogOptions,
  type CarbontrackerLogs,
  type CarbontrackerOptions,
  countedOf,
  isCarbontrackerLog,
  type LoggedTotals,
  openCarbontrackerLogs,
  readCarbontrackerLogs,
  sentence,
} from './carbontracker'
export type { Runs, RunsOptions } from './folder'
export {
  type GpuFacts,
  type GpuInfo,
  type HostInfo,
  type HostOptions,
  hostInfo,
} from './host'
export type { RecordHeader, RunMark, RunSummary } from './lines'
export type { ReadOptions } from './read'
export type { RunFactors } from './recompute'
export type {
  Problem,
  Run,
  RunEpoch,
  RunIntensity,
  RunLocation,
  RunPrediction,
  RunTotals,
} from './types'
export { version } from './version'
export type { RecordWriter } from './write'
export type { RecordOptions } from './write-options'

// Whoever loads the package to measure shall not wait for the modules of these.

/**
 * Makes the record of a run that goes on, never over another file, and writes its header.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed, as where the
 *   folder cannot be written.
 */
export const openRecord: typeof import('./write').openRecord = (options) =>
  (require('./write') as typeof import('./write')).openRecord(options)

/**
 * The run that a record of jouletap tells, or a log of carbontracker with those that belong to it; one
 * that has no end has the energy up to its last line.
 * @throws {JouletapError} BAD_OPTION; BAD_RECORD: this is no file, or no record, or a value in it
 *   cannot be; the sentence names the file and the line.
 */
export const readRecord: typeof import('./folder').readRecord = (path, options) =>
  (require('./folder') as typeof import('./folder')).readRecord(path, options)

/**
 * The runs in a folder, or in one file, of whatever tool; what cannot be read is told one by one.
 * @throws {JouletapError} BAD_OPTION.
 */
export const readRecords: typeof import('./folder').readRecords = (path, options) =>
  (require('./folder') as typeof import('./folder')).readRecords(path, options)

/**
 * What a run used, with another PUE or another intensity.
 * @throws {JouletapError} BAD_OPTION: a factor is out of its range.
 */
export const recomputeRun: typeof import('./recompute').recomputeRun = (run, factors) =>
  (require('./recompute') as typeof import('./recompute')).recomputeRun(run, factors)

/** The energy of a run, without PUE. */
export interface RunEnergy {
  /** Sum over the additive domains, in joules. */
  joules: number
  /** One standard deviation, in joules. */
  uncertaintyJoules: number
  kWh: number
  /** Mean power. */
  watts: number
  quality: Quality
  /** 0…1: the share of the time in which every additive domain was really read. */
  coverage: number
  domains: DomainEnergy[]
}

/**
 * What the energy of a run means for the climate, with PUE: every intensity that was used, with its
 * source and time. `recompute` of it, with the run's `pue`, gives the footprint with other factors.
 */
export type RunCarbon = Omit<Footprint, 'kWh' | 'pue' | 'warnings'> & {
  location: RunLocation
}

/** What measuring itself cost and missed in a run. */
export type RunOverhead = Pick<
  Overhead,
  | 'cpuSeconds'
  | 'joules'
  | 'joulesAtMost'
  | 'reads'
  | 'rows'
  | 'overwritten'
  | 'overruns'
  | 'wakeUps'
  | 'systemCalls'
>

/** The epochs of a run, where they were followed; energies are without PUE. */
export interface RunTracking {
  plannedEpochs: number
  status: Exclude<Run['status'], 'unfinished'>
  epochs: (RunEpoch & { grams?: number })[]
  /** The sum of the epochs. */
  actual: RunTotals
  /** That of the weakest epoch. */
  quality: Quality
  /** 0…1: the share of their time in which every additive domain was really read. */
  coverage: number
  /** Before, between and after them. */
  between: { seconds: number; joules: number; uncertaintyJoules: number }
  /** Of the whole run, one an epoch. */
  predictions: RunPrediction[]
  /** Of how many intervals of the next epoch the truth is known now, and in how many it lay. */
  realised: { intervals: number; held: number }
  /** Files that were written. */
  files: string[]
  /** Sentences for a person. */
  warnings: string[]
}

/** One run of a command; `schema` changes when the meaning does. */
export interface RunRecord {
  schema: 'jouletap.run/1'
  /** The command and its arguments. */
  command: string[]
  /** The code it ended with (127 not found, 126 not executable), or null when a signal ended it. */
  exitCode: number | null
  /** The signal that ended it, such as `SIGKILL`, or null. */
  signal: string | null
  /** ISO 8601, UTC. */
  startedAt: string
  seconds: number
  energy: RunEnergy
  /** Power usage effectiveness of the site: 1 … 10. `energy` is without it. */
  pue: number
  /** Null where nobody asked for it, or it could not be told; `warnings` say why. */
  carbon: RunCarbon | null
  /** Its epochs, where they were followed. */
  tracking?: RunTracking
  overhead: RunOverhead
  host: HostInfo
  /** Sentences for a person. */
  warnings: string[]
}

/** What `runRecord` is told about a run. */
export interface RunFacts {
  command: readonly string[]
  exitCode: number | null
  /** Default null. */
  signal?: string | null
  startedAt: Date
  /** The energy from the start of the command to its end. */
  energy: Energy
  overhead: RunOverhead
  /** Default 1. */
  pue?: number
  /** Default null. */
  carbon?: RunCarbon | null
  /** Default: none. */
  tracking?: RunTracking
  /** Sentences that the energy does not say. */
  warnings?: readonly string[]
  /** Default: the machine below `root`, with the GPUs of the energy's domains. */
  host?: HostInfo
  /** The folder that stands for `/`, where no host is given. Default `/`. */
  root?: string | undefined
}

/**
 * The `jouletap.run/1` object of a run.
 * @throws {JouletapError} BAD_OPTION: `pue` is not a number from 1 to 10.
 */
export function runRecord(facts: RunFacts): RunRecord {
  const { warnings, ...run } = hostlessRecord(facts)
  const gpus = gpuFacts(facts.energy.domains)
  return { ...run, host: facts.host ?? hostInfo({ root: facts.root ?? '/', gpus }), warnings }
}

/**
 * All of it but the machine, which takes milliseconds to describe.
 * @throws {JouletapError} as `runRecord` does.
 */
export function hostlessRecord(facts: Omit<RunFacts, 'host' | 'root'>): Omit<RunRecord, 'host'> {
  const { energy, overhead, pue = 1 } = facts
  if (!(typeof pue === 'number' && pue >= 1 && pue <= 10)) {
    throw badOption('pue', pue, 'a number from 1 to 10')
  }
  return {
    schema: 'jouletap.run/1',
    command: [...facts.command],
    exitCode: facts.exitCode,
    signal: facts.signal ?? null,
    startedAt: facts.startedAt.toISOString(),
    seconds: energy.seconds,
    energy: {
      joules: energy.joules,
      uncertaintyJoules: energy.uncertaintyJoules,
      kWh: toKWh(energy.joules),
      watts: energy.watts,
      quality: energy.quality,
      coverage: energy.coverage,
      domains: energy.domains,
    },
    pue,
    carbon: facts.carbon ?? null,
    ...(facts.tracking && { tracking: facts.tracking }),
    overhead: {
      cpuSeconds: overhead.cpuSeconds,
      joules: overhead.joules,
      joulesAtMost: overhead.joulesAtMost,
      reads: overhead.reads,
      rows: overhead.rows,
      overwritten: overhead.overwritten,
      overruns: overhead.overruns,
      wakeUps: overhead.wakeUps,
      systemCalls: overhead.systemCalls,
    },
    warnings: [...energy.warnings, ...(facts.warnings ?? [])],
  }
}

/** What the drivers told a meter of its GPUs, for `hostInfo`: some are listed nowhere else. */
export function gpuFacts(domains: readonly Domain[]): GpuFacts[] {
  return domains.flatMap(({ kind, source, device }) => {
    if (kind !== 'gpu' || !device) return []
    const { name, uuid, pci, driver } = device
    // NVIDIA's has a version of its own, the others have the kernel's.
    const software =
      source === 'nvml' ? { vendor: 'nvidia', driver: 'nvidia', driverVersion: driver } : { driver }
    return [{ name, uuid, pci, ...software }]
  })
}
