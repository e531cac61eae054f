/** The bundled bench: what measuring costs here, how late it is, and how right. */
import type { BenchOptions } from './options'
import type { BenchPredictOptions, PredictReport } from './predict'
import type { BenchReport } from './types'

export type { BenchOptions } from './options'
export type { BenchPredictOptions, PredictFigures, PredictReport, WorldName } from './predict'
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

/**
 * How right predictions of a run are in made worlds whose end is known, beside the mean of the epochs.
 * A thousand runs of each keep this thread busy for some 20 seconds.
 * @throws {JouletapError} BAD_OPTION
 */
export function benchPredict(options?: BenchPredictOptions): PredictReport {
  return (require('./predict') as typeof import('./predict')).benchPredict(options)
}
