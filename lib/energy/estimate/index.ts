/** Energy from a model, where nothing can be read: CPU load × a power curve, and memory in use. */
import * as os from 'node:os'
import type { NativeDomain } from '../../native'
import { describeCpu } from './cpu'
import { fractionAt } from './curve'
import { MEMORY_SIGMA, totalGiB, WATTS_PER_GIB } from './memory'
import { chooseModel } from './model'
import type { System } from './system'
import { createTracker } from './tracker'

/** A domain whose energy is a model's. */
export interface EstimateDomain extends NativeDomain {
  readonly quality: 'estimated'
  /**
   * One standard deviation, in joules, of a model that gave `joules`. The error is the model's, the
   * same at all times and for all packages: it adds up linearly, never in quadrature.
   */
  readonly modelSigma: (joules: number, seconds: number) => number
}

/** The model of one machine, and what it has used since the first look. */
export interface Estimate {
  /** `package-0` for every socket, then `dram-0`; all are additive. */
  readonly channels: readonly EstimateDomain[]
  /** Sentences: which model was taken, with which figures, and why. */
  readonly notes: readonly string[]
  /**
   * Brings the tallies up to `timeMs` and writes them to `into` from `offset`: for each of the
   * channels the fields of `TALLY` in lib/native.ts. The first call is the baseline: 0 J. Between
   * two calls the energy is the power at the mean load × time; more than about a second apart, short
   * peaks are smoothed, which overstates the energy (the curve is concave).
   *
   * Load is settled every 90 ms at the soonest. Calls in between are free of surprises: they hold
   * the last known load, and what they gave too much is taken from what follows, so that joules
   * never fall. Never throws.
   * @param timeMs milliseconds of CLOCK_MONOTONIC (`process.hrtime`)
   */
  sample(into: Float64Array, offset: number, timeMs: number): void
}

/**
 * The model of the machine below `root`, from proc/cpuinfo, proc/stat and proc/meminfo, and from
 * Node's `os` where these cannot be read. Works on every system; reads nothing but these and the
 * TDP table.
 * @param memory false where the memory is measured: then only the processor is estimated
 */
export function openEstimate(root: string, memory = true, system: System = os): Estimate {
  const cpu = describeCpu(root, system)
  const model = chooseModel(cpu)
  const packages = cpu.packages.map((_, i) =>
    domain('package', i, '/proc/stat', model.watts * fractionAt(1), model.sigma),
  )
  const memoryWatts = totalGiB(root, system) * WATTS_PER_GIB
  const dram = domain('dram', 0, '/proc/meminfo', memoryWatts, MEMORY_SIGMA)
  const note = `${model.note} One standard deviation: ${percent(model.sigma)}.`
  const ofMemory = `Memory: ${WATTS_PER_GIB} W per GiB in use. One standard deviation: ${percent(MEMORY_SIGMA)}.`
  return {
    channels: memory ? [...packages, dram] : packages,
    notes: memory ? [note, ofMemory] : [note],
    sample: createTracker(root, system, cpu.packages, model.watts, memory),
  }
}

function domain(
  kind: string,
  index: number,
  path: string,
  maxWatts: number,
  sigma: number,
): EstimateDomain {
  return {
    id: `${kind}-${index}`,
    kind,
    source: 'estimate',
    path,
    device: {},
    parent: '',
    role: 'root',
    additive: true,
    method: 'model',
    mayRest: false,
    modelled: true,
    call: -1,
    unitJoules: 0,
    updateSeconds: 0.1,
    wrapJoules: 0,
    maxWatts,
    gain: 0,
    quality: 'estimated',
    modelSigma: (joules) => sigma * joules,
  }
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}
