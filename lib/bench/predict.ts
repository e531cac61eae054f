/** How right predictions are, by the hundred: worlds whose end is known, beside the mean of the epochs. */
import { badOption } from '../errors'
import { type EpochUse, predict } from '../predict'
import { generator, sum } from './arithmetic'

/** How epochs go on in a made world. */
export type WorldName = 'independent' | 'warm-up' | 'autocorrelated' | 'drift' | 'shift'

export interface BenchPredictOptions {
  /** Runs of each world: 10 … 100 000; default 1000. */
  readonly runs?: number
  /** The same seed gives the same figures: 0 … 4 294 967 295; default 1. */
  readonly seed?: number
}

/** One world, asked after so many epochs; figures are means over the runs, in percent. */
export interface PredictFigures {
  readonly world: WorldName
  /** What it is like, in words. */
  readonly about: string
  readonly seen: number
  /** Of the energy of the remaining epochs, in size. */
  readonly errorPercent: number
  /** Of epochs × mean of those seen, carbontracker's prediction. */
  readonly meanErrorPercent: number
  /** How many of the intervals held the truth; null where there was none. */
  readonly coveragePercent: number | null
  /** Width of the interval, of the truth. */
  readonly widthPercent: number | null
  /** Predictions without an interval. */
  readonly roughPercent: number
}

export interface PredictReport {
  readonly schema: 'jouletap.bench.predict/1'
  readonly runs: number
  readonly seed: number
  readonly epochs: number
  readonly noisePercent: number
  readonly confidence: number
  readonly worlds: readonly PredictFigures[]
}

const RUNS = { least: 10, most: 100_000, usual: 1000 }
const SEED_MOST = 2 ** 32 - 1

/** Of all worlds. */
const EPOCHS = 50
const NOISE = 0.04
const CONFIDENCE = 0.9
/** Of an epoch: the usual time and power. */
const SECONDS = 60
const WATTS = 200

type Random = () => number
/** How many times the usual an epoch takes, epoch by epoch. */
type World = (random: Random) => (index: number) => number

const STEADY: World = () => () => 1
const CORRELATION = 0.8

/** What each is like, in words, and how its time goes; its noise leans on the last by `correlation`. */
const WORLDS: Record<
  WorldName,
  { about: string; time: World; correlation: number; seen: readonly number[] }
> = {
  independent: { about: 'independent noise', time: STEADY, correlation: 0, seen: [3, 5, 10, 30] },
  'warm-up': {
    about: 'epoch 0 takes 2.5 times as long',
    time: () => (index) => (index === 0 ? 2.5 : 1),
    correlation: 0,
    seen: [1, 2, 3, 5, 10],
  },
  autocorrelated: {
    about: `each epoch leans on the last by ${CORRELATION}`,
    time: STEADY,
    correlation: CORRELATION,
    seen: [3, 5, 10, 30],
  },
  drift: {
    about: 'each epoch takes 0.4 % more',
    time: () => (index) => 1 + 0.004 * index,
    correlation: 0,
    seen: [10, 20, 30],
  },
  shift: {
    about: 'in half of the runs, 25 % more from some epoch on',
    time: (random) => {
      const from = random() < 0.5 ? 1 + Math.floor(random() * (EPOCHS - 1)) : EPOCHS
      return (index) => (index < from ? 1 : 1.25)
    },
    correlation: 0,
    seen: [10, 20, 30],
  },
}

/**
 * Monte Carlo: made runs of 50 epochs with 4 % noise, half of its variance in time and half in power,
 * asked early what remains.
 * @throws {JouletapError} BAD_OPTION
 */
export function benchPredict(options: BenchPredictOptions = {}): PredictReport {
  const { runs, seed } = checkOptions(options)
  const worlds = (Object.keys(WORLDS) as WorldName[]).flatMap((world) => {
    // Each from the start, so that none depends on those before it.
    const random = generator(seed)
    const made = Array.from({ length: runs }, () => makeRun(world, random))
    return WORLDS[world].seen.map((seen) => figures(world, seen, made))
  })
  return {
    schema: 'jouletap.bench.predict/1',
    runs,
    seed,
    epochs: EPOCHS,
    noisePercent: 100 * NOISE,
    confidence: CONFIDENCE,
    worlds,
  }
}

function checkOptions(options: BenchPredictOptions): Required<BenchPredictOptions> {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object')
  }
  const unknown = Object.keys(options).find((name) => name !== 'runs' && name !== 'seed')
  if (unknown !== undefined) throw badOption('an option', unknown, 'runs or seed')
  const { least, most, usual } = RUNS
  const { runs = usual, seed = 1 } = options
  if (!isWhole(runs, least, most)) {
    throw badOption('runs', runs, `a whole number from ${least} to ${most}`)
  }
  if (!isWhole(seed, 0, SEED_MOST)) {
    throw badOption('seed', seed, `a whole number from 0 to ${SEED_MOST}`)
  }
  return { runs, seed }
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function makeRun(world: WorldName, random: Random): EpochUse[] {
  const { time, correlation } = WORLDS[world]
  const takes = time(random)
  const [ofTime, ofPower] = [noise(random, correlation), noise(random, correlation)]
  return Array.from({ length: EPOCHS }, (_, index) => {
    const seconds = SECONDS * takes(index) * (1 + ofTime())
    return { seconds, joules: seconds * WATTS * (1 + ofPower()) }
  })
}

/** Normal deviates of half the variance, each leaning on the last. */
function noise(random: Random, correlation: number): () => number {
  let last = normal(random)
  return () => {
    const now = last
    last = correlation * last + Math.sqrt(1 - correlation ** 2) * normal(random)
    return Math.SQRT1_2 * NOISE * now
  }
}

/** By Box and Muller. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

function figures(
  world: WorldName,
  seen: number,
  made: readonly (readonly EpochUse[])[],
): PredictFigures {
  const all = made.map((run) => {
    const first = run.slice(0, seen)
    const [before, truth] = [joulesOf(first), joulesOf(run.slice(seen))]
    const { joules } = predict(first, { epochs: EPOCHS, confidence: CONFIDENCE })
    const { low, high } = joules
    const mean = predict(first, { epochs: EPOCHS, method: 'mean' }).joules.value
    const [error, meanError] = [joules.value, mean].map((value) =>
      Math.abs((value - before) / truth - 1),
    ) as [number, number]
    if (low === undefined || high === undefined) return { error, meanError }
    const held = low <= before + truth && before + truth <= high
    return { error, meanError, held, width: (high - low) / truth }
  })
  const told = all.filter(({ held }) => held !== undefined)
  return {
    world,
    about: WORLDS[world].about,
    seen,
    errorPercent: percent(all.map(({ error }) => error)),
    meanErrorPercent: percent(all.map(({ meanError }) => meanError)),
    coveragePercent: told.length > 0 ? percent(told.map(({ held }) => Number(held))) : null,
    widthPercent: told.length > 0 ? percent(told.map(({ width }) => width!)) : null,
    roughPercent: percent(all.map(({ held }) => Number(held === undefined))),
  }
}

const joulesOf = (epochs: readonly EpochUse[]): number => sum(epochs.map(({ joules }) => joules!))

const percent = (values: readonly number[]): number => (100 * sum(values)) / values.length
