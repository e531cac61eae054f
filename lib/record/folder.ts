/** Reads a run, or all runs of a folder, of whatever tool; what cannot be read is told one by one. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { JouletapError, reason } from '../errors'
import {
  type CarbontrackerOptions,
  isCarbontrackerLog,
  readCarbontrackerLogs,
} from './carbontracker'
import { checkOptions, type ReadOptions, readRecord as readOurs } from './read'
import type { Problem, Run } from './types'

/** Of records, and of the logs of carbontracker. */
export type RunsOptions = ReadOptions & CarbontrackerOptions

/** What is in a folder. */
export interface Runs {
  runs: Run[]
  problems: Problem[]
}

/**
 * The run that a record of jouletap tells, or a log of carbontracker with those that belong to it.
 * @throws {JouletapError} BAD_OPTION; BAD_RECORD, as `readRecords` tells of it.
 */
export async function readRecord(path: string, options: RunsOptions = {}): Promise<Run> {
  checkOptions(path, options)
  if (!isCarbontrackerLog(path)) return readOurs(path, options)
  const { runs, problems } = await readCarbontrackerLogs([path], options)
  const [run] = runs
  if (run) return run
  const [problem = { file: path, problem: 'It tells of no run.' }] = problems
  const sentence = `${problem.file}: ${problem.problem}`
  throw new JouletapError('BAD_RECORD', sentence, { cause: problem })
}

/**
 * The runs in a folder, in the order of their names, those of carbontracker first, or in one file. The
 * folders in it are not entered.
 * @throws {JouletapError} BAD_OPTION.
 */
export async function readRecords(path: string, options: RunsOptions = {}): Promise<Runs> {
  checkOptions(path, options)
  const found: Runs = { runs: [], problems: [] }
  const isWhole = await isFolder(path)
  const files = isWhole ? await filesIn(path, found.problems) : [path]
  const ours = files.filter((file) => !isCarbontrackerLog(file))
  if (ours.length < files.length) {
    add(found, await readCarbontrackerLogs(isWhole ? path : files, options))
  }
  for (const file of ours) {
    try {
      found.runs.push(await readOurs(file, options))
    } catch (error) {
      if (!(error instanceof JouletapError && error.code === 'BAD_RECORD')) throw error
      found.problems.push(error.cause as Problem)
    }
  }
  return found
}

function add(all: Runs, { runs, problems }: Runs): void {
  all.runs.push(...runs)
  all.problems.push(...problems)
}

async function filesIn(folder: string, problems: Problem[]): Promise<string[]> {
  const files: string[] = []
  try {
    for (const name of (await readdir(folder)).sort()) {
      if (!(await isFolder(join(folder, name)))) files.push(join(folder, name))
    }
  } catch (error) {
    problems.push({ file: folder, problem: `It cannot be read: ${reason(error)}.` })
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
