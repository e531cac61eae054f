// The footprint of energy: the intensity that is followed while it is used, and what is told at the end.
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import type { Energy } from '../../lib/energy'
import { watchCarbon } from '../../lib/tracker'
import { pointOf } from '../support/intensity'

const KWH = 3_600_000

function energyOf(joules: number, seconds: number): Energy {
  const domain = {
    id: 'package-0',
    kind: 'package',
    source: 'made',
    additive: true,
    method: 'energy-counter',
    quality: 'measured',
    joules,
    uncertaintyJoules: 0,
    flags: [],
  } as const
  return {
    joules,
    uncertaintyJoules: joules / 100,
    seconds,
    watts: joules / seconds,
    quality: 'measured',
    coverage: 1,
    domains: [{ ...domain, flags: [] }],
    warnings: [],
  }
}

describe('watchCarbon', () => {
  const startedAt = new Date(Date.now() - 3_600_000)
  const none = { energy: () => energyOf(0, 1) }

  it('tells the footprint by a table, with the place', async () => {
    const watch = watchCarbon(none, startedAt, { live: false, place: 'DK', pue: 1.5 })
    const { carbon, warnings } = await watch.end(energyOf(KWH, 3600))
    expect(carbon!.grams).to.be.closeTo(1.5 * carbon!.intensity.gramsPerKWh, 1e-9)
    expect(carbon!.uncertaintyGrams).to.be.closeTo(carbon!.grams / 100, 1e-9)
    expect(carbon!.location).to.include({ country: 'DK', name: 'Denmark' })
    expect(carbon!.domains[0]!.grams).to.be.closeTo(carbon!.grams, 1e-9)
    expect(warnings.join()).to.contain('DK-DK1')
  })

  it('takes each joule at the intensity of its time where a service tells it', async () => {
    const at = (seconds: number) => new Date(startedAt.getTime() + 1000 * seconds)
    const stretch = { start: at(0), end: at(1800) }
    const points = [
      pointOf(0, 1, 100, stretch),
      pointOf(0, 1, 300, { start: at(1800), end: at(3600) }),
    ]
    const provider = { id: 'made', covers: () => true, range: async () => points }
    const watch = watchCarbon(none, startedAt, { live: provider, place: 'DK', pue: 1 })
    const { carbon } = await watch.end(energyOf(KWH, 3600))
    expect(carbon!.grams).to.be.closeTo(200, 1e-6)
    expect(carbon!.parts.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([100, 300])
  })

  it('looks at the energy now and then, and uses what was said where the service fails at the end', async () => {
    const begun = new Date()
    const since = () => (Date.now() - begun.getTime()) / 1000
    let used = 0
    const meter = {
      energy() {
        used += 1000
        return energyOf(used, since())
      },
    }
    let fails = false
    let asked = 0
    const provider = {
      id: 'made',
      covers: () => true,
      range: async (_: unknown, from: Date, to: Date) => {
        asked++
        if (fails) throw new Error('on strike')
        return [pointOf(0, 1, 250, { start: from, end: new Date(to.getTime() + 60_000) })]
      },
    }
    const watch = watchCarbon(meter, begun, { live: provider, place: 'DK', pue: 1 }, 20)
    while (asked < 3) await delay(5)
    fails = true
    const { carbon, warnings } = await watch.end(energyOf(10_000, since()))
    expect(carbon!.grams).to.be.closeTo((250 * 10_000) / KWH, 1e-9)
    expect(carbon!.parts.length).to.be.at.least(3)
    expect(carbon!.intensity).to.include({ source: 'made', status: 'measured' })
    expect(warnings.join()).to.contain('what it said during the run was used')
  })

  it('remembers what the service has forgotten at the end', async () => {
    const startedAt = new Date()
    const middle = new Date(startedAt.getTime() + 3_600_000)
    const end = new Date(startedAt.getTime() + 7_200_000)
    let isEnd = false
    let asked = 0
    const range = async (_: unknown, from: Date) => {
      asked++
      return isEnd
        ? [pointOf(0, 1, 300, { start: middle, end })]
        : [pointOf(0, 1, 100, { start: from, end: middle })]
    }
    const live = { id: 'made', covers: () => true, range }
    const watch = watchCarbon(none, startedAt, { live, place: 'DK', pue: 1 }, 5)
    while (asked < 1) await delay(1)
    isEnd = true
    const { carbon } = await watch.end(energyOf(KWH, 7200))
    expect(carbon!.coverage).to.equal(1)
    const byRate = (rate: number) =>
      carbon!.parts
        .filter(({ gramsPerKWh }) => gramsPerKWh === rate)
        .reduce((joules, part) => joules + part.joules, 0)
    expect(byRate(100)).to.be.closeTo(KWH / 2, KWH / 100)
    expect(byRate(300)).to.be.closeTo(KWH / 2, KWH / 100)
  })

  it('leaves no joule out, however soon after the last look the end comes', async () => {
    const begun = new Date()
    let looks = 0
    const meter = {
      energy() {
        looks++
        return energyOf(1000 * looks, 3600)
      },
    }
    const [start, end] = [-1, 1].map((hours) => new Date(begun.getTime() + hours * 3_600_000))
    const point = pointOf(0, 1, 100, { start: start!, end: end! })
    const live = { id: 'made', covers: () => true, range: async () => [point] }
    const watch = watchCarbon(meter, begun, { live, place: 'DK', pue: 1 }, 5)
    while (looks < 2) await delay(1)
    // By the meter it ended before it was last looked at.
    const { carbon } = await watch.end(energyOf(50_000, 1e-6))
    expect(carbon!.grams).to.be.closeTo((100 * 50_000) / KWH, 1e-9)
  })

  it('never fails, whatever the place', async () => {
    const watch = watchCarbon(none, startedAt, { live: false, place: 'Narnia', pue: 1 })
    const { carbon, warnings } = await watch.end(energyOf(1, 1))
    expect(carbon).to.equal(null)
    expect(warnings.join()).to.match(/^No footprint: the place must be a country/)
  })
})
