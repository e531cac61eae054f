/** Adds runs up, and says the sum in the sentence that carbontracker made for papers. */
import type { Run, RunTotals } from '../types'
import { pythonFixed } from './python'

/** What runs used together, with PUE. */
export interface Aggregate {
  kWh: number
  /** Of CO2-equivalent; runs that tell none are left out. */
  grams: number
  /** Unit to the sum of the numbers that the runs tell. */
  equivalents: Record<string, number>
}

/**
 * The sum of what runs used: of each what it tells of itself, of one that tells only a prediction that.
 * @param options.compat carbontracker's rule: of a run that was not stopped and was to have another
 *   number of epochs than it tells, the prediction. Default false.
 */
export function aggregate(runs: readonly Run[], options: { compat?: boolean } = {}): Aggregate {
  const sum = { kWh: 0, grams: 0 }
  const equivalents = new Map<string, number>()
  for (const run of runs) {
    const counted = countedOf(run, options.compat ?? false)
    if (!counted) continue
    sum.kWh += counted.kWh ?? 0
    sum.grams += counted.grams ?? 0
    for (const [unit, count] of Object.entries(counted.equivalents ?? {})) {
      equivalents.set(unit, (equivalents.get(unit) ?? 0) + count)
    }
  }
  return { ...sum, equivalents: Object.fromEntries(equivalents) }
}

/** Which figures of a run are added up. */
export function countedOf({ actual, predicted, status }: Run, compat: boolean): RunTotals | null {
  if (!actual || !predicted || !compat) return actual ?? predicted
  return status === 'stopped' || actual.epochs === predicted.epochs ? actual : predicted
}

const HOMES: Record<Run['format'], string> = {
  carbontracker: 'https://github.com/lfwa/carbontracker',
  jouletap: 'https://www.npmjs.com/package/jouletap',
}

/**
 * carbontracker's sentence, word for word, with the tools that measured.
 * @param tools default: carbontracker
 */
export function sentence(
  { kWh, grams, equivalents }: Aggregate,
  tools: readonly Run['format'][] = ['carbontracker'],
): string {
  const number = (value: number) => pythonFixed(value, 16)
  const all = Object.entries(equivalents).map(([unit, count]) => `${number(count)} ${unit}`)
  const same = all.length > 0 ? `This is equivalent to ${all.join(' or ')}. ` : ''
  const by = tools.map((tool) => `${tool} (${HOMES[tool]})`).join(' and ')
  return (
    `The training of models in this work is estimated to use ${number(kWh)} kWh of electricity ` +
    `contributing to ${number(grams / 1000)} kg of CO2eq. ${same}Measured by ${by}.`
  )
}
