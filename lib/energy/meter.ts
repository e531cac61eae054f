/** Follows the energy of this machine, on a native thread where there are counters. */
/// <reference lib="esnext.disposable" preserve="true" />
import { JouletapError } from '../errors'
import { checkOptions, checkSpan, type Settings } from './options'
import { energyBetween, isProcessor, type Reading, toDomain } from './reading'
import { iterateRows, offsetToPerformance } from './rows'
import { selfJoules } from './self'
import { Span } from './span'
import { openTap, type Tap } from './tap'
import type { DeviceShares, Domain, Energy, MeterOptions, Overhead, Rows } from './types'

/** The running meters: kept from the garbage collector, and stopped when the process ends. */
const running = new Set<Meter>()

function stopAll(): void {
  for (const meter of running) meter.stop()
}

/**
 * Measures the whole machine from `start()` to `stop()`. It does not keep the process alive, and
 * costs no time on the event loop while nobody asks for rows, but for an estimate's timer.
 *
 * @example
 * const meter = new Meter()
 * meter.start()
 * const span = meter.span('encode')
 * // …
 * console.log(span.end().joules)
 * meter.stop()
 */
export class Meter {
  readonly #settings: Settings
  readonly #tap: Tap
  #baseline: Reading | undefined
  /** Where the meter's own stretch of time begins. */
  #first: Reading | undefined
  #total: Energy | undefined
  #iterating = false
  #closed = false

  /**
   * Opens the sources; nothing runs before `start()`.
   * @throws {JouletapError} BAD_OPTION; with `estimate: false` where nothing can be read:
   *   PERMISSION_DENIED if rights are what is missing, else NO_SOURCE, with the command that mends it.
   */
  constructor(options: MeterOptions = {}) {
    this.#settings = checkOptions(options)
    this.#tap = openTap(this.#settings)
  }

  /** What is followed, in the order of the columns of `rows()`. */
  get domains(): Domain[] {
    return this.#tap.channels.map(toDomain)
  }

  /** Sentences about what was chosen and why: sources left out, domains merged, models in use. */
  get notes(): string[] {
    return [...this.#tap.notes]
  }

  /**
   * Takes the baseline and starts to follow. Does nothing if it already runs.
   * @throws {JouletapError} BAD_STATE after `stop()`: a meter runs once.
   */
  start(): this {
    if (this.#total || this.#closed) throw badState('start', 'has been stopped; make a new one')
    if (this.#first) return this
    if (running.size === 0) process.once('exit', stopAll)
    running.add(this)
    this.#baseline = this.#tap.start()
    this.#first = this.#settings.align === 'edge' ? this.#tap.sample('begin') : this.#baseline
    return this
  }

  /**
   * Opens a span, to be closed by `span.end()` or at the end of a `using` block: before `stop()`, or it
   * ends with that, aligned or not as the meter is.
   * @param options.align whether it begins and ends at updates of the counters; default: as the meter
   * @throws {JouletapError} BAD_STATE unless the meter runs; BAD_OPTION for any option but `align`.
   */
  span(name = '', options: Pick<MeterOptions, 'align'> = {}): Span {
    this.#mustRun('span')
    const edge = checkSpan(options, this.#settings.align) === 'edge'
    const from = this.#tap.sample(edge ? 'begin' : 'sample')
    return new Span(name, () => this.#between(from, this.#tap.sample(edge ? 'end' : 'sample')))
  }

  /**
   * The energy since `start()`; after `stop()`, that of the whole run.
   * @throws {JouletapError} BAD_STATE before `start()`.
   */
  energy(): Energy {
    if (this.#total) return this.#total
    this.#mustRun('energy')
    return this.#between(this.#first!, this.#tap.sample(this.#ending()))
  }

  /**
   * Rows as they come, in batches, until the meter stops: the first batch begins at the time of the
   * call. A row that waits for longer than some seconds may be overwritten by later ones (see
   * `overhead().overwritten`): detail is lost then, never energy. One reader at a time.
   * @throws {JouletapError} BAD_STATE unless the meter runs, or if another loop is under way.
   */
  rows(): AsyncIterableIterator<Rows> {
    this.#mustRun('rows')
    if (this.#iterating) throw badState('rows', 'is already being read by another loop')
    this.#iterating = true
    const isOver = () => this.#total !== undefined
    return iterateRows(this.#tap, this.#settings.intervalMs, isOver, () => {
      this.#iterating = false
    })
  }

  /**
   * A row of now, read on this thread in some microseconds: milliseconds on the timeline of
   * `performance.now()`, then for each of the meter's domains, in their order, joules since
   * `start()`, NaN where not read. Devices that take longer, and estimates, are as of their last
   * reading. The rows of two moments subtract; where their uncertainty matters, take a span.
   * @param into where it is put, to save the allocation: this is returned, its rest untouched
   * @throws {JouletapError} BAD_STATE unless the meter runs; BAD_OPTION if `into` cannot hold a row.
   */
  readNow(into?: Float64Array): Float64Array {
    this.#mustRun('readNow')
    const width = 1 + this.#tap.channels.length
    const row = into ?? new Float64Array(width)
    if (!(row instanceof Float64Array) || row.length < width) {
      const sentence = `into must be a Float64Array of ${width} or more numbers.`
      throw new JouletapError('BAD_OPTION', sentence)
    }
    this.#tap.readNow(row)
    row[0]! += offsetToPerformance()
    return row
  }

  /** What sampling has cost so far; while it runs, for the joules of that, at the price of a span's end. */
  overhead(): Overhead {
    const overhead = this.#tap.overhead()
    const { joules, atMost } = selfJoules(overhead.cpuSeconds, this.#processorWatts())
    return { ...overhead, joules, joulesAtMost: atMost }
  }

  /**
   * Mean power of the processors from the baseline on: what `align` has the first span begin with is
   * a part of it, for the cost of that is in the overhead too.
   */
  #processorWatts(): number {
    if (!this.#baseline) return 0
    const { domains, seconds } = this.#between(this.#baseline, this.#tap.sample())
    const processors = domains.filter(isProcessor)
    return seconds > 0 ? processors.reduce((sum, { joules }) => sum + joules, 0) / seconds : 0
  }

  /**
   * How the energy of each NVIDIA GPU since `start()` was divided among processes, with the option
   * `shares`: up to the end of the last round, two seconds ago at the most; after `stop()`, of the
   * whole run.
   * @throws {JouletapError} BAD_STATE before `start()`, or without the option.
   */
  shares(): DeviceShares[] {
    if (!this.#settings.host.shares) throw badState('shares', 'was made without the option shares')
    if (!this.#first) throw badState('shares', 'has not been started')
    return this.#tap.shares()
  }

  /**
   * Ends the thread and returns the energy of the whole run; again and again the same.
   * @throws {JouletapError} BAD_STATE before `start()`.
   */
  stop(): Energy {
    if (this.#total) return this.#total
    this.#mustRun('stop')
    this.#tap.stop(this.#ending())
    this.#total = this.#between(this.#first!, this.#tap.sample())
    running.delete(this)
    if (running.size === 0) process.removeListener('exit', stopAll)
    return this.#total
  }

  /** Stops a running meter, for `using`; one that never ran lets go of what it has opened. */
  [Symbol.dispose](): void {
    if (this.#first) this.stop()
    else if (!this.#closed) this.#tap.stop()
    this.#closed = true
  }

  /** How the meter's own stretch of time ends. */
  #ending(): 'sample' | 'end' {
    return this.#settings.align === 'edge' ? 'end' : 'sample'
  }

  #between(from: Reading, to: Reading): Energy {
    const energy = energyBetween(this.#tap.channels, from, to, this.#first!)
    energy.warnings.unshift(...this.#tap.warnings)
    return energy
  }

  #mustRun(method: string): void {
    if (!this.#first) throw badState(method, 'has not been started')
    if (this.#total && method !== 'stop') throw badState(method, 'has been stopped')
  }
}

function badState(method: string, state: string): JouletapError {
  return new JouletapError('BAD_STATE', `${method}() cannot be called: the meter ${state}.`)
}
