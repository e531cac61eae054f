/** A run that is killed: its record has the energy up to its last line. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { readRecord } from '../../lib/record'
import { startProgram } from '../support/child'
import { joulesAt, TOTAL_WATTS } from '../support/record'

describe('the record of a run that is killed', () => {
  it('is read up to its last line', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
    const path = join(folder, 'a.jouletap.jsonl')
    const child = startProgram(process.execPath, [
      '--import',
      'tsx',
      join(__dirname, 'kill.child.ts'),
      path,
    ])
    await child.seen('50000 ms')
    child.process.kill('SIGKILL')
    expect((await child.result).signal).to.equal('SIGKILL')

    const run = await readRecord(path)
    rmSync(folder, { recursive: true })
    expect(run.status).to.equal('unfinished')
    const { seconds, joules } = run.actual!
    expect(seconds).to.be.at.least(50)
    expect(joules).to.be.closeTo(TOTAL_WATTS * seconds!, 1e-6)
    const last = run.rows!.seconds.at(-1)!
    // A second may wait to be written, and not all rows are.
    expect(last).to.be.above(0.99 * (seconds! - 1))
    expect(run.rows!.joules.map((values) => values.at(-1))).to.deep.equal(joulesAt(1000 * last))
    const whole = run.epochs.filter(({ partial }) => !partial)
    expect(whole.length).to.be.at.least(50)
    for (const epoch of whole) expect(epoch).to.include({ seconds: 1, joules: TOTAL_WATTS })
    expect(run.warnings[0]).to.match(/has no end, as where a run is killed/)
  })
})
