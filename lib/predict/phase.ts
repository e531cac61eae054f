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
  /** How many epochs have no time, or no energy. */
  readonly missing: { readonly seconds: number; readonly joules: number }
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
  /** Of the next `count` epochs; a count may have a fraction. */
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
  const warmUp = warmUpOf(epochs)
  const steady = epochs.slice(warmUp ? 1 : 0).slice(-MOST_KEPT)
  const shift = shiftOf(steady)
  const kept = shift === undefined ? steady : steady.filter(({ index }) => index >= shift)
  const times = known(kept, ({ seconds }) => seconds)
  const energies = known(kept, ({ joules }) => joules)
  const powers = known(kept, wattsOf)
  const likely = [trendShare(times), trendShare(powers)] as const
  const [ofTime, ofPower] = likely.map((share) => (kept.length < TREND_FROM ? 0 : share)) as [
    number,
    number,
  ]
  const either = 1 - (1 - ofTime) * (1 - ofPower)
  const least = Math.min(times.length, energies.length)
  return {
    soFar: {
      seconds: total(known(epochs, ({ seconds }) => seconds)),
      joules: total(known(epochs, ({ joules }) => joules)),
    },
    missing: {
      seconds: epochs.filter(({ seconds }) => Number.isNaN(seconds)).length,
      joules: epochs.filter(({ joules }) => Number.isNaN(joules)).length,
    },
    ...(warmUp && { warmUp }),
    ...(shift !== undefined && { shift }),
    from: (kept[0] ?? epochs[0]!).index,
    kept: Math.max(times.length, energies.length),
    rough:
      epochs.length < INTERVAL_FROM || least < 2 || (shift !== undefined && least < INTERVAL_FROM),
    trend: { seen: 1 - (1 - likely[0]) * (1 - likely[1]), used: either },
    seconds: (count) => sumOf(times, ofTime, count),
    joules: (count) => {
      const joined = sumOf(energies, either, count)
      if (either === 0 || count === 0 || powers.length < energies.length) return joined
      return around(joined, product(kept, [ofTime, ofPower], count))
    },
  }
}

/** The sum of the next values, with a deviation of 1 % of their mean at the least. */
function sumOf(values: readonly number[], trendShare: number, count: number): Sum {
  const size = values.length
  const mean = total(values) / size
  if (count === 0) return certain(0)
  if (size < 2) return certain(count * mean)
  const components = outlook(values, Math.min(trendShare, size > 2 ? 1 : 0)).sum(count)
  const value = meanOf(components)
  const floor = FLOOR * mean * Math.sqrt(count + count ** 2 / size)
  return { value, quantile: (p) => value + widest(components, value, floor, size - 1, p) }
}

function widest(
  components: readonly Component[],
  value: number,
  floor: number,
  free: number,
  p: number,
): number {
  const least = floor * tQuantile(p, free)
  const off = quantile(components, p) - value
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
 * Energy as time × power, each with its own trend, and their covariance: Σ tⱼ pⱼ over `count` epochs is
 * count × (t̄ p̄ + cov) + what both trends make together.
 */
function product(
  epochs: readonly Placed[],
  trends: readonly [number, number],
  count: number,
): number {
  const both = epochs.filter((one) => !Number.isNaN(wattsOf(one)))
  const series = [both.map(({ seconds }) => seconds), both.map(wattsOf)] as const
  const middle = (both.length - 1) / 2
  const [time, power] = series.map((values, index) => {
    const { slope, sum } = outlook(values, trends[index]!)
    const mean = total(values) / values.length
    const rest = values.map((value, place) => value - mean - slope * (place - middle))
    return { ahead: meanOf(sum(count)), slope, rest }
  }) as [ProductPart, ProductPart]
  const covariance = total(time.rest.map((off, place) => off * power.rest[place]!)) / both.length
  return (
    (time.ahead * power.ahead) / count +
    count * covariance +
    (time.slope * power.slope * count * (count ** 2 - 1)) / 12
  )
}

interface ProductPart {
  ahead: number
  slope: number
  rest: number[]
}

/** The later of the last shifts of time and of power. */
function shiftOf(epochs: readonly Placed[]): number | undefined {
  const shifts = [({ seconds }: Placed) => seconds, wattsOf].flatMap((of) => {
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
  const ratios = [({ joules }: Placed) => joules, ({ seconds }: Placed) => seconds].map((of) =>
    ratioOf(of(first), known(next, of)),
  )
  const unlike = ratios.some(({ unlike }) => unlike)
  const ratio = ratios.find(({ ratio }) => Number.isFinite(ratio))?.ratio
  return unlike && ratio !== undefined ? { ...first, ratio } : undefined
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
