/** Reads the logs of carbontracker, of any release, as runs; what cannot be read is told, the rest read. */
import { badOption, JouletapError } from '../../errors'
import { eachLine } from '../each-line'
import type { Problem, Run } from '../types'
import { type Facts, factsReader } from './facts'
import { findLogs, type LogFiles } from './files'
import { runOf } from './run'
import { checkTimeZone } from './zone'

export interface CarbontrackerOptions {
  /** The zone of the times in the logs, which do not name it. Default: that of this machine. */
  timeZone?: string
  /**
   * Whether carbontracker's own rules hold where ours are others: a power that is missing is 0, a
   * finished run has one epoch, and nothing is summed up from epochs. Default false.
   */
  compat?: boolean
}

/** More than a log has from which all lines are kept. */
const MOST = { file: 64 * 2 ** 20, line: 65_536 }

/**
 * The runs whose logs are in a folder (not in those below it), or of the files that are named, each with
 * those that belong to it: `x_carbontracker.log`, `x_carbontracker_output.log`, `x_carbontracker_err.log`.
 * Of a folder, a log without its standard or output log is left out, as it tells but half of a run; name
 * it to read it by itself. Memory stays bounded: lines are cut at 64 KiB, files above 64 MiB not read.
 * @throws {JouletapError} BAD_OPTION; BAD_INPUT: the folder cannot be read. All else is in `problems`.
 */
export async function readCarbontrackerLogs(
  where: string | readonly string[],
  options: CarbontrackerOptions = {},
): Promise<{ runs: Run[]; problems: Problem[] }> {
  const paths = checkPaths(where)
  const { compat = false } = options
  if (typeof compat !== 'boolean') throw badOption('compat', compat, 'true or false')
  const zone = { timeZone: checkTimeZone(options.timeZone), zoneAssumed: !options.timeZone }
  const problems: Problem[] = []
  const logs = await findLogs(paths, (problem) => problems.push(problem)).catch((error: Error) => {
    throw new JouletapError('BAD_INPUT', `${paths} could not be read: ${error.message}.`, {
      cause: error,
    })
  })
  const runs: Run[] = []
  for (const files of logs) {
    for (const facts of await factsOf(files, compat, problems)) {
      runs.push(runOf(facts, { ...zone, compat }))
    }
  }
  return { runs, problems }
}

function checkPaths(where: unknown): string | readonly string[] {
  const isPath = (path: unknown) => typeof path === 'string' && path !== '' && !path.includes('\0')
  if (isPath(where) || (Array.isArray(where) && where.every(isPath))) {
    return where as string | readonly string[]
  }
  throw badOption('the logs', where, 'a folder or a list of files')
}

/** What the files of one name tell: as a rule of one run. */
async function factsOf(files: LogFiles, compat: boolean, problems: Problem[]) {
  const { standard, output, err } = files
  const sole = standard ?? output ?? err!
  if (!standard || !output) {
    const missing = standard ? 'output' : 'standard'
    const fate = files.isNamed ? 'it was read by itself' : 'it was left out'
    problems.push({ file: sole, problem: `Its ${missing} log is missing: ${fate}.` })
    if (!files.isNamed) return []
  }
  const named = [standard, output, err].filter((path) => path !== undefined)
  const read = async (path: string | undefined) =>
    path ? await readLog(path, problems, path === err) : []
  const [first, second, third] = [await read(standard), await read(output), await read(err)]
  const count = Math.max(first.length, second.length)
  if (count === 0) return compat ? [{ files: named }] : []
  const isPaired = first.length === second.length
  if (!isPaired && first.length > 0 && second.length > 0) {
    const problem = `It tells of ${first.length} runs and its output log of ${second.length}: which belong together is not known, so the latter was left out.`
    problems.push({ file: sole, problem })
  }
  const main = first.length > 0 ? first : second
  return main.map((facts, index) => ({
    files: named,
    ...(first.length > 0 ? { standard: facts } : { output: facts }),
    ...(first.length > 0 &&
      (isPaired || count === 1) &&
      second[index] && { output: second[index] }),
    ...(third[0] && { err: third[0] }),
  }))
}

/** Problems of one file that are told one by one. */
const MOST_PROBLEMS = 20

/** Of an err log every line may be unknown. */
async function readLog(path: string, problems: Problem[], isErr = false): Promise<Facts[]> {
  let told = 0
  const tell = (line: number | undefined, problem: string) => {
    if (++told > MOST_PROBLEMS) return
    problems.push({ file: path, ...(line !== undefined && { line }), problem: `${problem}.` })
  }
  const reader = factsReader((line, problem) => tell(line, `This was left out: ${problem}`))
  let isBinary = false
  try {
    let isEmpty = true
    await eachLine(path, MOST, ({ bytes, ...rest }) => {
      isEmpty = false
      const line = { ...rest, text: bytes.toString('utf8').replace(/\r$/, '') }
      if (line.text.includes('\0')) {
        if (!isBinary) tell(line.number, 'This was left out: it holds bytes that are no text')
        isBinary = true
        return
      }
      if (line.cut) {
        tell(line.number, `The line is longer than ${MOST.line / 1024} KiB: it was cut off there`)
      }
      if (!line.ended) tell(line.number, 'The file ends in the middle of a line: it may be torn')
      reader.add(line)
    })
    const facts = reader.end()
    if (isEmpty) tell(undefined, 'It is empty')
    else if (facts.length === 0 && !isErr) tell(undefined, 'No line of it is of carbontracker')
    if (told > MOST_PROBLEMS) {
      problems.push({ file: path, problem: `It has ${told - MOST_PROBLEMS} problems more.` })
    }
    return facts
  } catch (error) {
    problems.push({ file: path, problem: `${(error as Error).message}.` })
    return []
  }
}
