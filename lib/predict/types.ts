/** What is asked of a prediction, and what it tells. Plain values, no behaviour. */

/** What one epoch used. NaN, and null for joules, is not known, and spoils nothing. */
export interface EpochUse {
  readonly seconds: number
  /** Without PUE. */
  readonly joules: number | null
  /** `train`, `eval` …: epochs of one phase are predicted from those of the same. */
  readonly phase?: string
}

/** The grid in the time to come. */
export interface IntensityAhead {
  readonly gramsPerKWh: number
  /** What it is not to fall below and not to exceed, with the confidence of the interval. */
  readonly low?: number
  readonly high?: number
}

export interface PredictOptions {
  /** Epochs of the whole run, of every phase: 1 and more. */
  readonly epochs: number
  /**
   * `interval` (default): what is ahead, with an interval; `mean`: carbontracker's formula, epochs ×
   * mean of those seen, without one.
   */
  readonly method?: 'interval' | 'mean'
  /** How often intervals shall hold: 0.5 … 0.99; default 0.9. */
  readonly confidence?: number
  /** Power usage effectiveness of the site, 1 … 10; default 1. Of grams only: energy is without it. */
  readonly pue?: number
  readonly carbon?: {
    /** Already emitted, with PUE; 0 and more. */
    readonly gramsSoFar: number
    /** The mean over so many seconds from now, 0 and more. */
    ahead(seconds: number): IntensityAhead
  }
}

/** A figure and its interval, which is not there where the figure is rough. */
export interface Estimate {
  readonly value: number
  readonly low?: number
  readonly high?: number
}

export interface Prediction {
  /** Of the whole run; those seen, where they are more than were told. */
  readonly epochs: number
  readonly seen: number
  /** `trend`: what was seen rises or falls, and is taken to go on. */
  readonly method: 'interval' | 'trend' | 'mean'
  readonly confidence: number
  /**
   * Whether there is no interval: too few epochs were seen, of a phase or since a level shift, or the
   * method is `mean`.
   */
  readonly rough: boolean
  /** Of the whole run, those seen included, without PUE; NaN where no epoch has an energy. */
  readonly joules: Estimate
  /** Of the whole run, those seen included; NaN where no epoch has a time. */
  readonly seconds: Estimate
  /** Of the whole run, with PUE; where `carbon` was given and an energy is known. */
  readonly grams?: Estimate
  /** Joules of the very next epoch; where one is to come and its phase is clear. */
  readonly next?: Estimate
  /** Epoch 0, where it was a warm-up: counted once, and not expected again. */
  readonly warmUp?: {
    readonly joules: number | null
    readonly seconds: number
    /** To the median of those after it: of energy, or of time where only that is unlike. */
    readonly ratio: number
  }
  /** Index of the first epoch that the estimate rests on. */
  readonly from: number
  /** What the interval takes for granted, in a sentence. */
  readonly assumption: string
  /** Sentences for a person. */
  readonly notes: readonly string[]
}
