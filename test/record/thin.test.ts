/** Which rows are kept: as many as are allowed, however long a run goes on. */
import { expect } from 'chai'
import { distanceAfter, LEAST_ROWS, thinned } from '../../lib/record/thin'

/** The numbers of the rows that come when each of `most` is written, from 0. */
function writtenOf(most: number): number[] {
  const numbers = [0]
  while (numbers.length < most) numbers.push(numbers.at(-1)! + distanceAfter(numbers.length, most))
  return numbers
}

describe('the distance between the rows of a file', () => {
  it('takes 10 000 rows from 30 days, and from ten years, at 1000 a second', () => {
    const perDay = 24 * 3600 * 1000
    const after = writtenOf(10_000).filter((number) => number < 30 * perDay)
    expect(after.length).to.be.below(10_000)
    expect(writtenOf(10_000).at(-1)).to.be.above(3653 * perDay)
  })

  it('leaves out nothing of the first quarter', () => {
    for (const most of [LEAST_ROWS, 100, 1000, 10_000]) {
      const first = writtenOf(most).slice(0, most / 4)
      expect(first).to.deep.equal(first.map((_, index) => index))
    }
  })

  it('never falls, and is a power of two', () => {
    const numbers = writtenOf(10_000)
    const distances = numbers.slice(1).map((number, index) => number - numbers[index]!)
    expect(distances).to.deep.equal([...distances].sort((a, b) => a - b))
    expect(distances.filter((distance) => !Number.isInteger(Math.log2(distance)))).to.deep.equal([])
  })

  it('is at most 0.5 % of the run so far, with 10 000 rows', () => {
    const numbers = writtenOf(10_000)
    const shares = numbers
      .slice(1)
      .map((number, index) => ({ lost: number - numbers[index]!, soFar: number }))
      .filter(({ lost }) => lost > 1)
      .map(({ lost, soFar }) => lost / soFar)
    expect(Math.max(...shares)).to.be.below(0.005)
  })
})

describe('thinned', () => {
  it('keeps the first and the last of any number of rows, evenly, and no more than it may', () => {
    for (const most of [2, 3, 64, 65]) {
      for (const count of [0, 1, 2, most - 1, most, most + 1, 2 * most, 2 * most + 1, 1000, 4097]) {
        const kept = thinned<number>(most)
        const rows = Array.from({ length: count }, (_, index) => index)
        for (const row of rows) kept.add(row)
        const got = kept.rows()
        const told = `${count} rows, ${most} at most: ${got}`
        expect(got.length, told).to.be.at.most(most)
        if (count < most) expect(got, told).to.deep.equal(rows)
        if (count > 0) expect(got.at(-1), told).to.equal(count - 1)
        if (count > 0) expect(got[0], told).to.equal(0)
        const steps = got.slice(1, -1).map((row, index) => row - got[index]!)
        expect(new Set(steps).size, told).to.be.at.most(1)
      }
    }
  })
})
