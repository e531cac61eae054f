/** What there is to say about the sources that a meter reads from, in sentences. */
import { JouletapError } from '../errors'
import type { NativeDomain, NativeRefusal, NativeSampler } from '../native'
import { ESTIMATE_INTERVAL_MS } from './estimator'
import type { Feed } from './feed'
import type { Settings } from './options'
import { isProcessor } from './reading'

/** What was opened, and why the rest was not. */
export interface Findings {
  settings: Settings
  sampler?: NativeSampler
  /** What the native sources have to say. */
  notes: readonly string[]
  warnings: readonly string[]
  /** Feeds that measure. */
  feeds: readonly Feed[]
  estimator: Feed | undefined
  refusals: readonly NativeRefusal[]
  /** Why there is no addon. */
  missing?: string
}

/** All that is worth knowing, and of that what belongs beside every number. */
export function remarksOn(findings: Findings): { notes: string[]; warnings: string[] } {
  const { settings, sampler, feeds, estimator, refusals, missing } = findings
  const domains = [...(sampler?.domains ?? []), ...feeds.flatMap(({ channels }) => channels)]
  const tried = missing !== undefined || sampler !== undefined || refusals.length > 0
  const warnings: string[] = []
  if (estimator && tried) warnings.push(fallenBack(domains, refusals, missing))
  if (settings.sources !== 'auto') {
    warnings.push(...refusals.map((one) => `Asked for and not readable: ${because(one)}`))
  }
  warnings.push(...domains.flatMap(incomplete), ...findings.warnings)
  const gated = domains.some(({ source }) => source === 'nvml')
  if (settings.host.pids.length > 0 && !gated) warnings.push(NOTHING_TO_GATE)
  if (!estimator && !domains.some(({ additive }) => additive)) warnings.push(NOTHING_ADDS_UP)
  else if (!estimator && !domains.some(isProcessor)) warnings.push(NO_PROCESSOR)

  const said = warnings.join()
  const notes = [
    ...warnings,
    ...refusals.map(because).filter((sentence) => !said.includes(sentence)),
    ...findings.notes,
    ...feeds.flatMap((feed) => feed.notes),
  ]
  if (estimator) {
    warnings.push(...estimator.notes)
    notes.push(...estimator.notes)
    if (!sampler && settings.intervalMs < ESTIMATE_INTERVAL_MS.least) notes.push(RARE_ROWS)
  }
  return { notes, warnings }
}

const NOTHING_ADDS_UP =
  'Nothing of what can be read here may be added up: the total of 0 J says nothing of the machine.'

const NO_PROCESSOR = 'No counter of the processor is read: its joules are not in the total.'

const NOTHING_TO_GATE = 'byPid changes nothing: no NVIDIA GPU is read.'

const RARE_ROWS = `An estimate has a row every ${ESTIMATE_INTERVAL_MS.least} ms at the most.`

/** Whether `maxOverhead` has rows come more rarely than was asked for, every `actualMs`. */
export function rarerRows(actualMs: number, { intervalMs, maxOverhead }: Settings): string[] {
  // The rate falls by whole factors.
  if (actualMs < 1.5 * intervalMs) return []
  const percent = Number((100 * maxOverhead).toPrecision(3))
  return [
    `Rows come every ${Number(actualMs.toPrecision(3))} ms instead of every ${intervalMs} ms: at the ` +
      `wanted rate sampling would have cost more than ${percent} % of a CPU (maxOverhead).`,
  ]
}

/** The error where nothing can be read and no estimate is wanted. */
export function nothingToRead(
  refusals: readonly NativeRefusal[],
  missing: string | undefined,
  warnings: readonly string[],
): JouletapError {
  const forbidden = refusals.some(({ kind }) => kind === 'forbidden')
  const why = missing ?? [...warnings, ...refusals.map(because)].join(' ')
  return new JouletapError(
    forbidden ? 'PERMISSION_DENIED' : 'NO_SOURCE',
    `No energy counter can be read, and no estimate is wanted. ${why}`,
  )
}

function because({ name, reason, fix }: NativeRefusal): string {
  return `${name}: ${reason}${fix ? `; mend it with: ${fix}` : ''}.`
}

/** Why there is an estimate: what could be mended first, for that is worth the most to know. */
function fallenBack(
  domains: readonly NativeDomain[],
  refusals: readonly NativeRefusal[],
  missing: string | undefined,
): string {
  const what = domains.length > 0 ? 'No counter of the processor' : 'No energy counter'
  const mendable = refusals.find(({ kind }) => kind !== 'absent') ?? refusals[0]
  const why = missing ?? (mendable && because(mendable)) ?? ''
  return `${what} can be read, so the joules are a model's estimate. ${why}`.trim()
}

/** What a total leaves out, or how it was made, where a part or a whole stands in it. */
function incomplete({ additive, role, id, parent }: NativeDomain): string[] {
  if (!additive || role === 'root') return []
  return role === 'part'
    ? [`${parent} cannot be read: the total holds only ${id}, which is a part of it.`]
    : [`Nothing inside ${id} can be read: the total is all that ${id} holds.`]
}
