/** What the lines of a record hold: JSON objects, one a line, the header first; see DESIGN §6. */
import type { IntensityPoint } from '../carbon'
import type { Domain, Quality } from '../energy'
import type { HostInfo } from './host'
import type { Run, RunEpoch, RunLocation, RunPrediction, RunTotals } from './types'

/** The meaning of all lines: the number grows when it changes. */
export const SCHEMA = { name: 'jouletap.record', version: 1 }

/** What the name of a record ends with. */
export const ENDING = '.jouletap.jsonl'

/** Rows of a file, and of a `Run`. */
export const MOST_ROWS = 10_000

/** Bytes of a line; a longer one is not read. */
export const MOST_LINE_BYTES = 2 ** 20

/** What is known of a run when it begins. */
export interface RecordHeader {
  /** Default: now. */
  startedAt?: Date
  command?: readonly string[]
  plannedEpochs?: number
  /** 1 … 10; default null: not known. */
  pue?: number | null
  /** Those of the rows, in their order. */
  domains: readonly Domain[]
  /** Component, such as `gpu`, to the names of its devices. */
  devices?: Readonly<Record<string, readonly string[]>>
  location?: RunLocation
  /** Factor, such as `pue`, to where it comes from: `--pue`, `JOULETAP_PUE`, a default. */
  factors?: Readonly<Record<string, string>>
  host?: Partial<HostInfo>
}

/** Where and when something began or ended in a run. */
interface Moment {
  /** Milliseconds since the start. */
  ms: number
  /** All additive domains together, since the start; so an interrupted epoch has its energy. */
  totalJoules?: number
}

/** An epoch begins or ends, or a phase begins. */
export type RunMark =
  | (Moment & { at: 'begin'; epoch: number; phase?: string })
  | (Moment & { at: 'end' } & RunEpoch)
  | (Moment & { at: 'phase'; phase: string })

/** How a run ended. */
export interface RunSummary {
  status: Exclude<Run['status'], 'unfinished'>
  actual: RunTotals
  quality?: Quality
  realised?: Run['realised']
}

/** One line of a record. */
export type RecordLine =
  | ({ type: 'header'; schema: string; tool: string; startedAt: string } & Omit<
      RecordHeader,
      'startedAt'
    >)
  // Every so many of the rows that came, one was written.
  | { type: 'rows'; every: number; rows: (number | null)[][] }
  | ({ type: 'mark' } & RunMark)
  | ({ type: 'intensity' } & IntensityPoint)
  | ({ type: 'prediction' } & RunPrediction)
  | { type: 'warning'; text: string }
  | ({ type: 'summary' } & RunSummary)
