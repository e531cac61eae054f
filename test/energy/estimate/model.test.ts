/** Which scale is taken for which machine, and that it is said. */
import { expect } from 'chai'
import { readTable } from '../../../lib/data'
import { fractionAt } from '../../../lib/energy/estimate/curve'
import { SHARE_SIGMA, WATTS_PER_THREAD } from '../../../lib/energy/estimate/model'
import { findTdp } from '../../../lib/energy/estimate/tdp'
import { type MadeCpu, makeMachine } from './machine'

/** Full-load watts of each package, the relative deviation, and the first note. */
function look(cpu: MadeCpu) {
  const machine = makeMachine(cpu)
  try {
    const { channels, ids, notes } = machine.open()
    const packages = channels.filter((channel) => channel.kind === 'package')
    return {
      ids,
      tdp: packages.map((channel) => channel.maxWatts / fractionAt(1)),
      sigma: packages[0]!.modelSigma(1, 1),
      note: notes[0]!,
      notes,
    }
  } finally {
    machine.dispose()
  }
}

function near(values: readonly number[], expected: readonly number[]): void {
  expect(values).to.have.length(expected.length)
  for (const [i, value] of values.entries()) expect(value).to.be.closeTo(expected[i]!, 1e-9)
}

const E5 = 'Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz'

describe('model', () => {
  it('takes the TDP of a known name for every socket', () => {
    const found = look({ brand: E5, threads: [...Array(24)].map((_, i) => i % 2) })
    expect(found.ids).to.deep.equal(['package-0', 'package-1', 'dram-0'])
    near(found.tdp, [85, 85])
    expect(found.sigma).to.equal(0.5)
    expect(found.note).to.equal(
      `CPU "${E5}": 2 × 85 W (TDP of Intel Xeon E5-2620 v3) × load curve. One standard deviation: 50 %.`,
    )
  })

  it('numbers the packages from 0, whatever the system calls them', () => {
    expect(look({ brand: E5, threads: [3, 3, 7, 7] }).ids).to.deep.equal([
      'package-0',
      'package-1',
      'dram-0',
    ])
  })

  it('takes threads × a share in a virtual machine of unknown name, and is less sure', () => {
    const found = look({ brand: 'AMD EPYC', threads: [0, 0], virtual: true })
    near(found.tdp, [2 * WATTS_PER_THREAD])
    expect(found.sigma).to.be.closeTo(0.64, 0.005)
    expect(found.note).to.equal(
      'Unknown CPU "AMD EPYC" (virtual machine): 2 vCPUs × 3.15 W of TDP × load curve. One standard deviation: 64 %.',
    )
  })

  it('takes a share, not the socket, in a virtual machine whose host is known', () => {
    const brand = 'Intel(R) Xeon(R) Platinum 8259CL CPU @ 2.50GHz'
    const found = look({ brand, threads: [0, 1, 2, 3], virtual: true })
    expect(found.ids, 'the sockets are made up').to.deep.equal(['package-0', 'dram-0'])
    near(found.tdp, [4 * WATTS_PER_THREAD])
  })

  it('gives a virtual machine no more than the whole of its known host', () => {
    const brand = '11th Gen Intel(R) Core(TM) i7-11800H @ 2.30GHz'
    const found = look({ brand, threads: Array(16).fill(0), virtual: true })
    near(found.tdp, [45])
    expect(found.note).to.contain('no more than the 45 W of Intel Core i7-11800H')
  })

  it('takes threads × a share on an unknown machine, spread over its sockets', () => {
    const found = look({ brand: 'Neoverse-N1', threads: [0, 0, 0, 0, 1, 1, 1, 1] })
    near(found.tdp, [4 * WATTS_PER_THREAD, 4 * WATTS_PER_THREAD])
    expect(found.sigma).to.be.closeTo(0.78, 0.005)
    expect(found.note).to.contain('Unknown CPU "Neoverse-N1": 8 hardware threads × 3.15 W')
  })

  it('says so when there is not even a name', () => {
    expect(look({ threads: [0] }).note).to.contain(
      'Unknown CPU, without a name: 1 hardware thread × 3.15 W',
    )
  })

  it('always says what it takes memory to draw', () => {
    expect(look({ brand: E5, threads: [0] }).notes[1]).to.equal(
      'Memory: 0.375 W per GiB in use. One standard deviation: 75 %.',
    )
  })

  it("has the median and the spread of server-threads.csv as a thread's share", () => {
    const shares = readTable('server-threads')
      .rows.map((row) => findTdp(row.name!)!.watts / Number(row.threads))
      .sort((a, b) => a - b)
    expect(shares).to.have.length(20)
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / 19
    expect((shares[9]! + shares[10]!) / 2).to.be.closeTo(WATTS_PER_THREAD, 0.01)
    expect(Math.sqrt(variance) / mean).to.be.closeTo(SHARE_SIGMA, 0.01)
  })
})
