// What a simulated host can be told to be: the options of startHost, with their units.
import type { GpuOptions } from '../nvml/stub'

/**
 * Watts over time: a number, or a curve. `step:10:65:2` (10 W, after 2 s 65 W), `ramp:0:100:5` (from
 * 0 to 100 W in 5 s, then 100 W), `square:80:20:0.5` (80 W and 20 W in turn, period 0.5 s; a fourth
 * number is the share of a period at the first value).
 */
export type Watts = number | string

export type Kind = 'package' | 'core' | 'uncore' | 'dram' | 'psys'

/** An energy counter as the hardware keeps it. */
export interface CounterSpec {
  /** Joules of one count. Default 2^-14. */
  unit?: number
  /** What powercap takes for the unit, in whole nanojoules. Default floor(unit × 1e9). */
  nanojoules?: number
  /** Seconds between updates, default 1/1024; 0: continuous. */
  updateSeconds?: number
  /** Updates happen at phase + k × updateSeconds, seconds. The default differs from domain to domain. */
  phase?: number
  /** Each update comes late by 0 to this many seconds. */
  jitter?: number
  /** Counts at the start. */
  seed?: number | bigint
  /** Instead of seed: the counter starts again once it has counted this many joules. */
  wrapAfterJoules?: number
  /** Width of the register; powercap always shows the lower 32 bits. Default 32. */
  bits?: 32 | 64
  /** A counter that starts again after this many microjoules, unlike any real one. */
  rangeMicrojoules?: number
  /** Bits that are set in the MSR beside a 32-bit count. */
  reserved?: bigint
}

export interface DomainSpec extends CounterSpec {
  /** For every package, or one for each. On AMD a core domain is one physical core. */
  watts: Watts | Watts[]
  /** constraint_0_max_power_uw, and the TDP in 0x614. A package has 1.25 × watts unless told. */
  maxWatts?: number
}

export interface PowercapSpec {
  /** Of energy_uj; the kernel's 0400 unless told. */
  mode?: number
  /** Number of the first zone's folder. Default 0. */
  firstZone?: number
  /** Adds an intel-rapl-mmio zone for each package: the same energy in another counter. */
  mmio?: CounterSpec
  /** More zones at the top level, with counters of their own. */
  extra?: (CounterSpec & { name: string; watts: Watts })[]
  /** The folder is there and empty, as a container runtime leaves it. */
  masked?: boolean
}

export interface MsrSpec {
  /** Of every msr file. Default 0600. */
  mode?: number
  /** Bit 0 of MISC_PACKAGE_CTLS, 0xBC. Default off; 'missing': the register gives EIO. */
  filtering?: boolean | 'missing'
  /** Registers beside the usual ones, or instead of them. */
  registers?: Record<string, bigint>
}

export interface PerfSpec {
  /** Instead of one CPU for each package (Intel: die). */
  cpumask?: string
}

/** What a file of a hwmon chip shows: a text, or a live value of the domain `of`. */
export type Sensor =
  | string
  | ({ as: 'energy'; of: string; watts?: Watts } & CounterSpec)
  | { as: 'power'; of: string; watts?: Watts; windowSeconds?: number; refreshSeconds?: number }
  | { as: 'current'; of: string; watts?: Watts; volts: number; refreshSeconds?: number }

export interface ChipSpec {
  /** The driver's name, as in the `name` file. */
  name: string
  /** PCI address of the `device` link's target. */
  pci?: string
  /** N of hwmonN; default: the place in the list. */
  number?: number
  files: Record<string, Sensor>
}

export interface HostSpec {
  cpu?: { vendor: string; family: number; model: number; name: string }
  packages?: number
  /** physical_package_id of each package. Default 0, 1, … */
  packageIds?: number[]
  /** Default: as many as there really are, evenly, and at least one. */
  cpusPerPackage?: number
  /** Dies of each package. Mirrored: every die shows the package's counter. */
  dies?: { count: number; mirrored: boolean }
  domains?: Partial<Record<Kind, DomainSpec>>
  sources?: {
    powercap?: boolean | PowercapSpec
    msr?: boolean | MsrSpec
    perf?: boolean | PerfSpec
    hwmon?: ChipSpec[]
  }
  /** NVIDIA GPUs, in the order of their indices: test/nvml/README.md has their knobs. */
  gpus?: GpuOptions[]
  /** More files below the root that do not move; null makes a folder. */
  files?: Record<string, string | null>
}

/** Options that contradict each other; the message says which and why. */
export class SpecError extends Error {}

/** The largest and the first power of a curve, in watts. */
export function wattsOf(watts: Watts): { most: number; first: number } {
  if (typeof watts === 'number') return { most: watts, first: watts }
  const [name, ...rest] = watts.split(':')
  const values = (rest.length > 0 ? rest.slice(0, 2) : [name]).map(Number)
  return { most: Math.max(...values), first: values[0] ?? Number.NaN }
}
