/** What a run is when it is read back, whatever tool wrote it. Plain values, no behaviour. */
import type { IntensityPoint, Location } from '../carbon'
import type { Domain, Quality } from '../energy'
import type { HostInfo } from './host'

/** One epoch; energy is without PUE. */
export interface RunEpoch {
  /** From 1. */
  epoch: number
  /** `train`, `eval` …, where the program told. */
  phase?: string
  /** Seconds since the run began, where that is known. */
  start?: number
  seconds: number | null
  /** All additive domains together; null: not known, which is not 0. */
  joules: number | null
  /** One standard deviation, in joules. */
  uncertaintyJoules?: number
  /** Whether the run ended in the middle of it. */
  partial?: true
  /** Mean power of each component in watts, summed over its devices; null: not known. */
  watts?: Record<string, number | null>
}

/** What a run used, or was to use, as its own tool told or as it is computed from its epochs. */
export interface RunTotals {
  /** How many epochs these are of. */
  epochs?: number
  seconds: number | null
  /** Without PUE. */
  joules: number | null
  /** One standard deviation, in joules. */
  uncertaintyJoules?: number
  /** With PUE. */
  kWh: number | null
  /** Of CO2-equivalent, with PUE. */
  grams: number | null
  /** Unit, as in `km travelled by car`, to number; absent where none were told. */
  equivalents?: Record<string, number>
}

/** What was expected of the whole run at one time of it. */
export interface RunPrediction extends RunTotals {
  /** After how many epochs. */
  seen: number
  /** 0.5 … 0.99: how often the truth should lie between `low` and `high`. */
  confidence?: number
  /** Absent where it is too early to tell. */
  low?: Pick<RunTotals, 'seconds' | 'joules' | 'grams'>
  high?: Pick<RunTotals, 'seconds' | 'joules' | 'grams'>
  /** What it rests on, in a sentence. */
  assumption?: string
}

/** One run. */
export interface Run {
  format: 'jouletap' | 'carbontracker'
  /** The files that it was read from. */
  files: string[]
  /** The name and version of the tool, such as `carbontracker 2.4.3`. */
  tool?: string
  /** ISO 8601, UTC. */
  startedAt?: string
  /** `complete`: it ended by itself; `stopped`: by order, before all epochs; `unfinished`: no end is there. */
  status: 'complete' | 'stopped' | 'unfinished'
  command?: string[]
  plannedEpochs?: number
  epochs: RunEpoch[]
  /** What it really used, epochs or not; null where nothing tells. */
  actual: RunTotals | null
  /** The same summed up from its epochs, of a tool that tells both; epochs that tell nothing are left out. */
  recomputed?: RunTotals
  /** What it would be with every device counted, of a run whose tool left some out. */
  corrected?: RunTotals
  /** The last prediction of the whole run. */
  predicted: RunTotals | null
  /** All predictions of the whole run, in order of time. */
  predictions?: RunPrediction[]
  /** Of how many intervals the truth is known now, and in how many of them it lay. */
  realised?: { intervals: number; held: number }
  /** Null where the tool did not know of any. */
  pue: number | null
  /** Every intensity that was used. */
  intensities: RunIntensity[]
  location?: RunLocation
  /** Factor, such as `pue`, to where it comes from. */
  factors?: Record<string, string>
  quality?: Quality
  /** Component, such as `gpu`, to the names of its devices. */
  devices?: Record<string, string[]>
  domains?: Domain[]
  /**
   * The time series, at most 10 000 rows: seconds since the start, and for each of `domains`, in their
   * order, joules since the start; NaN where it was not read.
   */
  rows?: { seconds: number[]; joules: number[][] }
  host?: Partial<HostInfo>
  /** Sentences for a person. */
  warnings: string[]
}

/** Where the electricity came from. */
export type RunLocation = Pick<Location, 'name' | 'zone' | 'country' | 'foundBy' | 'detail'>

/** An intensity as JSON keeps it: its times are ISO 8601. */
export type RunIntensity = Pick<IntensityPoint, 'gramsPerKWh'> &
  Partial<Omit<IntensityPoint, 'start' | 'end' | 'issuedAt' | 'fetchedAt' | 'gramsPerKWh'>> & {
    start?: string
    end?: string
  }

/** Something in a file, or a whole file, that could not be read. */
export interface Problem {
  file: string
  /** From 1. */
  line?: number
  /** In one sentence. */
  problem: string
}
