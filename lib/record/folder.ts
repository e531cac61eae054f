/** Reads all runs of a folder, of whatever tool; what cannot be read is told one by one. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { JouletapError, reason } from '../errors'
import { checkOptions, type ReadOptions, readRecord } from './read'
import type { Problem, Run } from './types'

/** What is in a folder. */
export interface Runs {
  runs: Run[]
  problems: Problem[]
}

/** A format of records. */
interface Format {
  /** Whether a file is one, or a part of one, by its name. */
  takes(file: string): boolean
  /** Reads all files of the format, which may belong together. */
  read(files: readonly string[], options: ReadOptions): Promise<Runs>
}

/**
 * In the order in which they are asked. Ours is the last and takes all: what it is no record of, it
 * finds out in the first lines. The reader of carbontracker's logs belongs before it.
 */
const FORMATS: readonly Format[] = [{ takes: () => true, read: readOurs }]

/**
 * The runs in a folder, in the order of their names, or in one file. The folders in it are not entered.
 * @throws {JouletapError} BAD_OPTION.
 */
export async function readRecords(path: string, options: ReadOptions = {}): Promise<Runs> {
  checkOptions(path, options)
  const found: Runs = { runs: [], problems: [] }
  const taken = new Map<Format, string[]>(FORMATS.map((format) => [format, []]))
  for (const file of await filesAt(path, found.problems)) {
    taken.get(FORMATS.find(({ takes }) => takes(file))!)!.push(file)
  }
  for (const [format, files] of taken) {
    const { runs, problems } = await format.read(files, options)
    found.runs.push(...runs)
    found.problems.push(...problems)
  }
  return found
}

async function filesAt(path: string, problems: Problem[]): Promise<string[]> {
  if (!(await isFolder(path))) return [path]
  const files: string[] = []
  try {
    for (const name of (await readdir(path)).sort()) {
      if (!(await isFolder(join(path, name)))) files.push(join(path, name))
    }
  } catch (error) {
    problems.push({ file: path, problem: `It cannot be read: ${reason(error)}.` })
  }
  return files
}

/** What cannot even be looked at is a problem of whoever reads it. */
function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function readOurs(files: readonly string[], options: ReadOptions): Promise<Runs> {
  const found: Runs = { runs: [], problems: [] }
  for (const file of files) {
    try {
      found.runs.push(await readRecord(file, options))
    } catch (error) {
      if (!(error instanceof JouletapError && error.code === 'BAD_RECORD')) throw error
      found.problems.push(error.cause as Problem)
    }
  }
  return found
}
