/** Writes the record of a run as it goes: JSON Lines that a crash or a full disk cannot spoil. */
import { join } from 'node:path'
import type { IntensityPoint } from '../carbon'
import { badOption, JouletapError, reason } from '../errors'
import { appendTo } from './append'
import { LINES } from './line'
import {
  MOST_LINE_BYTES,
  MOST_ROWS,
  type RecordLine,
  type RunMark,
  type RunSummary,
  SCHEMA,
} from './lines'
import { openNew, recordName } from './name'
import { distanceAfter } from './thin'
import type { RunPrediction } from './types'
import { version } from './version'
import { checkOptions, type RecordOptions } from './write-options'

/**
 * The record of a run that goes on. What cannot be written is no error: `warnings` say so.
 * @throws {JouletapError} BAD_STATE: each method but `close`, after `close`.
 */
export interface RecordWriter {
  /** The file. */
  readonly path: string
  /** Sentences about the file itself. */
  readonly warnings: readonly string[]
  /**
   * A row: milliseconds since the start, and for each domain joules since the start, NaN where it was
   * not read. Not all are written; the last always is.
   * @throws {JouletapError} BAD_INPUT: there are not as many joules as domains.
   */
  row(ms: number, joules: ArrayLike<number>): void
  /** An epoch begins or ends, or a phase begins. */
  mark(mark: RunMark): void
  /** An intensity that is used from now on. */
  intensity(point: IntensityPoint): void
  prediction(prediction: RunPrediction): void
  /** A sentence for a person. */
  warning(text: string): void
  /** How the run ended, once. */
  summary(summary: RunSummary): void
  close(): void
  [Symbol.dispose](): void
}

/** Rows wait until they cover so many milliseconds, or hold so many numbers. */
const BATCH = { ms: 1000, numbers: 8192 }
/** Characters of a command that are kept; the system allows megabytes. */
const MOST_OF_COMMAND = 65_536

/**
 * Makes the file of a run, never over another, and writes its header.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed, as where the
 *   folder cannot be written.
 */
export function openRecord(options: RecordOptions): RecordWriter {
  checkOptions(options)
  const { startedAt = new Date(), maxRows = MOST_ROWS, onProblem, domains } = options
  const header = checked(headerLine(options, startedAt))
  const { fd, path } = makeFile(options, startedAt)
  const warnings: string[] = []
  let unsaid: string | undefined
  const file = appendTo(fd, (error) => {
    if (warnings.length > 0) return
    unsaid =
      `The record ${path} could not be written (${reason(error)}): the run went on, and what came ` +
      'then was added where that was possible.'
    warnings.push(unsaid)
    onProblem?.(unsaid)
  })
  const thin = rowThinner(maxRows)
  let closed = false
  let rows: Row[] = []
  let every = 1
  let writtenMs = Number.NEGATIVE_INFINITY
  let latest: Row | undefined

  function mustBeOpen(): void {
    if (closed) throw new JouletapError('BAD_STATE', `The record ${path} is closed.`)
  }

  function add(line: RecordLine): void {
    mustBeOpen()
    const text = checked(line)
    putRows()
    file.add(text)
    putUnsaid()
  }

  function putRows(): void {
    if (rows.length === 0) return
    const line: RecordLine = { type: 'rows', every, rows }
    const last = rows.at(-1)!
    rows = []
    writtenMs = last[0]!
    // Of rows that are lost the last says as much.
    if (!file.add(JSON.stringify(line), 'drop')) latest ??= last
    putUnsaid()
  }

  function putUnsaid(): void {
    if (unsaid === undefined) return
    const line: RecordLine = { type: 'warning', text: unsaid }
    unsaid = undefined
    file.add(JSON.stringify(line))
  }

  function putLatest(): void {
    if (latest) rows.push(latest)
    latest = undefined
    putRows()
  }

  function close(): void {
    if (closed) return
    putLatest()
    file.close()
    closed = true
  }

  file.add(header)
  putUnsaid()
  return {
    path,
    warnings,
    row(ms, joules) {
      mustBeOpen()
      latest = rowOf(ms, joules, domains.length)
      const distance = thin()
      if (distance === 0) return
      if (distance !== every) putRows()
      every = distance
      rows.push(latest)
      latest = undefined
      const numbers = rows.length * (domains.length + 1)
      if (numbers >= BATCH.numbers || ms - writtenMs >= BATCH.ms) putRows()
    },
    mark: (mark) => add({ type: 'mark', ...mark }),
    intensity: (point) => add({ type: 'intensity', ...point }),
    prediction: (prediction) => add({ type: 'prediction', ...prediction }),
    warning: (text) => add({ type: 'warning', text }),
    summary(summary) {
      mustBeOpen()
      putLatest()
      add({ type: 'summary', ...summary })
    },
    close,
    [Symbol.dispose]: close,
  }
}

/** Says of each row that comes how far it is from the one before it that was written; 0: not this. */
function rowThinner(maxRows: number): () => number {
  let written = 0
  let distance = 1
  let since = 0
  return () => {
    if (++since < distance || written >= maxRows - 1) return 0
    const passed = since
    since = 0
    distance = distanceAfter(++written, maxRows)
    return passed
  }
}

/** Milliseconds, then joules. */
type Row = (number | null)[]

function rowOf(ms: number, joules: ArrayLike<number>, domains: number): Row {
  if (!(ms >= 0 && Number.isFinite(ms)) || joules.length !== domains) {
    const given = `${ms} ms and ${joules.length} joules`
    throw new JouletapError(
      'BAD_INPUT',
      `A row of a record is a time and ${domains} joules, not ${given}.`,
    )
  }
  return [ms, ...Array.from(joules, (value) => (value >= 0 && value < Infinity ? value : null))]
}

/** The text of a line that `readRecord` takes. */
function checked(line: RecordLine): string {
  const text = JSON.stringify(line)
  try {
    LINES[line.type](JSON.parse(text), '')
    if (Buffer.byteLength(text) > MOST_LINE_BYTES) throw new Error('It is too long')
    return text
  } catch (error) {
    const code = line.type === 'header' ? 'BAD_OPTION' : 'BAD_INPUT'
    const why = (error as Error).message
    throw new JouletapError(code, `The ${line.type} of a record is wrong: ${why}.`)
  }
}

function headerLine(options: RecordOptions, startedAt: Date): RecordLine {
  const { command, plannedEpochs, pue = null, domains, devices, location, factors, host } = options
  return {
    type: 'header',
    schema: `${SCHEMA.name}/${SCHEMA.version}`,
    tool: `jouletap ${version()}`,
    startedAt: startedAt.toISOString(),
    ...(command && { command: shortened(command) }),
    ...(plannedEpochs !== undefined && { plannedEpochs }),
    pue,
    domains,
    ...(devices && { devices }),
    ...(location && { location }),
    ...(factors && { factors }),
    ...(host && { host }),
  }
}

function shortened(command: readonly string[]): readonly string[] {
  const words: string[] = []
  let characters = 0
  for (const word of command) {
    characters += word.length
    if (characters > MOST_OF_COMMAND) return [...words, '…']
    words.push(word)
  }
  return words
}

function makeFile(options: RecordOptions, startedAt: Date): { fd: number; path: string } {
  const { folder, prefix, path } = options
  const [name, value] = path === undefined ? ['folder', folder!] : ['path', path]
  try {
    return openNew(path ?? join(folder!, recordName(prefix, startedAt)))
  } catch (error) {
    const what = path === undefined ? 'a folder' : 'a file'
    throw badOption(name, value, `${what} that can be written (${reason(error)})`)
  }
}
