/** One look at all domains, and the difference of two: what was used between them, and how sure that is. */
import { METHODS, type NativeDomain, TALLY } from '../native'
import { selfDomain } from './self'
import type { Domain, DomainEnergy, Energy, Flag, Quality } from './types'

/**
 * Milliseconds of CLOCK_MONOTONIC, how many of CPU time sampling has taken so far, how many the
 * machine has been suspended since boot, then for each domain the fields of a tally in the order of
 * `TALLY`: 3 + 16 × domains doubles. All but the last four fields are cumulative, so that two
 * readings subtract.
 */
export type Reading = Float64Array

/** A domain as the arithmetic needs it. */
export interface Channel extends NativeDomain {
  readonly quality: Quality
  /**
   * One standard deviation, in joules, of a model that gave `joules` over `seconds`: it does not
   * average out, neither over time nor over domains. Only for estimates.
   */
  readonly modelSigma?: (joules: number, seconds: number) => number
}

/** A domain of the addon. */
export function channelOf(domain: NativeDomain): Channel {
  return { ...domain, quality: domain.modelled ? 'modelled' : 'measured' }
}

/** Doubles before the first domain in a reading, and those of one domain. */
const HEADER = 3
const FIELDS = TALLY.length
const at = Object.fromEntries(TALLY.map((name, index) => [name, index])) as Record<
  (typeof TALLY)[number],
  number
>

/** A reading of so many domains, all zero; of its lag nothing is known, its method is the usual one. */
export function emptyReading(domains: number): Reading {
  const reading = new Float64Array(columnOf(domains))
  for (let index = 0; index < domains; index++) {
    reading[columnOf(index) + at.lagVariance] = -1
    reading[columnOf(index) + at.method] = -1
  }
  return reading
}

/** Where domain `index` begins in a reading. */
export function columnOf(index: number): number {
  return HEADER + FIELDS * index
}

/** Joules since start of domain `index` in a reading. */
export function joulesOf(reading: Reading, index: number): number {
  return reading[columnOf(index) + at.joules]!
}

/** Kinds of domain that hold the energy of processors. */
const PROCESSORS = ['package', 'core', 'uncore', 'cpu', 'cpu-core', 'psys', 'module', 'platform']

/** Whether a domain brings a processor's energy into the total. */
export function isProcessor({ additive, kind }: Pick<Domain, 'additive' | 'kind'>): boolean {
  return additive && PROCESSORS.includes(kind)
}

/** Whether a domain belongs to a graphics card or accelerator, whole or part. */
export function isGpu({ kind }: Pick<Domain, 'kind'>): boolean {
  return /^gpu(-|$)/.test(kind)
}

/** The public face of a channel. */
export function toDomain(channel: Channel): Domain {
  const { id, kind, source, additive, parent, path, device, method, quality } = channel
  return {
    id,
    kind,
    source,
    additive,
    ...(parent && { parent }),
    ...(path && { path }),
    ...(Object.keys(device).length > 0 && { device: { ...device } }),
    method,
    quality,
  }
}

/** Standard deviation of a uniform distribution of width 1. */
const UNIFORM = 1 / Math.sqrt(12)
/** A value of unknown period is taken to be refreshed at least this often, in seconds. */
const SLOWEST_UPDATE = 0.1
/** A counter that has not moved in this many of its updates is not believed to have read zero. */
const STALE_UPDATES = 20
/** Less than this, in seconds, may be a thread that was held up between two clocks. */
const SHORTEST_SUSPENSION = 0.5
/** A counter and a gauge are compared over at least so many seconds, and may differ by this share. */
const COMPARABLE_SECONDS = 60
const COMPARABLE_SHARE = 0.05
/** After these some time may not be covered. */
const UNCOVERING: readonly Flag[] = ['reset', 'backwards', 'gap']

interface Part {
  energy: DomainEnergy
  call: number
  coverage: number
  /** Joules of error from not knowing when the counter last moved; shared by one source's domains. */
  timing: number
  /** Joules² of what its own readings know of their lag; shared by the domains of one system call. */
  lag: number
  /** Joules² of errors that are the domain's own. */
  variance: number
  /** Joules of error of a model; shared by all of its domains. */
  model: number
  warnings: string[]
}

/**
 * The energy between two readings of the same meter, `from` the earlier one.
 * @param first the meter's first reading: a domain that did not move between the two is given its
 *   mean power since then when its uncertainty is made
 *
 * Variance of a counter's energy E over T seconds at P = E/T watts, updated every u seconds, where
 * its reading lies within s seconds of either end: (P·u)²/12 + (P·s)²/3 for each, 2·q²/12 for the count
 * q, (g·E)² for the relative error g of the unit, (P·m)² for m seconds of which nothing is known.
 * That of the ends is common to the domains of one source and adds linearly among them; the others
 * add in quadrature. Where a reading knows how far its value may lag, that variance stands in for
 * its end's, and is common to the domains of one system call; the other end, where it is blind, then has (P·u)²/3, for
 * nothing offsets the half of an update that it lags on average. A gauge's errors that do not average out add linearly in time.
 */
export function energyBetween(
  channels: readonly Channel[],
  from: Reading,
  to: Reading,
  first: Reading,
): Energy {
  const seconds = Math.max(0, (to[0]! - from[0]!) / 1000)
  const parts = channels.map((channel, index) => partOf(channel, index, seconds, from, to, first))
  const additive = parts.filter((part) => part.energy.additive)
  const joules = sum(additive.map((part) => part.energy.joules))
  const domains = parts.map((part) => part.energy)
  const processors = domains.filter(isProcessor)
  if (processors.length > 0 && seconds > 0) {
    const watts = sum(processors.map((domain) => domain.joules)) / seconds
    domains.push(selfDomain((to[1]! - from[1]!) / 1000, watts))
  }
  return {
    joules,
    uncertaintyJoules: combine(additive),
    seconds,
    watts: seconds > 0 ? joules / seconds : 0,
    quality: weakest(additive.map((part) => part.energy.quality)),
    coverage: additive.length > 0 ? Math.min(...additive.map((part) => part.coverage)) : 0,
    domains,
    warnings: [...suspension(from, to), ...parts.flatMap((part) => part.warnings)],
  }
}

/** The clock stands still while the machine is suspended, and what it uses then is not measured. */
function suspension(from: Reading, to: Reading): string[] {
  const seconds = (to[2]! - from[2]!) / 1000
  if (seconds < SHORTEST_SUSPENSION) return []
  return [`The machine was suspended for ${seconds.toFixed(1)} s, which are not measured.`]
}

function partOf(
  channel: Channel,
  index: number,
  seconds: number,
  from: Reading,
  to: Reading,
  first: Reading,
): Part {
  const offset = columnOf(index)
  const grown = (field: number) => to[offset + field]! - from[offset + field]!
  const joules = Math.max(0, grown(at.joules))
  const read = to[offset + at.fresh] === 1 && from[offset + at.fresh] === 1
  const counted = channel.method === 'energy-counter'
  const still = read && joules === 0 && seconds > 0 && counted && !channel.mayRest
  const update = channel.updateSeconds || SLOWEST_UPDATE

  const flags: Flag[] = []
  if (still || grown(at.stalls) > 0) flags.push('stale')
  if (grown(at.ambiguous) > 0) flags.push('ambiguous-wrap')
  if (grown(at.resets) > 0) flags.push('reset')
  if (grown(at.backwards) > 0) flags.push('backwards')
  if (grown(at.failures) > 0 || !read) flags.push('gap')
  if (grown(at.bridged) > 0) flags.push('interpolated')

  const disbelieved = still && seconds > STALE_UPDATES * update
  const troubled = grown(at.stalls) > 0 || flags.some((flag) => UNCOVERING.includes(flag))
  const known = disbelieved ? 0 : troubled ? grown(at.coveredMs) / 1000 : seconds
  const coverage = seconds > 0 ? Math.min(1, Math.max(0, known / seconds)) : 1

  const watts =
    joules > 0
      ? joules / (coverage * seconds || seconds)
      : usualWatts(channel, index, to, first, coverage > 0)
  const phase = Math.min(update, 2 * seconds)
  const ends = [from, to].map((reading) => reading[offset + at.lagVariance]!)
  const skews = [from, to].map((reading) => (2 * reading[offset + at.skewMs]!) / 1000)
  // Blind readings lag by half an update on average: of two of them that drops out, of one it stays.
  const lone = counted && ends.filter((lag) => lag < 0).length === 1 ? 2 : 1
  const phases = ends.map((lag) => (lag < 0 ? lone * phase : 0))
  const timing = UNIFORM * watts * Math.hypot(...phases, ...skews)
  const variance =
    2 * (channel.unitJoules * UNIFORM) ** 2 +
    (channel.gain * joules) ** 2 +
    (watts * (1 - coverage) * seconds) ** 2 +
    Math.max(0, grown(at.variance)) +
    Math.max(0, grown(at.bias)) ** 2
  const lag = sum(ends.map((variance) => Math.max(0, variance)))
  const model = channel.modelSigma?.(joules, seconds) ?? 0
  const energy: DomainEnergy = {
    ...toDomain(channel),
    method: METHODS[to[offset + at.method]!] ?? channel.method,
    joules,
    uncertaintyJoules: Math.sqrt(timing ** 2 + lag + variance + model ** 2),
    flags,
  }
  const warnings = channel.additive ? warningsOf(energy, coverage, disbelieved) : []
  if (counted) warnings.push(...comparison(energy, grown(at.excess), seconds))
  return { energy, call: channel.call, coverage, timing, lag, variance, model, warnings }
}

/** Mean power since the meter's first reading; half of what is believable if that says nothing. */
function usualWatts(
  channel: Channel,
  index: number,
  to: Reading,
  first: Reading,
  known: boolean,
): number {
  const seconds = (to[0]! - first[0]!) / 1000
  const joules = joulesOf(to, index) - joulesOf(first, index)
  if (seconds > 0 && joules > 0) return joules / seconds
  const resting = channel.method !== 'energy-counter' || channel.mayRest
  return resting && known ? 0 : channel.maxWatts / 2
}

function combine(parts: readonly Part[]): number {
  const timing = sumBy(parts, ({ energy, timing }) => [energy.source, timing])
  const lags = sumBy(parts, ({ energy, call, lag }) => [
    call < 0 ? energy.id : `${energy.source} ${call}`,
    Math.sqrt(lag),
  ])
  return Math.sqrt(
    sum([...timing, ...lags].map((joules) => joules ** 2)) +
      sum(parts.map((part) => part.variance)) +
      sum(parts.map((part) => part.model)) ** 2,
  )
}

/** The sums of what has the same key. */
function sumBy(parts: readonly Part[], entry: (part: Part) => readonly [string, number]): number[] {
  const sums = new Map<string, number>()
  for (const [key, value] of parts.map(entry)) sums.set(key, (sums.get(key) ?? 0) + value)
  return [...sums.values()]
}

function warningsOf(energy: DomainEnergy, coverage: number, disbelieved: boolean): string[] {
  const { id, flags } = energy
  const sentences: string[] = []
  if (disbelieved) {
    sentences.push(`${id} did not move: its counter stands still, which does not mean zero joules.`)
  } else if (flags.includes('stale') && energy.joules === 0) {
    sentences.push(`${id} did not move: the time was shorter than its updates.`)
  } else if (flags.includes('stale') && energy.method !== 'energy-counter') {
    sentences.push(
      `${id} has an energy counter that stands still: its power was integrated instead.`,
    )
  } else if (flags.includes('stale')) {
    sentences.push(`${id} stood still for over a second; what it used then may be missing.`)
  }
  if (flags.includes('reset')) {
    const meanwhile = coverage < 0.999 ? 'is missing' : 'is known by its power alone'
    sentences.push(`${id} began anew; what it used between two readings ${meanwhile}.`)
  }
  if (flags.includes('backwards')) {
    sentences.push(`${id} jumped; what cannot have been used was left out.`)
  }
  if (flags.includes('ambiguous-wrap')) {
    sentences.push(
      `${id} was not read in time: it may have wrapped unseen, and its joules be too few.`,
    )
  }
  if (!disbelieved && coverage === 0) {
    sentences.push(`${id} could not be read; its joules are missing.`)
  } else if (!disbelieved && coverage < 0.999) {
    const percent = (100 * coverage).toFixed(1)
    sentences.push(`${id} is known for ${percent} % of the time; the rest is not in its joules.`)
  } else if (flags.includes('interpolated')) {
    sentences.push(`${id} could not be read at times; its power was taken from before and after.`)
  } else if (flags.includes('gap')) {
    const kept = energy.method === 'energy-counter' ? '; its counter lost nothing by that' : ''
    sentences.push(`${id} could not be read at times${kept}.`)
  }
  return sentences
}

/** What a power gauge beside the counter has to say, where that is long enough to tell. */
function comparison({ id, joules, method }: DomainEnergy, excess: number, seconds: number) {
  if (method !== 'energy-counter' || seconds < COMPARABLE_SECONDS || joules <= 0) return []
  const share = excess / joules
  if (Math.abs(share) <= COMPARABLE_SHARE) return []
  const percent = `${Math.abs(100 * share).toFixed(0)} % ${share > 0 ? 'more' : 'less'}`
  return [
    `${id}: its power gauge tells ${percent} than its energy counter, whose joules these are.`,
  ]
}

const QUALITIES: readonly Quality[] = ['measured', 'modelled', 'estimated']

/** That of the least to be trusted. */
export function weakest(qualities: readonly Quality[]): Quality {
  return QUALITIES[Math.max(0, ...qualities.map((quality) => QUALITIES.indexOf(quality)))]!
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
