/** Sums over epochs: no model passes for a measurement, and no part that was not read for a whole. */
import { expect } from 'chai'
import type { Energy } from '../../lib/energy'
import type { Epoch } from '../../lib/tracker'
import { trustOf, usedBy } from '../../lib/tracker/sums'

function epochOf(quality: Energy['quality'], seconds: number, coverage: number): Epoch {
  const domain = { id: 'package-0', kind: 'package', source: 'made', additive: true } as const
  const numbers = { joules: 100, uncertaintyJoules: 3 }
  const domains = [{ ...domain, ...numbers, method: 'energy-counter' as const, quality, flags: [] }]
  const energy = {
    ...numbers,
    seconds,
    watts: 100 / seconds,
    quality,
    coverage,
    domains,
    warnings: [],
  }
  return { epoch: 1, start: 0, seconds, energy }
}

describe('the sum of epochs', () => {
  const total = epochOf('modelled', 9, 0.5).energy

  it('is to be trusted as its weakest epoch, wherever that stands', () => {
    const [good, bad] = [epochOf('measured', 1, 1), epochOf('estimated', 1, 1)]
    for (const epochs of [
      [bad, good],
      [good, bad],
    ]) {
      expect(trustOf(epochs, total).quality).to.equal('estimated')
    }
    expect(trustOf([good, good], total).quality).to.equal('measured')
  })

  it('covers its time as far as each epoch did, by their length', () => {
    const epochs = [epochOf('measured', 3, 1), epochOf('measured', 1, 0)]
    expect(trustOf(epochs, total).coverage).to.equal(3 / 4)
  })

  it('is as the whole where there is no epoch', () => {
    expect(trustOf([], total)).to.deep.equal({ quality: 'modelled', coverage: 0.5 })
  })

  it('has errors in quadrature of counters, and as they are of models', () => {
    const four = (quality: Energy['quality']) =>
      usedBy(Array.from({ length: 4 }, () => epochOf(quality, 1, 1))).uncertaintyJoules
    expect(four('measured')).to.equal(Math.sqrt(4) * 3)
    expect(four('modelled')).to.equal(4 * 3)
  })
})
