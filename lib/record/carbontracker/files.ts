/** Finds the log files of runs: up to three that share all of their name but its end. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Problem } from '../types'

/** The files of one name. */
export interface LogFiles {
  /** Their common path, without the ending. */
  stem: string
  standard?: string
  output?: string
  err?: string
  /** Whether one of them was named, not only its folder. */
  isNamed: boolean
}

const NAME = /^(.*?)_?carbontracker(_output|_err)?\.log$/s

/** Whether a file is named as those of carbontracker are. */
export function isCarbontrackerLog(path: string): boolean {
  return NAME.test(basename(path))
}

/** The logs of a folder, or those that are named with what belongs to them, in order of their names. */
export async function findLogs(
  where: string | readonly string[],
  problem: (problem: Problem) => void,
): Promise<LogFiles[]> {
  const found = new Map<string, LogFiles>()
  const add = (path: string, isNamed: boolean) => {
    const [, start, kind] = NAME.exec(basename(path))!
    const stem = join(dirname(path), start!)
    const files = found.get(stem) ?? { stem, isNamed: false }
    if (kind === '_output') files.output = path
    else if (kind === '_err') files.err = path
    else files.standard = path
    found.set(stem, { ...files, isNamed: files.isNamed || isNamed })
  }
  if (typeof where === 'string') {
    for (const name of await namesIn(where)) {
      const path = join(where, name)
      if (isCarbontrackerLog(name)) add(path, false)
    }
  } else {
    for (const path of where) {
      if (!isCarbontrackerLog(path)) {
        problem({ file: path, problem: FOREIGN })
        continue
      }
      add(path, true)
      const stem = NAME.exec(basename(path))![1]!
      const beside = await namesIn(dirname(path)).catch(() => [])
      for (const name of beside) {
        if (NAME.exec(name)?.[1] === stem) add(join(dirname(path), name), true)
      }
    }
  }
  return [...found.values()].sort((a, b) => (a.stem < b.stem ? -1 : a.stem > b.stem ? 1 : 0))
}

const FOREIGN = 'It is not named as a log of carbontracker is.'

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort()
}
