/** How right windows are, and how right their uncertainties, against what a simulated host has truly used. */
import { setImmediate as breathe, setTimeout as delay } from 'node:timers/promises'
import { channelOf, columnOf, energyBetween, type Reading } from '../energy'
import { TALLY } from '../native'
import { generator, quantile, rootMeanSquare } from './arithmetic'
import { type Curve, curveOf, loadOf, SHAPES } from './curve'
import { block, openSampler, sampleOf, startSampler } from './look'
import type { Counts } from './options'
import {
  JITTER,
  order,
  type SimulatedHosts,
  STEADY_WATTS,
  type Truth,
  truthOf,
  UPDATE_SECONDS,
} from './simulate'
import type { PrecisionFigures } from './types'

const DOMAIN = 'package-0'
const ALIGNMENTS = ['none', 'edge'] as const

/** So long after it was ordered a load begins. */
const SETTLING_SECONDS = 0.1

/** Share of a normal distribution within one standard deviation. */
const ONE_SIGMA = 0.6827

type Align = (typeof ALIGNMENTS)[number]

/** What one window was off by, and what it claimed, as shares of the truth. */
interface Miss {
  error: number
  sigma: number
  /** Whether both ends are known better than blind ones are. */
  found: boolean
}

/** What the windows are drawn with, and who is told what. */
export interface Teller {
  seed: number
  signal: AbortSignal
  progress: (text: string) => void
  note: (sentence: string) => void
}

/**
 * Windows at a constant power, blind and aligned, for each length; then under loads that move, with
 * a counter whose updates come late by chance.
 */
export async function precision(
  hosts: SimulatedHosts,
  { windows, moving }: Counts['precision'],
  teller: Teller,
): Promise<PrecisionFigures[]> {
  const random = generator(teller.seed)
  const figures: PrecisionFigures[] = []
  const steady = curveOf([{ at: 0, watts: STEADY_WATTS }])
  for (const align of ALIGNMENTS) {
    using scene = open(hosts.steady, steady)
    for (const [ms, count] of entries(windows)) {
      teller.progress(`precision: ${count} windows of ${ms} ms, align ${align}`)
      const misses = await take(scene, align, ms, count, random, teller.signal)
      if (misses.length > 0) figures.push(figureOf(misses, ms, align, 'constant'))
    }
  }
  compare(hosts.steady, steady, teller.note)
  for (const align of ALIGNMENTS) {
    for (const [ms, wanted] of entries(moving)) {
      const all: Miss[] = []
      const count = align === 'edge' ? wanted : Math.ceil(wanted / 10)
      for (const shape of SHAPES) {
        teller.progress(`precision: ${count} windows of ${ms} ms on ${shape}, align ${align}`)
        const start = truthOf(hosts.moving).seconds + SETTLING_SECONDS
        const pieces = loadOf(shape, start, (count * (ms + 6)) / 1000, random)
        const curve = curveOf(pieces)
        order(hosts.moving, curve.orders(DOMAIN))
        await delay(1100 * SETTLING_SECONDS, undefined, { signal: teller.signal })
        using scene = open(hosts.moving, curve)
        const misses = await take(scene, align, ms, count, random, teller.signal)
        compare(hosts.moving, curve, teller.note, scene.before)
        if (misses.length > 0) figures.push(figureOf(misses, ms, align, shape))
        all.push(...misses)
      }
      if (all.length > 0) figures.push(figureOf(all, ms, align, 'moving'))
    }
  }
  return figures
}

function entries(counts: Readonly<Record<number, number>>): [ms: number, count: number][] {
  return Object.entries(counts).map(([ms, count]) => [Number(ms), count])
}

/** Where a domain's fields tell how far its value lags; negative: nobody knows. */
const LAG = TALLY.indexOf('lagVariance')

/** A meter's readings below a root, and what is true there. */
interface Scene {
  begin(align: Align): Reading
  end(align: Align): Reading
  miss(from: Reading, to: Reading): Miss
  /** Of the host, when the scene was opened. */
  readonly before: Truth
  [Symbol.dispose](): void
}

function open(root: string, curve: Curve): Scene {
  const before = truthOf(root)
  const originMs = before.ns / 1e6 - before.seconds * 1e3
  const sampler = openSampler(['rapl-powercap'], root, 1000, 16)
  const channels = sampler.domains.map(channelOf)
  const first = startSampler(sampler)
  const truth = ([ms = 0]: Reading) => curve.joules((ms - originMs) / 1e3)
  return {
    begin: (align) => sampleOf(sampler, align === 'edge' ? 'begin' : 'sample'),
    end: (align) => sampleOf(sampler, align === 'edge' ? 'end' : 'sample'),
    miss(from, to) {
      const { joules, uncertaintyJoules, seconds } = energyBetween(channels, from, to, first)
      const real = truth(to) - truth(from)
      const blind = ((real / seconds) * UPDATE_SECONDS) ** 2 / 12
      const lags = [from, to].map((reading) => reading[columnOf(0) + LAG]!)
      const found = lags.every((variance) => variance >= 0 && variance < blind)
      return { error: (joules - real) / real, sigma: uncertaintyJoules / real, found }
    },
    before,
    [Symbol.dispose]: () => sampler.stop(),
  }
}

/** So many windows of about `ms` milliseconds, those that are blind begun at random in an update. */
async function take(
  scene: Scene,
  align: Align,
  ms: number,
  count: number,
  random: () => number,
  signal: AbortSignal,
): Promise<Miss[]> {
  const update = 1000 * UPDATE_SECONDS
  const misses: Miss[] = []
  for (let window = 0; window < count; window++) {
    if (window % 16 === 0) {
      signal.throwIfAborted()
      await breathe()
    }
    if (align === 'none') idle(performance.now() + update * random())
    const from = scene.begin(align)
    // A hunt for an edge has put the beginning off.
    idle(performance.now() + ms + update * (random() - 0.5))
    misses.push(scene.miss(from, scene.end(align)))
  }
  return misses
}

/** Waits until then to some microseconds, and lets the processor rest for most of it. */
function idle(until: number): void {
  const rest = until - performance.now() - 0.4
  if (rest > 0) block(rest)
  while (performance.now() < until);
}

function figureOf(
  misses: readonly Miss[],
  windowMs: number,
  align: Align,
  load: PrecisionFigures['load'],
): PrecisionFigures {
  const within = (sigmas: number) =>
    misses.filter(({ error, sigma }) => Math.abs(error) <= sigmas * sigma).length / misses.length
  const blind = align === 'none' && load === 'constant'
  return {
    windowMs,
    align,
    load,
    jitterPercent: load === 'constant' ? 0 : 100 * JITTER,
    rmsPercent: 100 * rootMeanSquare(misses.map(({ error }) => error)),
    typicalPercent:
      100 *
      quantile(
        misses.map(({ error }) => Math.abs(error)),
        ONE_SIGMA,
      ),
    theoryPercent: blind ? (100 * 1000 * UPDATE_SECONDS) / (Math.sqrt(6) * windowMs) : null,
    claimedPercent: 100 * rootMeanSquare(misses.map(({ sigma }) => sigma)),
    within1Sigma: within(1),
    within2Sigma: within(2),
    found: align === 'edge' ? misses.filter(({ found }) => found).length / misses.length : null,
    windows: misses.length,
  }
}

/** Tells if the host itself has used something else than the curve that it was told. */
function compare(
  root: string,
  curve: Curve,
  note: (sentence: string) => void,
  since: Truth = { ns: 0, seconds: 0, joules: {} },
): void {
  const now = truthOf(root)
  const told = curve.joules(now.seconds) - curve.joules(since.seconds)
  const used = (now.joules[DOMAIN] ?? Number.NaN) - (since.joules[DOMAIN] ?? 0)
  if (Math.abs(used - told) < 1e-6 * Math.max(1, told)) return
  note(
    `The simulated host used ${used} J where its curve has ${told} J: precision is not to be believed.`,
  )
}
