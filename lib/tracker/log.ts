/** What a tracker tells whoever writes down its run. */
import type { IntensityPoint } from '../carbon'
import type { Prediction } from '../predict'
import type { Epoch, TrackerReport } from './types'

/** One way to write a run down: what cannot be written is a warning, never an error. */
export interface RunLog {
  readonly files: readonly string[]
  readonly warnings: readonly string[]
  /** Milliseconds since the start, and the joules of each domain. */
  row?(ms: number, joules: Float64Array): void
  begin?(epoch: number, phase: string | undefined, ms: number, totalJoules: number): void
  phase?(name: string, ms: number, totalJoules: number): void
  end(epoch: Epoch, ms: number, totalJoules: number): void
  predicted(prediction: Prediction): void
  /** How it ended, and every intensity that was used. */
  finish(report: TrackerReport, intensities: readonly IntensityPoint[]): void
}
