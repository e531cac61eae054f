/** The epochs of one phase: which of them tell of those to come, and what those will use. */
import { type Component, meanOf, quantile } from './autoregression'
import { lastShift, outlook, TREND_FROM, trendShare } from './outlook'
import { tQuantile } from './student'

/** An epoch of the run; NaN is not known. */
export interface Placed {
  readonly index: number
  readonly seconds: number
  readonly joules: number
}

/** A figure that is not certain. */
export interface Sum {
  readonly value: number
  /** Not exceeded with probability `p`. */
  quantile(p: number): number
}

export interface Phase {
  /** Of its known epochs. */
  readonly soFar: { readonly seconds: number; readonly joules: number }
  /** How many epochs have no time, and no energy. */
  readonly missing: { readonly seconds: number; readonly joules: number }
  /** How many usual epochs those are worth. */
  readonly worth: { readonly seconds: number; readonly joules: number }
  readonly warmUp?: Placed & { readonly ratio: number }
  /** Index of the first epoch after the last level shift. */
  readonly shift?: number
  /** Index of the first epoch that tells of those to come. */
  readonly from: number
  /** Epochs that do. */
  readonly kept: number
  readonly rough: boolean
  /** 0 … 1: how likely time or power has a trend, and how far it is used. */
  readonly trend: { readonly seen: number; readonly used: number }
  /** Of the next `count` epochs, which may have a fraction. */
  seconds(count: number): Sum
  joules(count: number): Sum
}

/** Older epochs than the last so many tell nothing more. */
const MOST_KEPT = 500
/** The least deviation that is believed, as a share of the mean. */
const FLOOR = 0.01
/** Epochs after which there is an interval: at all, and after a shift. */
const INTERVAL_FROM = 3

/** Of one epoch or more, in order. */
export function phaseOf(epochs: readonly Placed[]): Phase {
  const first = warmUpOf(epochs)
  const warmUp = first && tells(epochs.slice(1), epochs) ? first : undefined
  const all = epochs.slice(warmUp ? 1 : 0)
  const last = all.slice(-MOST_KEPT)
  const steady = tells(last, all) ? last : all
  const place = shiftOf(steady)
  const after = steady.filter(({ index }) => index >= (place ?? 0))
  const shift = tells(after, steady) ? place : undefined
  const kept = shift === undefined ? steady : after
  const times = known(kept, secondsOf)
  const energies = known(kept, joulesOf)
  const powers = known(kept, wattsOf)
  const likely = { time: trendShare(times), power: trendShare(powers) }
  const ofTime = times.length < TREND_FROM ? 0 : likely.time
  const ofPower = powers.length < TREND_FROM ? 0 : likely.power
  const ofEnergy = energies.length < TREND_FROM ? 0 : either(ofTime, ofPower)
  const least = Math.min(times.length, energies.length)
  return {
    soFar: {
      seconds: total(known(epochs, secondsOf)),
      joules: total(known(epochs, joulesOf)),
    },
    missing: {
      seconds: epochs.filter((one) => Number.isNaN(one.seconds)).length,
      joules: epochs.filter((one) => Number.isNaN(one.joules)).length,
    },
    worth: { seconds: worthOf(epochs, secondsOf, times), joules: worthOf(epochs, joulesOf, times) },
    ...(warmUp && { warmUp }),
    ...(shift !== undefined && { shift }),
    from: (kept[0] ?? epochs[0]!).index,
    kept: Math.max(times.length, energies.length),
    rough:
      epochs.length < INTERVAL_FROM || least < 2 || (shift !== undefined && least < INTERVAL_FROM),
    trend: { seen: either(likely.time, likely.power), used: either(ofTime, ofPower) },
    seconds: (count) => sumOf(times, ofTime, count),
    joules: (count) => {
      const sum = sumOf(energies, ofEnergy, count)
      if (ofEnergy === 0 || count === 0 || powers.length < energies.length) return sum
      return around(sum, product(kept, [ofTime, ofPower], count))
    },
  }
}

/** Whether some epochs tell of time and of energy, as far as all of them do. */
export function tells(some: readonly Placed[], all: readonly Placed[]): boolean {
  return [secondsOf, joulesOf].every(
    (of) => known(some, of).length > 0 || known(all, of).length === 0,
  )
}

/** The probability of one or the other, or both. */
function either(one: number, other: number): number {
  return 1 - (1 - one) * (1 - other)
}

/** How many usual epochs those are worth of which something is not known, by their times. */
function worthOf(
  epochs: readonly Placed[],
  of: (epoch: Placed) => number,
  times: readonly number[],
): number {
  const usual = total(times) / times.length
  const unknown = epochs.filter((one) => Number.isNaN(of(one)))
  return total(
    unknown.map(({ seconds }) => (Number.isFinite(seconds / usual) ? seconds / usual : 1)),
  )
}

/** The sum of the next values, with a deviation of 1 % of their mean at the least. */
function sumOf(values: readonly number[], believed: number, count: number): Sum {
  const size = values.length
  const mean = total(values) / size
  if (count === 0) return certain(0)
  if (size < 2) return certain(count * mean)
  const components = outlook(values, believed).sum(count)
  const expected = meanOf(components)
  // A falling trend ends at nothing.
  const value = Math.max(0, expected)
  const floor = FLOOR * mean * Math.sqrt(count + count ** 2 / size)
  return { value, quantile: (p) => value + widest(components, expected, floor, size - 1, p) }
}

function widest(
  components: readonly Component[],
  expected: number,
  floor: number,
  free: number,
  p: number,
): number {
  const least = floor * tQuantile(p, free)
  const off = quantile(components, p) - expected
  return p < 0.5 ? Math.min(least, off) : Math.max(least, off)
}

function certain(value: number): Sum {
  return { value, quantile: () => value }
}

/** With the same spread about another value. */
function around(sum: Sum, value: number): Sum {
  return { value, quantile: (p) => value + sum.quantile(p) - sum.value }
}

/**
 * Energy as time × power, each with its own trend, and their covariance: count × (t̄ p̄ + cov) over the
 * next `count` epochs.
 */
function product(
  epochs: readonly Placed[],
  trends: readonly [number, number],
  count: number,
): number {
  const both = epochs.filter((one) => !Number.isNaN(wattsOf(one)))
  const middle = (both.length - 1) / 2
  const part = (values: readonly number[], believed: number) => {
    const { slope, sum } = outlook(values, believed)
    const mean = total(values) / values.length
    const rest = values.map((value, place) => value - mean - slope * (place - middle))
    return { ahead: meanOf(sum(count)), rest }
  }
  const time = part(known(both, secondsOf), trends[0])
  const power = part(known(both, wattsOf), trends[1])
  const covariance = total(time.rest.map((off, place) => off * power.rest[place]!)) / both.length
  return Math.max(0, (time.ahead * power.ahead) / count + count * covariance)
}

/** The later of the last shifts of time and of power. */
function shiftOf(epochs: readonly Placed[]): number | undefined {
  const shifts = [secondsOf, wattsOf].flatMap((of) => {
    const some = epochs.filter((one) => !Number.isNaN(of(one)))
    const place = lastShift(some.map(of))
    return place > 0 ? [some[place]!.index] : []
  })
  return shifts.length > 0 ? Math.max(...shifts) : undefined
}

/** How many robust deviations, and which share, the first epoch must be off to be a warm-up. */
const OFF = { deviations: 5, share: 0.1 }
/** Epochs that it is compared with: later ones may be of another level. */
const COMPARED = 10

/** The first epoch where it is unlike those that follow, in energy or in time. */
function warmUpOf(epochs: readonly Placed[]): (Placed & { ratio: number }) | undefined {
  const first = epochs[0]!
  const next = epochs.slice(1, 1 + COMPARED)
  const ratios = [joulesOf, secondsOf].map((of) => ratioOf(of(first), known(next, of)))
  const found = ratios.find(({ unlike }) => unlike)
  return found && { ...first, ratio: found.ratio }
}

function ratioOf(first: number, next: readonly number[]): { ratio: number; unlike: boolean } {
  const usual = median(next)
  const ratio = first / usual
  // The deviation of a normal distribution is 1.4826 times its median absolute deviation.
  const deviation = 1.4826 * median(next.map((value) => Math.abs(value - usual)))
  const least = Math.max(OFF.share, (OFF.deviations * deviation) / usual)
  // One later epoch does not tell which of the two is unlike the others, but warm-ups are common.
  return { ratio, unlike: (next.length > 1 ? Math.abs(ratio - 1) : ratio - 1) > least }
}

function secondsOf({ seconds }: Placed): number {
  return seconds
}

function joulesOf({ joules }: Placed): number {
  return joules
}

function wattsOf({ joules, seconds }: Placed): number {
  return seconds > 0 ? joules / seconds : Number.NaN
}

/** Those that are known. */
function known(epochs: readonly Placed[], of: (epoch: Placed) => number): number[] {
  return epochs.map(of).filter((value) => !Number.isNaN(value))
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
