/** What a tracker is told, and what it tells. Plain values, no behaviour. */
import type { IntensityOptions, Place } from '../carbon'
import type { Energy, MeterOptions, Quality } from '../energy'
import type { Coverage, Prediction } from '../predict'
import type { RunCarbon } from '../record'

/**
 * Options of `CarbonTracker`: those of carbontracker, by their names in camel case, with what they
 * mean there unless it says otherwise here; and ours. All but `epochs` may be left out.
 */
export interface TrackerOptions {
  /** Epochs that are planned: 1 … 1e9. */
  epochs: number
  /** Predict after so many epochs; 0: never, −1: after all. Default 1; from 3 on with an interval. */
  epochsBeforePrediction?: number
  /** Measure so many epochs, then tell what they used and end; −1: all. Default −1. */
  monitorEpochs?: number
  /** Seconds between rows of the record, 0.01 … 3600: energies do not depend on it. Default 1. */
  interval?: number
  /** Whether grams are also told as kilometres by car. Default true. */
  interpretable?: boolean
  /**
   * Whether to ask after the prediction if the run shall go on: on the terminal, or by a function.
   * Nobody is asked where there is no terminal. Whoever says no ends the tracking, and the answer is in
   * `EpochReport.proceed`: the process is never ended. Default false.
   */
  stopAndConfirm?: boolean | ((prediction: Prediction) => boolean | Promise<boolean>)
  /**
   * Whether nothing throws: an error, also in these options, makes a tracker that counts nothing and says
   * why, and what goes wrong later is a warning. Default false.
   */
  ignoreErrors?: boolean
  /** `all`, `cpu`, `gpu`, or `cpu,gpu`. Default `all`. */
  components?: string
  /** Whether NVIDIA's cards count only while this process, or one that it began, works there. Default false. */
  devicesByPid?: boolean
  /** The folder of the record, made where it is not there; null: none is written. Default null. */
  logDir?: string | null
  /** What the names of files begin with. Default none. */
  logFilePrefix?: string
  /** `jouletap`: a record; `carbontracker`: its three logs; or both. Default `jouletap`. */
  logFormat?: 'jouletap' | 'carbontracker' | 'both'
  /** 0: nothing is printed; 1: predictions and the end; 2: each epoch as well; 3: also what was found. Default 1. */
  verbose?: number
  /** Decimals of energies and grams in carbontracker's logs, 0 … 16. Default 12. */
  decimalPrecision?: number
  /** Keys of services by carbontracker's names, such as `electricitymaps`: a key makes a service be asked. */
  apiKeys?: Readonly<Record<string, string>>
  /** A processor by name and `simCpuTdp` watts, instead of the real one. */
  simCpu?: string
  simCpuTdp?: number
  /** Share of its watts, 0 … 1. Default 0.5. */
  simCpuUtil?: number
  /** A graphics card by name and `simGpuWatts`, instead of the real ones. */
  simGpu?: string
  simGpuWatts?: number
  /** Share of its watts, 0 … 1. Default 0.5. */
  simGpuUtil?: number

  /** Where the electricity comes from. Default: as `resolveLocation` finds it. */
  place?: Place
  /** Who is asked for the intensity of the grid, and how. Default: a table, without the network. */
  carbon?: Omit<IntensityOptions, 'at' | 'from' | 'to' | 'forecastHours'>
  /** Power usage effectiveness of the site, 1 … 10. Default 1. */
  pue?: number
  /** `interval`: see `predict`; `mean`: carbontracker's formula. Default `interval`. */
  method?: 'interval' | 'mean'
  /** How often a predicted interval shall hold the truth, 0.5 … 0.99. Default 0.9. */
  confidence?: number
  /** What is measured, and how; `intervalMs` is `interval`, `byPid` is `devicesByPid`. */
  meter?: Omit<MeterOptions, 'intervalMs' | 'byPid'>
  /** Told of each new prediction, from the first on; `epochEnd` gives what it rejects with. */
  onPrediction?: (prediction: Prediction) => unknown
  /** Told of each epoch that ends; `epochEnd` gives what it rejects with. */
  onEpoch?: (epoch: Epoch) => unknown
  /** Stops the tracker when it is aborted. */
  signal?: AbortSignal
  /** The command that runs, for the record. */
  command?: readonly string[]
  /** Where to print. Default: standard error, so that the output of the program stays its own. */
  print?: (text: string) => void
}

/** What one epoch used. */
export interface Epoch {
  /** From 1. */
  epoch: number
  /** As named by the program: `train`, `eval` … */
  phase?: string
  /** Seconds between the start of the tracker and that of the epoch. */
  start: number
  seconds: number
  /** Of the wanted components, without PUE. */
  energy: Energy
  /** Grams of CO2-equivalent, with PUE, as far as the intensity was known at the end of the epoch. */
  grams?: number
  /** The run ended in the middle of it. */
  partial?: true
}

export interface EpochReport extends Epoch {
  /** The latest of the whole run; absent before the first, and where it is not wanted. */
  prediction?: Prediction
  /** False where somebody said that the run shall not go on. */
  proceed: boolean
}

/** Joules and seconds of a stretch of time. */
export interface Used {
  seconds: number
  joules: number
  /** One standard deviation, in joules. */
  uncertaintyJoules: number
}

/** What all epochs used, and what became of the predictions. */
export interface TrackerReport {
  status: 'complete' | 'stopped'
  plannedEpochs: number
  epochs: Epoch[]
  /** The sum of the epochs, the open one at a stop included; joules without PUE, kWh with it. */
  actual: Used & {
    epochs: number
    kWh: number
    /** That of the weakest epoch. */
    quality: Quality
    /** 0 … 1: the share of their time in which every additive domain was really read. */
    coverage: number
  }
  /** Between, before and after epochs: not in `actual`. */
  between: Used
  /** The last of the whole run. */
  predicted?: Prediction
  /** All of them: one an epoch, and fewer of epochs so short that predicting would slow them. */
  predictions: Prediction[]
  /** How often their intervals held: of the next epoch each, and of the whole run if that is complete. */
  realised: { next: Coverage; whole: Coverage }
  /** Of the epochs, with PUE; null where nobody could tell. */
  carbon: RunCarbon | null
  pue: number
  /** Files that were written. */
  files: string[]
  warnings: string[]
}
