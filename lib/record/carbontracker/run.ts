/** Makes a run of what the files of one run of carbontracker tell. */
import { JOULES_PER_KWH } from '../../units'
import type { Run, RunEpoch, RunTotals } from '../types'
import { devicesOf, meanOf, wattsOf } from './devices'
import type { Block, Facts, LogEpoch } from './facts'
import { intensitiesOf, meanIntensity } from './intensities'
import { type Release, releaseOf } from './versions'
import { warningsOf } from './warnings'
import { utcOf } from './zone'

/** The files of one run. */
export interface RunFacts {
  files: string[]
  standard?: Facts
  output?: Facts
  err?: Facts
}

export interface RunOptions {
  timeZone: string
  /** Whether no zone was given. */
  zoneAssumed: boolean
  compat: boolean
}

/** The run; `warnings` say what in its figures is not what it seems. */
export function runOf({ files, ...all }: RunFacts, options: RunOptions): Run {
  const facts = merged(all)
  const release = releaseOf(facts.version)
  const devices = facts.components ? devicesOf(facts.components, facts.epochs) : undefined
  const pue = facts.pue ?? release?.pue ?? null
  const components = componentsOf(facts, devices)
  const epochs = facts.epochs.map((epoch) => epochOf(epoch, components, options.compat))
  const intensities = intensitiesOf(facts, release, (stamp) => utcOf(stamp, options.timeZone))
  const grams = meanIntensity(facts, intensities)
  // Without any version it is not known whether energy stands there with PUE or without.
  const isPueKnown = facts.pue !== undefined || release !== undefined
  const totals = (block: Block | undefined) =>
    block ? totalsOf(block, isPueKnown ? (pue ?? 1) : undefined) : null
  const sum = (count: (component: string) => number) =>
    summed(epochs, count, { pue: isPueKnown ? (pue ?? 1) : undefined, grams, release })
  const recomputed = sum(() => 1)
  const averaged = averagedOf(facts, release, devices)
  const corrected =
    averaged.length > 0
      ? sum((component) => (averaged.includes(component) ? meanOf(devices?.[component]) : 1))
      : undefined
  const actual = totals(facts.actual.findLast(isWhole))
  const predicted = totals(facts.predicted.findLast(isWhole))
  const count = epochs.length
  if (actual && !options.compat) actual.epochs = Math.max(actual.epochs ?? 0, count)
  if (actual && options.compat) actual.epochs = 1

  const status = statusOf(facts, predicted, count, options.compat)
  const isAdded = !actual && recomputed !== undefined && !options.compat
  const startedAt = facts.stamp && utcOf(facts.stamp, options.timeZone)
  const tool = facts.writer ?? (facts.version && `carbontracker ${facts.version}`)
  const place = facts.place ?? facts.fetched[0]?.place
  const run: Run = {
    format: 'carbontracker',
    files,
    ...(tool && { tool }),
    ...(startedAt && { startedAt }),
    status,
    ...(predicted?.epochs !== undefined && { plannedEpochs: predicted.epochs }),
    epochs,
    actual: isAdded ? recomputed : actual,
    ...(recomputed && { recomputed }),
    ...(corrected && { corrected }),
    predicted,
    pue,
    intensities,
    ...(place && isPlace(place) && { location: locationOf(place) }),
    ...(facts.pueSource && { factors: { pue: facts.pueSource } }),
    ...(devices && { devices }),
    warnings: [],
  }
  return { ...run, warnings: warningsOf(run, facts, averaged, options) }
}

/** What the standard log tells, else the output log, else the err log. */
function merged({ standard, output, err }: Omit<RunFacts, 'files'>): Facts {
  const all = [standard, output, err].filter((one) => one !== undefined)
  const first = <Key extends 'epochs' | 'fetched' | 'predicted' | 'actual'>(key: Key) =>
    all.find((one) => one[key].length > 0)?.[key] ?? []
  return {
    ...err,
    ...output,
    ...standard,
    epochs: first('epochs') as Facts['epochs'],
    fetched: first('fetched') as Facts['fetched'],
    predicted: first('predicted') as Block[],
    actual: first('actual') as Block[],
  }
}

const isWhole = ({ kWh }: Block) => kWh !== null

/** The components whose power is the mean of several devices. */
function averagedOf(facts: Facts, release: Release | undefined, devices: Run['devices'] = {}) {
  if (facts.writer || release?.averages === false) return []
  return Object.keys(devices).filter((component) => {
    const powers = facts.epochs.map((epoch) => epoch.powers[component])
    const isTold = release !== undefined || powers.some((power) => power !== undefined)
    return isTold && meanOf(devices[component]) > 1 && !powers.some((power) => power?.isList)
  })
}

/** Those that an epoch must tell: a log that is cut may lack one. */
function componentsOf(facts: Facts, devices: Run['devices']): string[] {
  const told = facts.epochs.flatMap(({ powers }) => Object.keys(powers))
  return [...new Set([...Object.keys(devices ?? {}), ...told])]
}

function epochOf(
  { epoch, seconds, powers }: LogEpoch,
  components: readonly string[],
  compat: boolean,
): RunEpoch {
  const watts = Object.fromEntries(
    components.map((component) => {
      const power = powers[component]
      return [component, power ? (wattsOf(power) ?? (compat ? 0 : null)) : null]
    }),
  )
  const all = Object.values(watts)
  const known = seconds !== null && all.length > 0 && !all.includes(null)
  const joules = known ? all.reduce<number>((sum, value) => sum + value! * seconds, 0) : null
  return { epoch, seconds, joules, watts }
}

function totalsOf(
  { epochs, seconds, kWh, grams, equivalents }: Block,
  pue: number | undefined,
): RunTotals {
  return {
    ...(epochs !== undefined && { epochs }),
    seconds,
    joules: kWh === null || pue === undefined ? null : (kWh * JOULES_PER_KWH) / pue,
    kWh,
    grams,
    ...(equivalents && { equivalents }),
  }
}

/** Σ watts · seconds of the epochs that are known, each component `count` times. */
function summed(
  epochs: readonly RunEpoch[],
  count: (component: string) => number,
  factors: { pue: number | undefined; grams: number | undefined; release: Release | undefined },
): RunTotals | undefined {
  const known = epochs.filter(({ joules }) => joules !== null)
  if (known.length === 0) return undefined
  const joules = known.reduce((sum, { seconds, watts }) => {
    const all = Object.entries(watts!).map(([component, value]) => value! * count(component))
    return sum + all.reduce((a, b) => a + b, 0) * seconds!
  }, 0)
  const kWh = factors.pue === undefined ? null : (joules * factors.pue) / JOULES_PER_KWH
  const grams = kWh === null || factors.grams === undefined ? null : kWh * factors.grams
  const gramsPerKm = factors.release?.gramsPerKm
  return {
    epochs: known.length,
    seconds: known.reduce((sum, { seconds }) => sum + seconds!, 0),
    joules,
    kWh,
    grams,
    ...(grams !== null &&
      gramsPerKm && { equivalents: { 'km travelled by car': grams / gramsPerKm } }),
  }
}

function statusOf(
  facts: Facts,
  predicted: RunTotals | null,
  count: number,
  compat: boolean,
): Run['status'] {
  const { interrupted } = facts
  if (facts.refused || (compat && interrupted !== undefined)) return 'stopped'
  // The releases that write -1 do so after every run: only its epochs tell.
  if (interrupted === -1) return count < (predicted?.epochs ?? 0) ? 'stopped' : 'complete'
  if (interrupted !== undefined) return 'stopped'
  return facts.ended || facts.actual.length > 0 ? 'complete' : 'unfinished'
}

const isPlace = (place: string) => !/^(unknown|undetected)$/i.test(place)

function locationOf(name: string): NonNullable<Run['location']> {
  const country = /(?:^|, )([A-Z]{2})$/.exec(name)?.[1]
  return { name, ...(country && { country }), foundBy: 'network', detail: 'carbontracker' }
}
