/** The files that a tracker writes: a record, carbontracker's logs, both or none. */
import type { Gauge } from './gauge'
import type { RunLog } from './log'
import type { Settings } from './options'

/**
 * Those of the options.
 * @throws {JouletapError} BAD_OPTION: the folder cannot be written.
 */
export function openLogs(_settings: Settings, _gauge: Gauge, _startedAt: Date): RunLog[] {
  return []
}
