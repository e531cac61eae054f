// Half a minute at 1 kHz with the event loop blocked for a second: no joule lost, drops counted.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { hostUnavailable, startHost } from '../host/host'

const SECONDS = 30
const MIB = 2 ** 20

describe('endurance', function () {
  this.timeout(3 * SECONDS * 1000)
  before(function () {
    const reason = hostUnavailable()
    if (reason === undefined) return
    this.test!.title += `: ${reason}`
    this.skip()
  })

  it(`loses no joule in ${SECONDS} s at 1 kHz, and its memory stays flat`, async () => {
    await using host = await startHost({ preset: 'intel-client' })
    const child = join(__dirname, 'endurance.child.ts')
    const before = host.truth().joules
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [
      '--import=tsx',
      '--expose-gc',
      child,
      host.root,
      String(SECONDS),
    ])
    const after = host.truth().joules
    expect(stderr).to.equal('')
    const { rows, memory, energy, overhead } = JSON.parse(stdout)
    const { joules, seconds, coverage, domains } = energy

    expect(coverage).to.equal(1)
    // The last row is the total: every joule between came through rows.
    expect(rows.last[0]).to.equal(domains[0].joules)
    expect(rows.falls + rows.gaps).to.equal(0)
    // The child's life encloses the measurement; its power is constant.
    expect(joules).to.be.below(after['package-0']! - before['package-0']!)
    expect(joules / seconds).to.be.closeTo(28, 0.01 * 28)
    // Each time of the grid has its row, or is counted as missed; so is each row that was lost.
    const kept = rows.count - 2 // the first and the last are off the grid
    expect(kept).to.equal(overhead.rows - overhead.overwritten)
    expect(overhead.rows + overhead.overruns).to.be.closeTo(rows.time - rows.first - 0.5, 0.501)

    const third = Math.floor(memory.length / 3)
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!
    const growth = median(memory.slice(-third)) - median(memory.slice(0, third))
    expect(growth / MIB).to.be.below(4)
  })
})
