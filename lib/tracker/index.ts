/** Epochs: what each used, what the whole will use, and what that means for the climate. */
/// <reference lib="esnext.disposable" preserve="true" />
import type { Core } from './core'
import type { EpochReport, TrackerOptions, TrackerReport } from './types'

export type { Ahead, GramsTold, Grid, GridOptions } from './grid'
export type { MarkedTracker } from './marked'
export type { Inlet, InletOptions, Mark, Pattern, PresetName } from './marks'
export type { Epoch, EpochReport, TrackerOptions, TrackerReport, Used } from './types'

/** The footprint of a meter's energy, each joule at the intensity of its time. */
export const watchCarbon: typeof import('./carbon').watchCarbon = (...all) =>
  (require('./carbon') as typeof import('./carbon')).watchCarbon(...all)

/**
 * Tracks the epochs of another program by the marks that it sends, or that its output shows.
 * @throws {JouletapError} as `CarbonTracker` does.
 */
export const trackMarks: typeof import('./marked').trackMarks = (...all) =>
  (require('./marked') as typeof import('./marked')).trackMarks(...all)

/** What a record of a run holds of a tracker's report. */
export const trackingOf: typeof import('./tracking').trackingOf = (report) =>
  (require('./tracking') as typeof import('./tracking')).trackingOf(report)

/** Takes the output of a program, one stream of it, chunk by chunk, and gives the marks in it. */
export const epochScanner: typeof import('./marks').epochScanner = (pattern) =>
  (require('./marks') as typeof import('./marks')).epochScanner(pattern)

/**
 * Opens the way for marks that a program sends itself.
 * @throws {JouletapError} NOT_AVAILABLE: a socket cannot be made here.
 */
export const openInlet: typeof import('./marks').openInlet = (options) =>
  (require('./marks') as typeof import('./marks')).openInlet(options)

/** The programs whose output is known, and how each shows an epoch. */
export const presets = (): typeof import('./marks').PRESETS =>
  (require('./marks') as typeof import('./marks')).PRESETS

/** Asks on the terminal: yes or no; nothing where there is none. */
export const confirm: typeof import('./question').confirm = (question, signal) =>
  (require('./question') as typeof import('./question')).confirm(question, signal)

/** Whether this process may read its terminal, which sends it signals too. */
export const inForeground: typeof import('./question').inForeground = () =>
  (require('./question') as typeof import('./question')).inForeground()

/**
 * Measures the epochs of a run, predicts what the whole will use, and tells in the end what it used. It
 * never ends the process, keeps it alive no longer than a last question to a service takes, and never
 * waits for the network within an epoch.
 *
 * @example
 * const tracker = new CarbonTracker({ epochs: 10, epochsBeforePrediction: 3 })
 * for await (const epoch of tracker.epochs()) await train(epoch)
 * const { actual, carbon } = await tracker.stop()
 */
export class CarbonTracker {
  readonly #core: Core

  /**
   * Begins to measure.
   * @throws {JouletapError} BAD_OPTION: an option is wrong, or its folder cannot be written; NO_SOURCE
   *   and PERMISSION_DENIED as `Meter` does. With `ignoreErrors` nothing: then nothing is tracked.
   */
  constructor(options: TrackerOptions) {
    // Whoever loads the package to measure shall not wait for the modules of this.
    this.#core = (require('./core') as typeof import('./core')).openTracker(options)
  }

  /**
   * An epoch begins; of a phase, such as `eval`, where that is not as before. Does nothing once all that
   * was to be measured has been.
   * @throws {JouletapError} BAD_STATE: another epoch is open.
   */
  epochStart(phase?: string): void {
    this.#core.epochStart(phase)
  }

  /**
   * The epoch ends at the call: only with `stopAndConfirm` there is something to wait for. Gives
   * nothing once all that was to be measured has been.
   * @throws {JouletapError} BAD_STATE: no epoch is open. What `onEpoch` and `onPrediction` throw.
   */
  epochEnd(): Promise<EpochReport | undefined> {
    return this.#core.epochEnd()
  }

  /** The epochs that begin from now on are of this phase. */
  phase(name: string): void {
    this.#core.phase(name)
  }

  /**
   * Other keys of services, as the option `apiKeys`: from now on their services are asked.
   * @throws {JouletapError} BAD_OPTION: a name is wrong, or its service does not know of the place.
   */
  setApiKeys(apiKeys: Readonly<Record<string, string>>): void {
    this.#core.setApiKeys(apiKeys)
  }

  /**
   * Ends it, in the middle of an epoch too, which counts as far as it came; again and again the same.
   * Waits for a service, where one is asked, no longer than it may; never fails.
   */
  stop(): Promise<TrackerReport> {
    return this.#core.stop()
  }

  /** Each turn of the loop is an epoch, from 1 to `epochs`, or to where somebody says stop. */
  epochs(): AsyncGenerator<number, void, undefined>
  /** Each turn of the loop over something is an epoch. */
  epochs<T>(over: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T, void, undefined>
  async *epochs(over: Iterable<unknown> | AsyncIterable<unknown> = this.#numbers()) {
    try {
      for await (const item of over) {
        this.#core.epochStart()
        yield item
        await this.#core.epochEnd()
        if (this.#core.isStopped()) return
      }
    } finally {
      await this.#core.stop()
    }
  }

  *#numbers(): Generator<number> {
    for (let epoch = 1; epoch <= this.#core.epochs; epoch++) yield epoch
  }

  /** Runs a function for each epoch, and tells what they used. */
  async track(run: (epoch: number) => unknown): Promise<TrackerReport> {
    for await (const epoch of this.epochs()) await run(epoch)
    return this.stop()
  }

  /** Stops it, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#core.stop()
  }
}
