/** The bundled bench: what measuring costs here, how late it is, and how right. */
import type { BenchOptions } from './options'
import type { BenchReport } from './types'

export type { BenchOptions } from './options'
export type {
  BenchReport,
  DrainFigures,
  OverheadFigures,
  PrecisionFigures,
  Slowdown,
  SoakFigures,
  SourceCost,
  Spread,
  StartupFigures,
  TimerFigures,
} from './types'

/**
 * What measuring costs on this machine, how late rows are, and on a simulated host how right: in
 * under a minute, with `full` in some. It keeps the machine busy for parts of that time, and this
 * thread most of it.
 * @throws {JouletapError} BAD_OPTION; NOT_AVAILABLE without the addon, or without what `simulate`
 *   takes. Anything else that cannot be taken is null in the report, with the reason in its notes.
 */
export async function bench(options: BenchOptions = {}): Promise<BenchReport> {
  // Whoever loads the package for another purpose shall not wait for the bench's modules.
  const all = require('./bench') as typeof import('./bench')
  return await all.bench(options)
}
