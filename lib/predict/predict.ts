/** From the epochs seen to the whole run: energy, time and grams, with intervals and in words. */
import { gramsAhead } from './grams'
import { predictMean } from './mean'
import { checkEpochs, checkOptions, type Settings } from './options'
import { type Phase, type Placed, phaseOf, type Sum, tells } from './phase'
import type { EpochUse, Estimate, Prediction, PredictOptions } from './types'

/** The whole run from its first epochs; `index.ts` says more. */
export function predict(epochs: readonly EpochUse[], options: PredictOptions): Prediction {
  const settings = checkOptions(options)
  checkEpochs(epochs)
  if (settings.method === 'mean') return predictMean(epochs, settings)
  const groups = grouped(epochs)
  const phases = [...groups.values()].map(phaseOf)
  const count = Math.max(settings.epochs, epochs.length)
  const left = count - epochs.length
  // Phases go on as often as they came.
  const counts = [...groups.values()].map((group) => (left * group.length) / epochs.length)
  const open = left > 0 || phases.some(({ missing }) => missing.joules + missing.seconds > 0)
  const rough = open && phases.some((phase) => phase.rough)
  const tail = rough ? undefined : (1 - settings.confidence) / 2
  /** Of the epochs to come, and of those that have passed unmeasured. */
  const ahead = (what: 'joules' | 'seconds') =>
    added(phases.map((one, index) => one[what](counts[index]! + one.worth[what])))
  const whole = (what: 'joules' | 'seconds') =>
    estimate(total(phases.map(({ soFar }) => soFar[what])), ahead(what), tail)
  const [joules, seconds] = [whole('joules'), whole('seconds')]
  const known = Number.isFinite(joules.value) && Number.isFinite(seconds.value)
  const { carbon, pue, confidence } = settings
  const toCome = added(phases.map((one, index) => one.seconds(counts[index]!)))
  const grams =
    carbon && known && gramsAhead(carbon, pue, { joules: ahead('joules'), seconds: toCome }, tail)
  const trending = phases.some(({ trend }) => trend.used > 0.5)
  const [first] = phases as [Phase]
  return {
    epochs: count,
    seen: epochs.length,
    method: trending ? 'trend' : 'interval',
    confidence,
    rough,
    joules,
    seconds,
    ...(grams && { grams: grams.estimate }),
    ...(left > 0 &&
      phases.length === 1 &&
      Number.isFinite(joules.value) && { next: estimate(0, first.joules(1), tail) }),
    ...(first.warmUp && { warmUp: warmUpOf(first.warmUp) }),
    from: Math.min(...phases.map(({ from }) => from)),
    assumption: assumptionOf(phases, { left, rough, trending, confidence }),
    notes: notesOf(groups, phases, settings, epochs.length, grams ? grams.sure : true),
  }
}

/** The epochs of each phase; all as one where a phase has nothing that is known of others. */
function grouped(epochs: readonly EpochUse[]): Map<string, Placed[]> {
  const all = epochs.map(({ seconds, joules }, index) => ({
    index,
    seconds: orNaN(seconds),
    joules: orNaN(joules),
  }))
  const groups = new Map<string, Placed[]>()
  for (const one of all) {
    const phase = epochs[one.index]!.phase ?? ''
    if (!groups.has(phase)) groups.set(phase, [])
    groups.get(phase)!.push(one)
  }
  return [...groups.values()].every((group) => tells(group, all)) ? groups : new Map([['', all]])
}

function orNaN(value: number | null | undefined): number {
  return Number.isFinite(value) ? value! : Number.NaN
}

/** Of several phases, whose errors have nothing to do with each other. */
function added(sums: readonly Sum[]): Sum {
  const value = total(sums.map((one) => one.value))
  return {
    value,
    quantile: (p) =>
      value + Math.sign(p - 0.5) * Math.hypot(...sums.map((one) => one.quantile(p) - one.value)),
  }
}

/** What is certain and what is not; the whole is no less than what is certain. */
function estimate(certain: number, ahead: Sum, tail: number | undefined): Estimate {
  const value = certain + ahead.value
  if (tail === undefined || Number.isNaN(value)) return { value }
  return {
    value,
    low: certain + Math.max(0, ahead.quantile(tail)),
    high: certain + ahead.quantile(1 - tail),
  }
}

function warmUpOf({ joules, seconds, ratio }: NonNullable<Phase['warmUp']>) {
  return { joules: Number.isNaN(joules) ? null : joules, seconds, ratio }
}

function assumptionOf(
  phases: readonly Phase[],
  {
    left,
    rough,
    trending,
    confidence,
  }: { left: number; rough: boolean; trending: boolean; confidence: number },
): string {
  if (left === 0) return 'All epochs have been seen.'
  const kept = total(phases.map((phase) => phase.kept))
  const last = kept === 1 ? 'the last one' : `the last ${kept}`
  const alike = `if the remaining epochs behave like ${last}`
  if (rough) return `Rough figure, without an interval, ${alike}.`
  const percent = Number((100 * confidence).toFixed(6))
  return `${percent} % interval ${alike}${trending ? ', with the same trend' : ''}.`
}

function notesOf(
  groups: ReadonlyMap<string, readonly Placed[]>,
  phases: readonly Phase[],
  { epochs }: Settings,
  seen: number,
  sure: boolean,
): string[] {
  const notes: string[] = []
  if (seen === 1) notes.push('The first epoch is often a warm-up: the next one will tell.')
  for (const [index, name] of [...groups.keys()].entries()) {
    const { warmUp, shift, trend } = phases[index]!
    const of = groups.size > 1 && name !== '' ? ` of phase ${name}` : ''
    if (warmUp) {
      notes.push(
        `Epoch ${warmUp.index + 1}${of} is set apart as a warm-up, ${warmUp.ratio.toFixed(2)} times a usual one: it is counted once.`,
      )
    }
    if (shift !== undefined) {
      notes.push(
        `The level${of} shifted at epoch ${shift}: what was before it tells nothing of what is to come.`,
      )
    }
    if (trend.used > 0.5) {
      notes.push(`The epochs${of} show a trend, which is taken to go on as long again.`)
    } else if (trend.seen > 0.9) {
      notes.push(
        `The epochs${of} seem to have a trend, which is left out: they are too few to tell how it goes on.`,
      )
    }
  }
  for (const [what, name] of [
    ['joules', 'energy'],
    ['seconds', 'time'],
  ] as const) {
    const missing = total(phases.map((phase) => phase.missing[what]))
    if (missing === seen) notes.push(`No epoch has a known ${name}.`)
    else if (missing > 0) {
      const which = missing === 1 ? '1 epoch' : `${missing} epochs`
      notes.push(`The ${name} of ${which} is not known: that of the others stands in.`)
    }
  }
  if (seen > epochs) notes.push(`${seen} epochs were seen, though ${epochs} were told.`)
  if (!sure) {
    notes.push('The interval of the grams does not know how far the intensity may be off.')
  }
  return notes
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
