// Numbers and times as Python writes them: vectors of carbontracker, and what Python itself answers.
import { expect } from 'chai'
import {
  longTime,
  pythonFixed,
  pythonFloat,
  readNumber,
  readTime,
  shortTime,
} from '../../../lib/record/carbontracker/python'

describe('numbers as Python writes them', () => {
  const floats: [number, string][] = [
    [200, '200.0'],
    [143.3, '143.3'],
    [0, '0.0'],
    [-0, '-0.0'],
    [1e-5, '1e-05'],
    [1.5e-6, '1.5e-06'],
    [0.0001, '0.0001'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.5e22, '1.5e+22'],
    [-2.5e-300, '-2.5e-300'],
    [Number.NaN, 'nan'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
  ]
  for (const [value, text] of floats) {
    it(`${text} is a float`, () => {
      expect(pythonFloat(value)).to.equal(text)
      expect(readNumber(text)).to.deep.equal(value)
    })
  }

  const decimals: [number, number, string][] = [
    // Exact ties go to the even digit; `toFixed` gives 0.13, 0.38 and 3.
    [0.125, 2, '0.12'],
    [0.375, 2, '0.38'],
    [2.5, 0, '2'],
    [-2.5, 0, '-2'],
    [1.005, 2, '1.00'],
    [0.1, 16, '0.1000000000000000'],
    [1e21, 2, '1000000000000000000000.00'],
    [5e-324, 2, '0.00'],
    [-0, 2, '-0.00'],
    [100, 16, '100.0000000000000000'],
    [Number.NaN, 2, 'nan'],
  ]
  for (const [value, places, text] of decimals) {
    it(`${value} with ${places} decimals is ${text}`, () => {
      expect(pythonFixed(value, places)).to.equal(text)
    })
  }

  it('differ from toFixed only in ties', () => {
    for (let index = 0; index < 2000; index++) {
      const value = (index * 7919 * Math.PI) % 1000
      expect(pythonFixed(value, 6)).to.equal(value.toFixed(6))
    }
  })

  it('may be of numpy, and must be whole', () => {
    expect(readNumber('np.float64(143.30042)')).to.equal(143.30042)
    expect(readNumber('nan')).to.deep.equal(Number.NaN)
    for (const text of ['', 'None', '1.2.3', '12 ', '0x10', '1e', 'np.float64(', '--1']) {
      expect(readNumber(text), text).to.equal(undefined)
    }
  })
})

describe('times as carbontracker writes them', () => {
  const short: [number, string][] = [
    [0.5, '0:00:00'],
    [1.5, '0:00:02'],
    [59.5, '0:01:00'],
    [3599.5, '1:00:00'],
    [90_061, '25:01:01'],
    [1000, '0:16:40'],
    [-61, '-0:01:01'],
  ]
  for (const [seconds, text] of short) {
    it(`${seconds} s is ${text}`, () => expect(shortTime(seconds)).to.equal(text))
  }

  const long: [number, string][] = [
    [59.996, '0:01:00.00'],
    [3659.9955, '1:01:00.00'],
    [2.1, '0:00:02.10'],
    [-90_061.25, '-25:01:01.25'],
  ]
  for (const [seconds, text] of long) {
    it(`${seconds} s is ${text} in an epoch`, () => expect(longTime(seconds)).to.equal(text))
  }

  const read: [string, number | undefined][] = [
    ['0:02:21.90', 141.9],
    ['0:02:22', 142],
    ['0:01:30', 90],
    ['0:00:5.32', 5.32],
    ['0:00:60', 60],
    ['0:59:60.00', 3600],
    ['1 day, 2:03:04', 86_400 + 7384],
    ['2 days, 0:00:01', 172_801],
    ['25:01:01', 90_061],
    ['-0:01:01', -61],
    ['Invalid time string', undefined],
    ['12:30', undefined],
  ]
  for (const [text, seconds] of read) {
    it(`${text} is read as ${seconds} s`, () => expect(readTime(text)).to.equal(seconds))
  }
})
