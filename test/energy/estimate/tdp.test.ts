/** Brand strings as machines give them, and the row of cpu-tdp.csv that each must find. */
import { expect } from 'chai'
import { readTable } from '../../../lib/data'
import { findTdp } from '../../../lib/energy/estimate/tdp'

const known: readonly (readonly [brand: string, row: string])[] = [
  ['Intel(R) Xeon(R) Platinum 8171M CPU @ 2.60GHz', 'Intel Xeon Platinum 8171M'],
  ['Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz', 'Intel Xeon Platinum 8259CL'],
  ['Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz', 'Intel Xeon Platinum 8375C'],
  ['Intel(R) Xeon(R) Platinum 8480+', 'Intel Xeon Platinum 8480+'],
  ['INTEL(R) XEON(R) PLATINUM 8592+', 'Intel Xeon Platinum 8592+'],
  ['Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz', 'Intel Xeon Gold 6248'],
  ['Intel(R) Xeon(R) Gold 6538Y+', 'Intel Xeon Gold 6538Y+'],
  ['Intel(R) Xeon(R) Silver 4114 CPU @ 2.20GHz', 'Intel Xeon Silver 4114'],
  ['Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz', 'Intel Xeon E5-2620 v3'],
  ['Intel(R) Xeon(R) CPU E3-1240 V2 @ 3.40GHz', 'Intel Xeon E3-1240 v2'],
  ['Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz', 'Intel Xeon E5-2670'],
  ['Intel(R) Xeon(R) CPU E5-2697A v4 @ 2.60GHz', 'Intel Xeon E5-2697A v4'],
  ['Intel(R) Xeon(R) CPU E7- 4870  @ 2.40GHz', 'Intel Xeon E7-4870'],
  ['Intel(R) Xeon(R) CPU           X5550  @ 2.67GHz', 'Intel Xeon X5550'],
  ['Intel(R) Xeon(R) E-2236 CPU @ 3.40GHz', 'Intel Xeon E-2236'],
  ['Intel(R) Xeon(R) W-2295 CPU @ 3.00GHz', 'Intel Xeon W-2295'],
  ['Intel(R) Xeon(R) D-2143IT CPU @ 2.20GHz', 'Intel Xeon D-2143IT'],
  ['Intel(R) Xeon(R) CPU D-1541 @ 2.10GHz', 'Intel Xeon D-1541'],
  ['Intel(R) Xeon(R) 6760P', 'Intel Xeon 6760P'],
  ['Intel(R) Xeon Phi(TM) CPU 7230 @ 1.30GHz', 'Intel Xeon Phi 7230'],
  ['Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz', 'Intel Core i7-9700K'],
  ['Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz', 'Intel Core i7-8700'],
  ['Intel(R) Core(TM) i5-8250U CPU @ 1.60GHz', 'Intel Core i5-8250U'],
  ['Intel(R) Core(TM) i5-8400 CPU @ 2.80GHz', 'Intel Core i5-8400'],
  ['Intel(R) Core(TM) i5-1035G1 CPU @ 1.00GHz', 'Intel Core i5-1035G1'],
  ['Intel(R) Core(TM) i7-6950X CPU @ 3.00GHz', 'Intel Core i7-6950X'],
  ['Intel(R) Core(TM) i7-4930MX CPU @ 3.00GHz', 'Intel Core i7-4930MX'],
  ['Intel(R) Core(TM) i7 CPU         920  @ 2.67GHz', 'Intel Core i7-920'],
  ['Intel(R) Core(TM) i5 CPU       M 520  @ 2.40GHz', 'Intel Core i5-520M'],
  ['Intel(R) Core(TM) i7 CPU       Q 720  @ 1.60GHz', 'Intel Core i7-720QM'],
  ['Intel(R) Core(TM)2 Duo CPU     E8400  @ 3.00GHz', 'Intel Core 2 Duo E8400'],
  ['Intel(R) Core(TM)2 Quad CPU    Q9550  @ 2.83GHz', 'Intel Core 2 Quad Q9550'],
  ['Intel(R) Core(TM) m3-7Y30 CPU @ 1.00GHz', 'Intel Core m3-7Y30'],
  ['Intel(R) Core(TM) M-5Y71 CPU @ 1.20GHz', 'Intel Core M-5Y71'],
  ['11th Gen Intel(R) Core(TM) i7-11800H @ 2.30GHz', 'Intel Core i7-11800H'],
  ['11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz', 'Intel Core i5-1135G7'],
  ['12th Gen Intel(R) Core(TM) i7-12700K', 'Intel Core i7-12700K'],
  ['13th Gen Intel(R) Core(TM) i9-13900K', 'Intel Core i9-13900K'],
  ['Intel(R) Core(TM) i5-14401E', 'Intel Core i5 processor 14401E'],
  ['Intel(R) Core(TM) i3-N305', 'Intel Core i3-N305'],
  ['Intel(R) Core(TM) Ultra 7 155H', 'Intel Core Ultra 7 155H'],
  ['Intel(R) N100', 'Intel N100'],
  ['Intel(R) Celeron(R) N4020 CPU @ 1.10GHz', 'Intel Celeron N4020'],
  ['Intel(R) Celeron(R) CPU N3060 @ 1.60GHz', 'Intel Celeron N3060'],
  ['Intel(R) Pentium(R) Gold G5400 CPU @ 3.70GHz', 'Intel Pentium Gold G5400'],
  ['Intel(R) Pentium(R) CPU G4560 @ 3.50GHz', 'Intel Pentium G4560'],
  ['Pentium(R) Dual-Core  CPU      E5300  @ 2.60GHz', 'Intel Pentium E5300'],
  ['Intel(R) Atom(TM) CPU C2758  @ 2.40GHz', 'Intel Atom C2758'],
  ['Intel(R) Atom(TM) x5-Z8350  CPU @ 1.44GHz', 'Intel Atom x5-Z8350'],
  ['AMD Ryzen 7 3700X 8-Core Processor', 'AMD Ryzen 7 3700X'],
  ['AMD Ryzen 7 5800X 8-Core Processor', 'AMD Ryzen 7 5800X'],
  ['AMD Ryzen 9 7950X 16-Core Processor', 'AMD Ryzen 9 7950X'],
  ['AMD Ryzen 9 9950X3D 16-Core Processor', 'AMD Ryzen 9 9950X3D'],
  ['AMD Ryzen 7 1700 Eight-Core Processor', 'AMD Ryzen 7 1700'],
  ['AMD Ryzen 9 5900 12-Core Processor', 'AMD Ryzen 9 5900 (OEM Only)'],
  ['AMD Ryzen 5 3400G with Radeon Vega Graphics', 'AMD Ryzen 5 3400G'],
  ['AMD Ryzen 7 PRO 4750U with Radeon Graphics', 'AMD Ryzen 7 PRO 4750U'],
  ['AMD Ryzen 7 5700U with Radeon Graphics', 'AMD Ryzen 7 5700U'],
  ['AMD Ryzen 9 7940HS w/ Radeon 780M Graphics', 'AMD Ryzen 9 7940HS'],
  ['AMD Ryzen AI 9 HX 370 w/ Radeon 890M', 'AMD Ryzen AI 9 HX 370'],
  ['AMD Ryzen Embedded V1605B with Radeon Vega Gfx', 'AMD Ryzen Embedded V1605B'],
  ['AMD Ryzen Threadripper 1950X 16-Core Processor', 'AMD Ryzen Threadripper 1950X'],
  ['AMD Ryzen Threadripper PRO 3995WX 64-Cores', 'AMD Ryzen Threadripper PRO 3995WX'],
  ['AMD EPYC 7742 64-Core Processor', 'AMD EPYC 7742'],
  ['AMD EPYC 7R13 Processor', 'AMD EPYC 7R13'],
  ['AMD EPYC 7B12', 'AMD EPYC 7B12'],
  ['AMD EPYC 8024P 8-Core Processor', 'AMD EPYC 8024P'],
  ['AMD EPYC 9654 96-Core Processor', 'AMD EPYC 9654'],
  ['AMD Opteron(tm) Processor 6272', 'AMD Opteron 6272'],
  ['AMD Opteron(tm) Processor 6180 SE', 'AMD Opteron 6180 SE'],
  ['AMD FX(tm)-8350 Eight-Core Processor', 'AMD FX-8350'],
  ['AMD Phenom(tm) II X6 1055T Processor', 'AMD Phenom II X6 1055T (125W)'],
  ['AMD Athlon(tm) 64 X2 Dual Core Processor 5000+', 'AMD Athlon 64 X2 5000+'],
  ['AMD Athlon(tm) II X2 250 Processor', 'AMD Athlon II X2 250'],
  ['AMD Athlon Silver 3050U with Radeon Graphics', 'AMD Athlon Silver 3050U'],
  ['AMD A10-7850K Radeon R7, 12 Compute Cores 4C+8G', 'AMD A10-7850K'],
  ['AMD A6-6310 APU with AMD Radeon R4 Graphics', 'AMD A6-6310'],
  ['AMD PRO A10-8770 R7, 10 COMPUTE CORES 4C+6G', 'AMD 6th Gen AMD PRO A10-8770 APU'],
  ['AMD E-350 Processor', 'AMD E-350'],
  ['Apple M1', 'Apple M1'],
]

const unknown = [
  '',
  'AMD',
  'Intel',
  'A100',
  'Intel(R) CPU',
  'AMD EPYC',
  'AMD EPYC Processor (with IBPB)',
  'AMD EPYC-Rome Processor',
  'AMD EPYC 9R14',
  'AMD Ryzen 7',
  'Intel(R) Xeon(R) CPU @ 2.20GHz',
  'Intel(R) Xeon(R) Processor @ 2.90GHz',
  'Intel Xeon Processor (Skylake, IBRS)',
  'Intel Core Processor (Broadwell)',
  'Intel(R) Core(TM) i7',
  'QEMU Virtual CPU version 2.5+',
  'Common KVM processor',
  'Apple M1 Pro',
  'Apple M2 Pro',
  'Neoverse-N1',
  'AWS Graviton2',
  'ARMv8 Processor rev 0 (v8l)',
  'Hygon C86 7185 32-core Processor',
  '3280',
  '555',
  'CPU 460',
  'Intel 6140',
  'Intel(R) Xeon(R) Gold 6140X CPU @ 2.30GHz',
  'AMD Ryzen 7 3700XY 8-Core Processor',
]

describe('findTdp', () => {
  const watts = new Map(readTable('cpu-tdp').rows.map((row) => [row.name, Number(row.tdp_w)]))

  for (const [brand, row] of known) {
    it(`${brand} → ${row}`, () => {
      expect(watts.has(row), 'the row is in the table').to.equal(true)
      expect(findTdp(brand)).to.deep.equal({ name: row, watts: watts.get(row) })
    })
  }

  for (const brand of unknown) {
    it(`does not know ${JSON.stringify(brand)}`, () => {
      expect(findTdp(brand)).to.equal(undefined)
    })
  }

  it('gives the watts that carbontracker misses (reference, B8)', () => {
    const pairs = [
      ['Intel(R) Xeon(R) Platinum 8171M CPU @ 2.60GHz', 165],
      ['Intel(R) Core(TM) i7-9700K CPU @ 3.60GHz', 95],
      ['12th Gen Intel(R) Core(TM) i7-12700K', 190],
      ['Intel(R) Core(TM) Ultra 7 155H', 28],
      ['AMD EPYC 7R13 Processor', 225],
    ] as const
    for (const [brand, expected] of pairs) expect(findTdp(brand)?.watts).to.equal(expected)
  })

  it('finds every row that opens with a vendor and has a number, with its watts unless it is one of several variants', () => {
    let other = 0
    for (const [name, expected] of watts) {
      if (!/^(Intel|AMD|Apple) .*\d/.test(name!)) continue
      const found = findTdp(name!)
      expect(found, name).not.to.equal(undefined)
      if (found!.watts !== expected) other += 1
    }
    expect(other).to.be.at.most(20)
  })
})
