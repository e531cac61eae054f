/** Logs of carbontracker: those of all its releases read as runs, and runs written as those of 2.4. */
export type { Aggregate } from './aggregate'
export type { CarbontrackerOptions } from './read'
export type { LoggedTotals } from './text'
export type { CarbontrackerLogOptions, CarbontrackerLogs } from './write'

// Whoever loads the package to measure shall not wait for the modules of these.

/**
 * The runs whose logs are in a folder (not in those below it), or of the files that are named, each with
 * those that belong to it: `x_carbontracker.log`, `x_carbontracker_output.log`, `x_carbontracker_err.log`.
 * Of a folder, a log without its standard or output log is left out, as it tells but half of a run; name
 * it to read it by itself. Memory stays bounded: lines are cut at 64 KiB, files above 64 MiB not read.
 * @throws {JouletapError} BAD_OPTION; BAD_INPUT: the folder cannot be read. All else is in `problems`.
 */
export const readCarbontrackerLogs: typeof import('./read').readCarbontrackerLogs = (
  where,
  options,
) => (require('./read') as typeof import('./read')).readCarbontrackerLogs(where, options)

/** Whether a file is named as the logs of carbontracker are. */
export const isCarbontrackerLog: typeof import('./files').isCarbontrackerLog = (path) =>
  (require('./files') as typeof import('./files')).isCarbontrackerLog(path)

/**
 * The sum of what runs used: of each what it tells of itself, of one that tells only a prediction that.
 * @param options.compat carbontracker's rule: of a run that was not stopped and was to have another
 *   number of epochs than it tells, the prediction. Default false.
 */
export const aggregate: typeof import('./aggregate').aggregate = (runs, options) =>
  (require('./aggregate') as typeof import('./aggregate')).aggregate(runs, options)

/** Which figures of a run `aggregate` adds up; null: it tells none. */
export const countedOf: typeof import('./aggregate').countedOf = (run, compat) =>
  (require('./aggregate') as typeof import('./aggregate')).countedOf(run, compat)

/**
 * carbontracker's sentence for papers, word for word, with the tools that measured.
 * @param tools default: carbontracker
 */
export const sentence: typeof import('./aggregate').sentence = (sum, tools) =>
  (require('./aggregate') as typeof import('./aggregate')).sentence(sum, tools)

/**
 * Begins the logs of a run in the words of carbontracker 2.4.3, whose readers then read it: three files,
 * `[<prefix>_]<pid>.<number>_<time>Z_carbontracker.log`, `…_output.log` and `…_err.log`. Those readers take
 * power × duration for the energy of a component, so a power is the sum of the component's devices here,
 * where carbontracker itself writes their mean; the err log says so. What cannot be written is lost,
 * and never throws: `onWarning` is told once.
 * @throws {JouletapError} BAD_OPTION.
 */
export const openCarbontrackerLogs: typeof import('./write').openCarbontrackerLogs = (options) =>
  (require('./write') as typeof import('./write')).openCarbontrackerLogs(options)
