/** The bench's power curves: their integrals are those of the orders that the simulated host is given. */
import { expect } from 'chai'
import { generator } from '../../lib/bench/arithmetic'
import { curveOf, loadOf, SHAPES } from '../../lib/bench/curve'
import { hostUnavailable, startHost } from '../host/host'

describe('a power curve of the bench', () => {
  it('has the integral of constants and ramps', () => {
    const { joules } = curveOf([
      { at: 1, watts: 10 },
      { at: 3, watts: 20, to: 40, seconds: 2 },
      { at: 6, watts: 0 },
    ])
    expect(joules(0.5)).to.equal(0)
    expect(joules(2)).to.equal(10)
    expect(joules(3)).to.equal(20)
    expect(joules(4)).to.equal(20 + 25) // from 20 to 30 W
    expect(joules(5)).to.equal(20 + 60)
    expect(joules(5.5)).to.equal(20 + 60 + 20) // stays at 40 W
    expect(joules(100)).to.equal(20 + 60 + 40)
  })

  it('is told to a host as it is', () => {
    const { orders } = curveOf([
      { at: 1.5, watts: 10 },
      { at: 2, watts: 20, to: 40, seconds: 0.25 },
    ])
    expect(orders('package-0')).to.deep.equal([
      'power package-0 10 at=1.5',
      'power package-0 ramp:20:40:0.25 at=2',
    ])
  })

  for (const shape of SHAPES) {
    it(`of ${shape} is what the simulated host uses`, async function () {
      this.timeout(60_000) // compiles
      if (hostUnavailable()) this.skip()
      await using host = await startHost({
        domains: { package: { watts: 30 } },
        sources: { powercap: true },
      })
      const start = host.truth().seconds + 0.05
      const curve = curveOf(loadOf(shape, start, 0.2, generator(1)))
      for (const order of curve.orders('package-0')) host.control(order)
      while (host.truth().seconds < start);
      const before = host.truth()
      while (host.truth().seconds < start + 0.2);
      const after = host.truth()
      const told = curve.joules(after.seconds) - curve.joules(before.seconds)
      const used = after.joules['package-0']! - before.joules['package-0']!
      expect(told).to.be.above(1)
      expect(used).to.be.closeTo(told, 1e-6)
    })
  }
})
