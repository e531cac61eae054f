// The arithmetic from two readings to an energy, on readings written by hand.
import { cpus } from 'node:os'
import { expect } from 'chai'
import { type Channel, columnOf, emptyReading, energyBetween } from '../../lib/energy/reading'
import { METHODS, TALLY } from '../../lib/native'

const TU = 2 ** -10

function channel(id: string, given: Partial<Channel> = {}): Channel {
  return {
    id,
    kind: id.split('-')[0]!,
    source: 'rapl-powercap',
    path: '',
    device: {},
    parent: '',
    role: 'root',
    additive: true,
    method: 'energy-counter',
    mayRest: false,
    modelled: false,
    call: -1,
    unitJoules: 2 ** -14,
    updateSeconds: TU,
    wrapJoules: 2 ** 18,
    maxWatts: 500,
    gain: 0,
    quality: 'measured',
    ...given,
  }
}

type Tally = Partial<Record<(typeof TALLY)[number], number>>

function reading(seconds: number, ...tallies: Tally[]): Float64Array {
  const made = emptyReading(tallies.length)
  made[0] = 1000 * seconds
  tallies.forEach((tally, index) => {
    const full: Tally = { coveredMs: 1000 * seconds, fresh: 1, ...tally }
    TALLY.forEach((field, at) => {
      made[columnOf(index) + at] =
        full[field] ?? (['lagVariance', 'method'].includes(field) ? -1 : 0)
    })
  })
  return made
}

function energy(channels: Channel[], from: Float64Array, to: Float64Array) {
  return energyBetween(channels, from, to, from)
}

describe('energy between two readings', () => {
  it('sums additive domains and no others', () => {
    const channels = [
      channel('package-0'),
      channel('core-0', { additive: false, role: 'part', parent: 'package-0' }),
      channel('package-1'),
    ]
    const from = reading(1, { joules: 10 }, { joules: 4 }, { joules: 1 })
    const to = reading(3, { joules: 140 }, { joules: 84 }, { joules: 19.5 })
    const { joules, seconds, watts, coverage, quality, warnings, domains } = energy(
      channels,
      from,
      to,
    )
    expect(joules).to.equal(130 + 18.5)
    expect(seconds).to.equal(2)
    expect(watts).to.equal(148.5 / 2)
    expect({ coverage, quality, warnings }).to.deep.equal({
      coverage: 1,
      quality: 'measured',
      warnings: [],
    })
    expect(domains.map(({ joules }) => joules)).to.deep.equal([130, 80, 18.5, 0])
    expect(domains[1]).to.include({ parent: 'package-0', additive: false })
  })

  it('gives the blind phase error of both ends, and the count', () => {
    const to = reading(2, { joules: 130 })
    const [domain] = energy([channel('package-0')], reading(0, {}), to).domains
    const phase = (Math.SQRT2 * 65 * TU) / Math.sqrt(12)
    const count = Math.SQRT2 * (2 ** -14 / Math.sqrt(12))
    expect(domain!.uncertaintyJoules).to.be.closeTo(Math.hypot(phase, count), 1e-12)
  })

  it('adds the time by which each reading may lie from its end', () => {
    const between = (one: number, other: number) =>
      energy(
        [channel('package-0')],
        reading(0, { skewMs: one }),
        reading(2, { joules: 130, skewMs: other }),
      ).uncertaintyJoules
    const uniform = (65 * 0.005) ** 2 / 3
    expect(between(3, 4) ** 2 - between(0, 0) ** 2).to.be.closeTo(uniform, 1e-12)
  })

  it('tells what measuring used: between an even share of the processors and all of their power', () => {
    const [from, to] = [reading(0, {}, {}), reading(2, { joules: 130 }, { joules: 40 })]
    from[1] = 10 // ms of CPU time
    to[1] = 12
    const channels = [channel('package-0'), channel('gpu-0', { source: 'nvml' })]
    const { domains, joules } = energy(channels, from, to)
    const most = 65 * 0.002
    const least = most / cpus().length
    expect(joules).to.equal(170)
    expect(domains.at(-1)).to.deep.include({ id: 'self', additive: false, quality: 'estimated' })
    expect(domains.at(-1)!.joules).to.be.closeTo((most + least) / 2, 1e-12)
    expect(domains.at(-1)!.uncertaintyJoules).to.be.closeTo((most - least) / Math.sqrt(12), 1e-12)
    expect(energy(channels.slice(1), from, to).domains).to.have.lengthOf(1)
  })

  it('adds the phase error within a source, and in quadrature between sources', () => {
    const to = reading(1, { joules: 60 }, { joules: 60 })
    const from = reading(0, {}, {})
    const exact = { unitJoules: 0 }
    const one = energy([channel('package-0', exact)], reading(0, {}), reading(1, { joules: 60 }))
    const same = energy([channel('package-0', exact), channel('package-1', exact)], from, to)
    const other = energy(
      [channel('package-0', exact), channel('gpu-0', { ...exact, source: 'hwmon' })],
      from,
      to,
    )
    expect(same.uncertaintyJoules).to.be.closeTo(2 * one.uncertaintyJoules, 1e-12)
    expect(other.uncertaintyJoules).to.be.closeTo(Math.SQRT2 * one.uncertaintyJoules, 1e-12)
  })

  it('adds the errors of a model linearly', () => {
    const modelSigma = (joules: number) => 0.5 * joules
    const estimate = {
      quality: 'estimated',
      modelSigma,
      unitJoules: 0,
      updateSeconds: 1e-9,
    } as const
    const channels = [channel('package-0', estimate), channel('package-1', estimate)]
    const total = energy(channels, reading(0, {}, {}), reading(1, { joules: 30 }, { joules: 50 }))
    expect(total.uncertaintyJoules).to.be.closeTo(40, 1e-6)
    expect(total.quality).to.equal('estimated')
  })

  it('takes the weakest quality of what is summed', () => {
    const weak = channel('core-0', { additive: false, quality: 'estimated' })
    const modelled = channel('package-1', { quality: 'modelled' })
    const to = reading(1, { joules: 1 }, { joules: 1 }, { joules: 1 })
    const from = reading(0, {}, {}, {})
    expect(energy([channel('package-0'), weak, modelled], from, to).quality).to.equal('modelled')
  })

  it('never gives a silent zero', () => {
    const stuck = energy([channel('package-0')], reading(0, {}), reading(2, { coveredMs: 900 }))
    expect(stuck.coverage).to.equal(0)
    expect(stuck.domains[0]!.flags).to.deep.equal(['stale'])
    expect(stuck.warnings).to.have.length(1)
    expect(stuck.uncertaintyJoules).to.be.closeTo(500, 1) // half of 500 W for 2 s
  })

  it('lets a device rest that may be switched off', () => {
    const gpu = channel('gpu-0', { mayRest: true })
    const { coverage, domains, warnings } = energy([gpu], reading(0, {}), reading(2, {}))
    expect({ coverage, warnings }).to.deep.equal({ coverage: 1, warnings: [] })
    expect(domains[0]!.flags).to.deep.equal([])
  })

  it('says of a stretch shorter than an update that it cannot tell', () => {
    const from = reading(10, { joules: 100 })
    const to = reading(10.0005, { joules: 100 })
    const short = energyBetween([channel('package-0')], from, to, reading(0, {}))
    expect(short.joules).to.equal(0)
    expect(short.domains[0]!.flags).to.deep.equal(['stale'])
    // The mean power of the meter's life, 10 W, over an unknown phase of at most twice the stretch.
    expect(short.uncertaintyJoules).to.be.within(0.002, 0.01)
    expect(short.warnings[0]).to.match(/shorter than its updates/)
  })

  const flaws: [keyof Tally, string][] = [
    ['resets', 'reset'],
    ['backwards', 'backwards'],
    ['ambiguous', 'ambiguous-wrap'],
    ['failures', 'gap'],
    ['bridged', 'interpolated'],
    ['stalls', 'stale'],
  ]
  for (const [field, flag] of flaws) {
    it(`flags ${flag} in the stretch where it happened, and only there`, () => {
      const before = reading(1, { joules: 1 })
      const after = reading(2, { joules: 2, [field]: 1 })
      const later = reading(3, { joules: 3, [field]: 1 })
      expect(energy([channel('package-0')], before, after).domains[0]!.flags).to.deep.equal([flag])
      expect(energy([channel('package-0')], after, later).domains[0]!.flags).to.deep.equal([])
    })
  }

  it('says how much of the time is known', () => {
    const part = energy(
      [channel('package-0')],
      reading(0, {}),
      reading(10, { joules: 20, coveredMs: 4000, failures: 60 }),
    )
    expect(part.coverage).to.equal(0.4)
    expect(part.uncertaintyJoules).to.be.closeTo(30, 0.01) // 5 W for the other 6 s
    expect(part.warnings.join()).to.contain('40.0 %')
  })

  it('reports the time for which the machine was suspended', () => {
    const [from, to] = [reading(0, {}), reading(2, { joules: 130 })]
    to[2] = 3_600_000
    const { seconds, warnings } = energy([channel('package-0')], from, to)
    expect(seconds).to.equal(2)
    expect(warnings).to.deep.equal([
      'The machine was suspended for 3600.0 s, which are not measured.',
    ])
  })

  describe('of a device that knows how far its value lags', () => {
    const card = (id: string, given: Partial<Channel> = {}) =>
      channel(id, { source: 'nvml', mayRest: true, unitJoules: 0, updateSeconds: 0.1, ...given })
    const known = (joules: number, lagVariance: number, more: Tally = {}) => ({
      joules,
      lagVariance,
      ...more,
    })

    it('takes the lag of each end for the error of that end, and a lag of nothing for none', () => {
      const to = reading(2, known(400, 9))
      const [both] = energy([card('gpu-0')], reading(0, known(0, 16)), to).domains
      expect(both!.uncertaintyJoules).to.be.closeTo(5, 1e-12)
      const [one] = energy([card('gpu-0')], reading(0, known(0, 0)), to).domains
      expect(one!.uncertaintyJoules).to.be.closeTo(3, 1e-12)
    })

    it('lets an end of which nothing is known lag by up to an update, and by half of one on average', () => {
      const meanSquare = ((200 * 0.1) ** 2 * (1 + 3)) / 12
      const blind = (from: Tally, to: Tally) =>
        energy([card('gpu-0')], reading(0, from), reading(2, to)).uncertaintyJoules ** 2
      expect(blind({}, known(400, 9))).to.be.closeTo(9 + meanSquare, 1e-9)
      expect(blind(known(0, 9), { joules: 400 })).to.be.closeTo(9 + meanSquare, 1e-9)
      // Where both lag so the averages offset each other.
      expect(blind({}, { joules: 400 })).to.be.closeTo((2 * (200 * 0.1) ** 2) / 12, 1e-9)
    })

    it('adds those of several devices in quadrature, for they are their own', () => {
      const channels = [card('gpu-0'), card('gpu-1')]
      const from = reading(0, known(0, 0), known(0, 0))
      const total = energy(channels, from, reading(1, known(100, 9), known(100, 16)))
      expect(total.uncertaintyJoules).to.be.closeTo(5, 1e-12)
    })

    it('adds what does not average out linearly in time', () => {
      const gauge = [card('gpu-0', { method: 'power-gauge' })]
      const at = (seconds: number) =>
        reading(seconds, known(100 * seconds, 0, { bias: 7 * seconds }))
      const sigma = (seconds: number) => energy(gauge, at(0), at(seconds)).uncertaintyJoules
      expect(sigma(1)).to.be.closeTo(7, 1e-12)
      expect(sigma(10)).to.be.closeTo(70, 1e-12)
      // What turned out better than it was feared to be takes nothing away.
      expect(
        energy(gauge, at(1), reading(2, known(200, 4, { bias: 0 }))).uncertaintyJoules,
      ).to.equal(2)
    })

    it('says how its joules came about at the end', () => {
      const to = reading(1, known(100, 0, { method: METHODS.indexOf('power-average') }))
      expect(energy([card('gpu-0')], reading(0, {}), to).domains[0]!.method).to.equal(
        'power-average',
      )
    })

    it('does not take a device that could not be read for one that rests', () => {
      const lost = reading(10, { coveredMs: 0, failures: 50, fresh: 0 })
      const [gone] = energy([card('gpu-0')], reading(0, {}), lost).domains
      expect(gone!.uncertaintyJoules).to.be.closeTo(2500, 1) // half of the 500 W that are believed
      expect(gone!.flags).to.include('gap')
    })

    for (const [seconds, share, words] of [
      [60, 1.06, '6 % more'],
      [60, 0.9, '10 % less'],
      [60, 1.04, undefined],
      [59, 2, undefined],
      [60, 1, undefined],
    ] as const) {
      it(`compares counter and gauge: × ${share} in ${seconds} s`, () => {
        const used = 100 * seconds
        const to = reading(seconds, known(used, 0, { excess: (share - 1) * used }))
        const { warnings } = energy([card('gpu-0')], reading(0, known(0, 0)), to)
        expect(warnings).to.have.length(words ? 1 : 0)
        if (words)
          expect(warnings[0])
            .to.match(/^gpu-0: its power gauge/)
            .and.include(words)
      })
    }
  })

  it('is never negative, whatever the readings', () => {
    const fallen = energy(
      [channel('package-0')],
      reading(0, { joules: 9 }),
      reading(1, { joules: 1 }),
    )
    expect(fallen.joules).to.equal(0)
    const backwards = energy([channel('package-0')], reading(5, {}), reading(1, { joules: 1 }))
    expect(backwards.seconds).to.equal(0)
    expect(backwards.watts).to.equal(0)
  })
})
