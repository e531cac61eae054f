/** Quantiles of Student's t: closed forms, and the printed table. */
import { expect } from 'chai'
import { tProbability, tQuantile } from '../../lib/predict/student'

const PROBABILITIES = [0.001, 0.05, 0.25, 0.6, 0.9, 0.95, 0.975, 0.995]

describe("the quantile of Student's t", () => {
  // Where the distribution function can be inverted by hand.
  const forms: Record<string, { free: number; at: (p: number) => number }> = {
    'the tangent for 1 degree of freedom': { free: 1, at: (p) => Math.tan(Math.PI * (p - 0.5)) },
    'a root for 2': { free: 2, at: (p) => (2 * p - 1) / Math.sqrt(2 * p * (1 - p)) },
    'a cosine for 4': {
      free: 4,
      at: (p) => {
        const root = Math.sqrt(4 * p * (1 - p))
        const q = Math.cos(Math.acos(root) / 3) / root
        return 2 * Math.sign(p - 0.5) * Math.sqrt(Math.max(0, q - 1))
      },
    },
  }
  for (const [name, { free, at }] of Object.entries(forms)) {
    it(`is ${name}, to 1e-8`, () => {
      for (const p of PROBABILITIES) {
        expect(tQuantile(p, free) / at(p) - 1, `p ${p}`).to.be.closeTo(0, 1e-8)
      }
    })
  }

  it('is what the tables print', () => {
    // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
    const table: [number, number, string][] = [
      [0.95, 3, '2.353'],
      [0.975, 5, '2.571'],
      [0.9, 10, '1.372'],
      [0.995, 19, '2.861'],
      [0.975, 30, '2.042'],
      [0.999, 60, '3.232'],
      [0.95, 100, '1.660'],
    ]
    for (const [p, free, printed] of table) {
      expect(tQuantile(p, free).toFixed(3), `p ${p}, ${free}`).to.equal(printed)
    }
  })

  it('is that of the normal distribution for very many degrees of freedom', () => {
    expect(tQuantile(0.975, 1e7)).to.be.closeTo(1.959963985, 1e-6)
  })

  it('is turned round by the probability, for fractions of degrees too', () => {
    for (const free of [0.5, 1.7, 7.5, 499]) {
      for (const p of PROBABILITIES) {
        expect(tProbability(tQuantile(p, free), free)).to.be.closeTo(p, 1e-11)
      }
    }
  })

  it('is the same on both sides, and 0 in the middle', () => {
    expect(tQuantile(0.05, 3)).to.be.closeTo(-tQuantile(0.95, 3), 1e-12)
    expect(tQuantile(0.5, 3)).to.equal(0)
  })
})
