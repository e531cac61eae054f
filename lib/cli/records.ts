/** Reads the runs that paths hold: records of jouletap and logs of other tools, mixed. */
import { type Problem, type Run, type RunsOptions, readRecords } from '../record'

/** The runs of files and folders (not of the folders in them), and all that could not be read. */
export async function readRuns(
  paths: readonly string[],
  options: RunsOptions,
): Promise<{ runs: Run[]; problems: Problem[] }> {
  const all: { runs: Run[]; problems: Problem[] } = { runs: [], problems: [] }
  for (const path of new Set(paths)) {
    const { runs, problems } = await readRecords(path, options)
    // The logs of one run may be named one by one.
    all.runs.push(...runs.filter(({ files }) => !all.runs.some((run) => isSame(run.files, files))))
    all.problems.push(...problems)
  }
  return all
}

const isSame = (a: readonly string[], b: readonly string[]) => String(a) === String(b)
