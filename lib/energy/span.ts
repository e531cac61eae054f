/** A named stretch of time; spans nest and overlap freely. */
/// <reference lib="esnext.disposable" preserve="true" />
import type { Energy } from './types'

/** Made by `Meter.span()`. */
export class Span {
  /** As given to `span()`. */
  readonly name: string
  readonly #measure: () => Energy
  #energy: Energy | undefined

  constructor(name: string, measure: () => Energy) {
    this.name = name
    this.#measure = measure
  }

  /**
   * The energy from `span()` to the first call of `end()`, or to the `stop()` of its meter if that
   * came first; later calls return it again.
   */
  end(): Energy {
    this.#energy ??= this.#measure()
    return this.#energy
  }

  /** Ends the span, for `using`. */
  [Symbol.dispose](): void {
    this.end()
  }
}
