/** The totals of a run with another PUE or another intensity. */
import type { IntensityPoint } from '../carbon'
import { badOption } from '../errors'
import { toKWh } from '../units'
import type { Run, RunIntensity, RunTotals } from './types'

/** What takes the place of the run's own; each that is not given stays. */
export interface RunFactors {
  /** 1 … 10. */
  pue?: number
  /** One intensity for the whole run: from 0. */
  gramsPerKWh?: number
  /** Intensities over time: where they overlap, that which began last holds; in holes, the nearest. */
  intensities?: readonly (RunIntensity | IntensityPoint)[]
}

/** An intensity between two times in milliseconds since the start of the run. */
interface Stretch {
  from: number
  to: number
  gramsPerKWh: number
}

/**
 * What the run used: kWh = PUE × joules ÷ 3 600 000, grams = PUE × Σ joules ÷ 3 600 000 × g/kWh, over
 * the pieces into which rows and intensities cut the run. `joules` stays. Without rows the energy is
 * spread evenly. Grams are null where no intensity is known, its time cannot be told, or intensities
 * do not count the same: such are never added.
 * @throws {JouletapError} BAD_OPTION: `pue` is no number from 1 to 10, an intensity none from 0.
 */
export function recomputeRun(run: Run, factors: RunFactors = {}): RunTotals {
  const { pue = run.pue ?? 1, gramsPerKWh, intensities = run.intensities } = factors
  if (!(typeof pue === 'number' && pue >= 1 && pue <= 10)) {
    throw badOption('pue', pue, 'a number from 1 to 10')
  }
  if (gramsPerKWh !== undefined && !(gramsPerKWh >= 0 && Number.isFinite(gramsPerKWh))) {
    throw badOption('gramsPerKWh', gramsPerKWh, 'a number from 0')
  }
  if (!Array.isArray(intensities) || intensities.some((one) => !(one?.gramsPerKWh >= 0))) {
    throw badOption(
      'intensities',
      intensities,
      'a list of { start, end, gramsPerKWh } from 0 g/kWh',
    )
  }
  const joules = run.actual?.joules ?? null
  const kWh = joules === null ? null : pue * toKWh(joules)
  const mean = gramsPerKWh ?? meanIntensity(run, intensities)
  const { epochs, uncertaintyJoules } = run.actual ?? {}
  return {
    ...(epochs !== undefined && { epochs }),
    seconds: run.actual?.seconds ?? null,
    joules,
    ...(uncertaintyJoules !== undefined && { uncertaintyJoules }),
    kWh,
    grams: kWh === null || mean === null ? null : kWh * mean,
  }
}

/** Over the energy of the run, in grams per kilowatt-hour. */
function meanIntensity(
  run: Run,
  intensities: readonly (RunIntensity | IntensityPoint)[],
): number | null {
  const [first] = intensities
  if (!first || !intensities.every((one) => isAlike(first, one))) return null
  if (intensities.every((one) => one.gramsPerKWh === first.gramsPerKWh)) return first.gramsPerKWh
  const seconds = run.actual?.seconds ?? null
  if (run.startedAt === undefined || seconds === null) return null
  const stretches = stretchesOf(intensities, Date.parse(run.startedAt))
  const { times, joules } = curveOf(run, 1000 * seconds)
  const edges = stretches.flatMap(({ from, to }) => [from, to])
  const end = times.at(-1)!
  const inside = edges.filter((edge) => edge > 0 && edge < end)
  const cuts = [...new Set([...times, ...inside])].sort((a, b) => a - b)
  const gramsAt = holder(stretches)
  let [weights, products, row, before] = [0, 0, 0, joules[0]!]
  for (let index = 1; index < cuts.length; index++) {
    const [from, to] = [cuts[index - 1]!, cuts[index]!]
    while (times[row + 1]! < to) row++
    const share = (to - times[row]!) / (times[row + 1]! - times[row]!)
    const after = joules[row]! + share * (joules[row + 1]! - joules[row]!)
    weights += after - before
    products += (after - before) * gramsAt((from + to) / 2)
    before = after
  }
  return weights > 0 ? products / weights : holder(stretches)(end / 2)
}

function isAlike(a: RunIntensity | IntensityPoint, b: RunIntensity | IntensityPoint): boolean {
  return a.kind === b.kind && a.factors === b.factors && a.boundary === b.boundary
}

/** Milliseconds from the start to the end of the run, and the joules up to each. */
function curveOf({ rows, domains = [], actual }: Run, ms: number) {
  const flat = { times: [0, ms], joules: [0, actual?.joules ?? 0] }
  const additive = domains.flatMap(({ additive }, index) => (additive ? [index] : []))
  if (!rows || rows.seconds.length === 0 || additive.length === 0) return flat
  const times = [0]
  const joules = [0]
  const known = domains.map(() => 0)
  for (const [row, seconds] of rows.seconds.entries()) {
    for (const domain of additive) {
      const value = rows.joules[domain]![row]!
      if (!Number.isNaN(value)) known[domain] = value
    }
    if (!(1000 * seconds > times.at(-1)!)) continue
    times.push(1000 * seconds)
    joules.push(additive.reduce((sum, domain) => sum + known[domain]!, 0))
  }
  return times.length > 1 ? { times, joules } : flat
}

function stretchesOf(
  intensities: readonly (RunIntensity | IntensityPoint)[],
  startedAt: number,
): Stretch[] {
  const since = (time: string | Date | undefined, otherwise: number) =>
    time === undefined ? otherwise : new Date(time).getTime() - startedAt
  return intensities.map(({ start, end, gramsPerKWh }) => ({
    from: since(start, Number.NEGATIVE_INFINITY),
    to: since(end, Number.POSITIVE_INFINITY),
    gramsPerKWh,
  }))
}

/** Gives the intensity that holds at each of some times, which ascend. */
function holder(stretches: readonly Stretch[]): (ms: number) => number {
  const coming = [...stretches].sort((a, b) => a.from - b.from)
  const begun: Stretch[] = []
  let next = 0
  let ended: Stretch | undefined
  return (ms) => {
    while (next < coming.length && coming[next]!.from <= ms) begun.push(coming[next++]!)
    while (begun.length > 0 && begun.at(-1)!.to <= ms) {
      const last = begun.pop()!
      if (!ended || last.to > ended.to) ended = last
    }
    const after = coming[next]
    const isNearer = !ended || (after && after.from - ms < ms - ended.to)
    return (begun.at(-1) ?? (isNearer ? after! : ended!)).gramsPerKWh
  }
}
