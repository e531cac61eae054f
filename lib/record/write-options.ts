/** Checks what a record is opened with, field by field. */
import { badOption } from '../errors'
import type { RecordHeader } from './lines'
import { LEAST_ROWS } from './thin'

/** Where a record goes, and what is known of the run when it begins. */
export interface RecordOptions extends RecordHeader {
  /** The folder to make the file in, which is made with those above it; or else `path`. */
  folder?: string
  /** What the name of the file begins with. */
  prefix?: string
  /** The file itself, in place of `folder` and `prefix`. */
  path?: string
  /** Rows in the file, 64 … 1 000 000; default 10 000. The longer a run, the coarser they get. */
  maxRows?: number
  /** Is told, once, when the record cannot be written. */
  onProblem?: (sentence: string) => void
}

const MAX_ROWS = { least: LEAST_ROWS, most: 1_000_000 }

const NAMES: readonly (keyof RecordOptions)[] = [
  'folder',
  'prefix',
  'path',
  'maxRows',
  'onProblem',
  'startedAt',
  'command',
  'plannedEpochs',
  'pue',
  'domains',
  'devices',
  'location',
  'factors',
  'host',
]

/**
 * Checks all but what the header holds.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed.
 */
export function checkOptions(options: RecordOptions): void {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object')
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name as keyof RecordOptions)) {
      throw badOption('an option', name, `one of ${NAMES.join(', ')}`)
    }
  }
  const { folder, prefix, path, maxRows, onProblem, startedAt } = options
  if ((folder === undefined) === (path === undefined)) {
    throw badOption('folder or path', folder ?? path, 'given, one of the two')
  }
  for (const [name, value] of Object.entries({ folder, prefix, path })) {
    if (value === undefined || (typeof value === 'string' && /^[^\0]+$/.test(value))) continue
    throw badOption(name, value, 'a text that is not empty')
  }
  const { least, most } = MAX_ROWS
  const fits = Number.isInteger(maxRows) && maxRows! >= least && maxRows! <= most
  if (maxRows !== undefined && !fits) {
    throw badOption('maxRows', maxRows, `a whole number from ${least} to ${most}`)
  }
  if (onProblem !== undefined && typeof onProblem !== 'function') {
    throw badOption('onProblem', onProblem, 'a function')
  }
  if (startedAt !== undefined && !(startedAt instanceof Date && !Number.isNaN(+startedAt))) {
    throw badOption('startedAt', startedAt, 'a date')
  }
}
