/** Reads the record of a run back: torn, foreign, hostile or gigantic, it costs bounded memory. */
import { badOption, JouletapError } from '../errors'
import { runBuilder } from './build'
import { eachLine } from './each-line'
import { MOST_LINE_BYTES, MOST_ROWS } from './lines'
import { LEAST_ROWS } from './thin'
import type { Problem, Run } from './types'

export interface ReadOptions {
  /** Rows of a run that are kept, 64 … 10 000; default 10 000. */
  maxRows?: number
  /** Bytes of a file; a larger one is refused. Default 256 MiB. */
  maxBytes?: number
}

const MOST_BYTES = 256 * 2 ** 20

/**
 * The run that a file of jouletap records. A line that is torn or cannot be read is left out, and
 * `warnings` say so; a run whose end is not there is `unfinished`, with the energy up to its last line.
 * @throws {JouletapError} BAD_OPTION; BAD_RECORD: this is no file, or no record; a newer jouletap wrote
 *   it; a value in it cannot be; it is too large. The sentence names the file and the line; `cause` is
 *   the same as a `Problem`.
 */
export async function readRecord(path: string, options: ReadOptions = {}): Promise<Run> {
  const { maxRows, maxBytes } = checkOptions(path, options)
  const builder = runBuilder(path, maxRows)
  try {
    await eachLine(path, { file: maxBytes, line: MOST_LINE_BYTES }, (line) => {
      try {
        builder.add(line)
      } catch (error) {
        throw badRecord({ file: path, line: line.number, problem: (error as Error).message })
      }
    })
    return builder.run()
  } catch (error) {
    if (error instanceof JouletapError) throw error
    throw badRecord({ file: path, problem: (error as Error).message })
  }
}

function badRecord({ file, line, problem }: Problem): JouletapError {
  const where = line === undefined ? file : `${file}, line ${line}`
  return new JouletapError('BAD_RECORD', `${where}: ${problem}.`, {
    cause: { file, ...(line !== undefined && { line }), problem: `${problem}.` },
  })
}

/** @throws {JouletapError} BAD_OPTION. */
export function checkOptions(path: string, options: ReadOptions): Required<ReadOptions> {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw badOption('path', path, 'the path of a file')
  }
  const { maxRows = MOST_ROWS, maxBytes = MOST_BYTES } = options
  if (!(Number.isInteger(maxRows) && maxRows >= LEAST_ROWS && maxRows <= MOST_ROWS)) {
    throw badOption('maxRows', maxRows, `a whole number from ${LEAST_ROWS} to ${MOST_ROWS}`)
  }
  if (!(Number.isSafeInteger(maxBytes) && maxBytes > 0)) {
    throw badOption('maxBytes', maxBytes, 'a whole number from 1')
  }
  return { maxRows, maxBytes }
}
