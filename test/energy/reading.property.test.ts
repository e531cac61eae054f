/** Spans and points for any readings: parts add up to the whole, and nothing is ever negative. */
import { expect } from 'chai'
import { createPoints } from '../../lib/energy/feed'
import {
  type Channel,
  columnOf,
  emptyReading,
  energyBetween,
  joulesOf,
  type Reading,
} from '../../lib/energy/reading'
import { METHODS, TALLY } from '../../lib/native'

/** `SEED=… npx mocha …` repeats a run. */
const SEED = Number(process.env.SEED ?? 20260128)
const NANOJOULE = 1e-9

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = generator(SEED)
const between = (low: number, high: number) => low + (high - low) * random()
const whole = (low: number, high: number) => Math.floor(between(low, high + 1))
const chance = (one: number) => random() * one < 1
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)

type Field = (typeof TALLY)[number]
const fieldAt = (domain: number, field: Field): number => columnOf(domain) + TALLY.indexOf(field)

function anyChannel(index: number): Channel {
  const estimated = chance(8)
  return {
    id: `package-${index}`,
    kind: 'package',
    source: ['rapl-perf', 'hwmon', 'nvml'][whole(0, 2)]!,
    path: '',
    device: {},
    parent: '',
    role: 'root',
    additive: index === 0 || !chance(4),
    method: METHODS[whole(0, METHODS.length - 1)]!,
    mayRest: chance(3),
    modelled: chance(3),
    call: -1,
    unitJoules: chance(4) ? 0 : 2 ** -whole(0, 18),
    updateSeconds: chance(4) ? 0 : 10 ** between(-4, 0),
    wrapJoules: chance(2) ? 0 : 2 ** 18,
    maxWatts: between(1, 1000),
    gain: chance(2) ? 0 : 0.05,
    quality: estimated ? 'estimated' : 'measured',
    ...(estimated && { modelSigma: (joules: number) => 0.3 * joules }),
  }
}

/** Flaws that only grow. */
const FLAWS: readonly Field[] = [
  'wraps',
  'resets',
  'backwards',
  'ambiguous',
  'failures',
  'stalls',
  'bridged',
]

/** What a sampler may give next: later, and nothing cumulative smaller. */
function nextReading(before: Reading, domains: number): Reading {
  const reading = Float64Array.from(before)
  const seconds = chance(12) ? 0 : 10 ** between(-5, 2)
  reading[0] = before[0]! + 1000 * seconds
  reading[1] = chance(3) ? 0 : between(0, 5)
  for (let index = 0; index < domains; index++) {
    const add = (field: Field, value: number) => {
      const at = fieldAt(index, field)
      reading[at] = reading[at]! + value
    }
    const set = (field: Field, value: number) => {
      reading[fieldAt(index, field)] = value
    }
    const covered = chance(6) ? between(0, seconds) : seconds
    const joules = chance(5) ? 0 : between(0, 400) * covered
    add('joules', joules)
    add('coveredMs', 1000 * covered)
    if (chance(3)) add('variance', between(0, 1e-3) * joules ** 2)
    if (chance(3)) add('bias', between(0, 1e-2) * joules)
    add('excess', between(-1, 1) * joules)
    for (const flaw of FLAWS) if (chance(10)) add(flaw, whole(1, 3))
    set('lagVariance', chance(2) ? -1 : between(0, 1))
    set('method', chance(2) ? -1 : whole(0, METHODS.length - 1))
    set('fresh', chance(8) ? 0 : 1)
  }
  return reading
}

function anyReadings(domains: number, count: number): Reading[] {
  const first = emptyReading(domains)
  first[0] = between(0, 1e9)
  const readings = [first]
  while (readings.length < count) readings.push(nextReading(readings.at(-1)!, domains))
  return readings
}

describe(`energy between any two readings (SEED=${SEED})`, function () {
  this.timeout(20_000)

  it('is the sum of that of its parts, domain by domain and in total', () => {
    for (let run = 0; run < 500; run++) {
      const channels = Array.from({ length: whole(1, 6) }, (_, index) => anyChannel(index))
      const readings = anyReadings(channels.length, whole(2, 12))
      const first = readings[0]!
      const energy = (from: Reading, to: Reading) => energyBetween(channels, from, to, first)
      const parts = readings.slice(1).map((to, index) => energy(readings[index]!, to))
      const all = energy(first, readings.at(-1)!)
      expect(sum(parts.map((part) => part.joules))).to.be.closeTo(all.joules, NANOJOULE)
      expect(sum(parts.map((part) => part.seconds))).to.be.closeTo(all.seconds, 1e-6)
      channels.forEach((channel, index) => {
        const told = parts.map((part) => part.domains[index]!.joules)
        const domain = all.domains[index]!
        expect(domain.id).to.equal(channel.id)
        expect(sum(told), channel.id).to.be.closeTo(domain.joules, NANOJOULE)
        const grown = joulesOf(readings.at(-1)!, index) - joulesOf(first, index)
        expect(domain.joules).to.equal(grown)
      })
      const additive = all.domains.filter((domain) => domain.additive)
      expect(sum(additive.map((domain) => domain.joules))).to.equal(all.joules)
    }
  })

  it('is never negative, and neither is its uncertainty, which is finite', () => {
    for (let run = 0; run < 500; run++) {
      const channels = Array.from({ length: whole(1, 6) }, (_, index) => anyChannel(index))
      const readings = anyReadings(channels.length, 6)
      const [from, to] = [whole(0, 5), whole(0, 5)].sort()
      const energy = energyBetween(channels, readings[from!]!, readings[to!]!, readings[0]!)
      const told = [energy, ...energy.domains]
      for (const { joules, uncertaintyJoules } of told) {
        expect(joules).to.be.at.least(0)
        expect(uncertaintyJoules).to.be.at.least(0)
        expect(Number.isFinite(uncertaintyJoules), 'finite').to.equal(true)
      }
      expect(energy.watts).to.be.at.least(0)
      expect(Number.isFinite(energy.watts)).to.equal(true)
      expect(energy.coverage).to.be.within(0, 1)
      // At least what the surest domain leaves, at most all errors in one direction.
      const additive = energy.domains.filter((domain) => domain.additive)
      const errors = additive.map((domain) => domain.uncertaintyJoules)
      const slack = 1 + 1e-9
      expect(energy.uncertaintyJoules).to.be.at.most(sum(errors) * slack)
      expect(energy.uncertaintyJoules * slack).to.be.at.least(Math.max(...errors))
    }
  })

  it('is zero where counts fall, which no sampler gives', () => {
    for (let run = 0; run < 500; run++) {
      const channels = [anyChannel(0)]
      const [from, to] = anyReadings(1, 2)
      const energy = energyBetween(channels, to!, from!, from!)
      expect(energy.joules).to.equal(0)
      expect(energy.seconds).to.equal(0)
      expect(energy.uncertaintyJoules).to.be.at.least(0)
    }
  })
})

describe(`joules between points (SEED=${SEED})`, function () {
  this.timeout(20_000)

  it('pass through the points, never fall, and add up over any parts', () => {
    for (let run = 0; run < 200; run++) {
      const domains = whole(1, 3)
      const kept = anyReadings(domains, whole(2, 40))
      const points = createPoints()
      for (const point of kept) points.keep(point)
      const [first, last] = [kept[0]!, kept.at(-1)!]
      const times = Array.from({ length: 30 }, () => between(first[0]!, last[0]!)).sort(
        (a, b) => a - b,
      )
      const all = [first[0]!, ...times, last[0]!]
      for (let channel = 0; channel < domains; channel++) {
        const joules = all.map((time) => points.joulesAt(time, channel))
        const parts = joules.slice(1).map((value, index) => value - joules[index]!)
        const total = joulesOf(last, channel) - joulesOf(first, channel)
        // An interpolated value is off by a rounding of the greatest.
        const rounding = 1e-15 * joulesOf(last, channel)
        expect(Math.min(...parts)).to.be.at.least(-rounding)
        expect(sum(parts)).to.be.closeTo(total, NANOJOULE)
        for (const time of times) {
          const value = points.joulesAt(time, channel)
          const after = kept.findIndex((point) => point[0]! >= time)
          expect(value).to.be.within(
            joulesOf(kept[Math.max(0, after - 1)]!, channel) - rounding,
            joulesOf(kept[after]!, channel) + rounding,
          )
        }
      }
    }
  })

  it('are those of even power between two points', () => {
    for (let run = 0; run < 500; run++) {
      const points = createPoints()
      const [from, to] = anyReadings(1, 2)
      points.keep(from!)
      points.keep(to!)
      const share = random()
      const gap = to![0]! - from![0]!
      if (gap === 0) continue
      const expected = joulesOf(to!, 0) * share
      // A time in milliseconds since boot is not known to more than a rounding of itself.
      const rounding = ((2 * Number.EPSILON * to![0]!) / gap + 1e-15) * joulesOf(to!, 0)
      expect(points.joulesAt(from![0]! + gap * share, 0)).to.be.closeTo(expected, rounding)
    }
  })
})
