/** Finds and reads the runs that paths hold: records of jouletap and logs of other tools, mixed. */
import { readdirSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { JouletapError } from '../errors'
import type { CarbontrackerOptions, Problem, Run } from '../record'
import { isCarbontrackerLog, readCarbontrackerLogs } from '../record'
import { reason } from './target'

/** What the record of a run is named. */
const RECORD = /\.jouletap\.jsonl$/

/** The runs of files and folders (not of the folders in them), and all that could not be read. */
export async function readRuns(
  paths: readonly string[],
  options: CarbontrackerOptions,
): Promise<{ runs: Run[]; problems: Problem[] }> {
  const runs: Run[] = []
  const problems: Problem[] = []
  const add = (found: { runs: Run[]; problems: Problem[] }) => {
    runs.push(...found.runs)
    problems.push(...found.problems)
  }
  const logs: string[] = []
  for (const path of new Set(paths)) {
    try {
      if (!found(path).isDirectory()) {
        if (RECORD.test(path)) add(await record(path))
        else logs.push(path)
        continue
      }
      const names = readdirSync(path).sort()
      for (const name of names.filter((name) => RECORD.test(name))) {
        add(await record(join(path, name)))
      }
      add(await readCarbontrackerLogs(path, options))
      if (!names.some((name) => RECORD.test(name) || isCarbontrackerLog(name))) {
        problems.push({ file: path, problem: 'It holds neither a record nor a log of a run.' })
      }
    } catch (error) {
      if (error instanceof JouletapError && error.code === 'BAD_OPTION') throw error
      problems.push({ file: path, problem: `It could not be read: ${reason(error)}.` })
    }
  }
  if (logs.length > 0) add(await readCarbontrackerLogs(logs, options))
  return { runs, problems }
}

function found(path: string): Stats {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats) return stats
  throw new Error('there is no such file or folder')
}

/** The run of one record. */
async function record(path: string): Promise<{ runs: Run[]; problems: Problem[] }> {
  // readRecord(path) belongs here.
  return { runs: [], problems: [{ file: path, problem: 'Records are not read yet.' }] }
}
