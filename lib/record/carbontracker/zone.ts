/** Local times of logs, which do not name their zone, as times. */
import { badOption } from '../../errors'

/**
 * The zone that logs are read in: the option, else that of this machine.
 * @throws {JouletapError} BAD_OPTION: there is no such zone.
 */
export function checkTimeZone(timeZone: unknown): string {
  if (timeZone === undefined) return new Intl.DateTimeFormat().resolvedOptions().timeZone
  try {
    if (typeof timeZone === 'string' && timeZone !== '') {
      return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone
    }
  } catch {
    // The sentence below says it.
  }
  throw badOption('timeZone', timeZone, 'the name of a time zone, such as Europe/Copenhagen or UTC')
}

/** `2026-11-21 21:00:40` of that zone as ISO 8601, UTC; undefined: there is no such time. */
export function utcOf(stamp: string, timeZone: string): string | undefined {
  const local = Date.parse(`${stamp.replace(' ', 'T')}Z`)
  if (Number.isNaN(local)) return undefined
  // The offset before a change of the clocks may not be that after it: one more step settles it.
  let time = local - offset(local, timeZone)
  time = local - offset(time, timeZone)
  return new Date(time).toISOString()
}

/** What the clocks of that zone are ahead of UTC at a time, in milliseconds. */
function offset(time: number, timeZone: string): number {
  const parts = formatFor(timeZone).formatToParts(time)
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]))
  const { year, month, day, hour, minute, second } = part as Record<string, number>
  return Date.UTC(year!, month! - 1, day!, hour!, minute!, second!) - Math.floor(time / 1000) * 1000
}

let known: { timeZone: string; format: Intl.DateTimeFormat } | undefined

/** Making one takes longer than using it. */
function formatFor(timeZone: string): Intl.DateTimeFormat {
  if (known?.timeZone !== timeZone) {
    const format = new Intl.DateTimeFormat('en', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    known = { timeZone, format }
  }
  return known.format
}
