/** A record whose disk gets full: the run goes on, one warning, and what is there can be read. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openRecord, type Run } from '../../lib/record'
import { runProgram, startProgram } from '../support/child'
import { joulesAt, optionsFor, TOTAL_WATTS } from '../support/record'

const NODE = [process.execPath, '--import', 'tsx', join(__dirname, 'disk.child.ts')]

function mustHavePrlimit(context: Mocha.Context): void {
  if (spawnSync('prlimit', ['--version']).status === 0) return
  console.log('      prlimit (util-linux) is missing')
  context.skip()
}

describe('a record on a full disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function check(answer: string, why: string): void {
    const { told, kept, fullAfter, epoch, full, run } = JSON.parse(answer) as {
      told: string[]
      kept: string[]
      fullAfter: number
      epoch: number
      full: Run
      run: Run
    }
    const path = join(folder, 'a.jouletap.jsonl')
    const warning =
      `The record ${path} could not be written (${why}): the run went on, and what came then was ` +
      'added where that was possible.'
    expect({ told, kept }).to.deep.equal({ told: [warning], kept: [warning] })

    // While it was full: the energy up to what is there.
    expect(full.status).to.equal('unfinished')
    expect(full.epochs.length).to.be.within(fullAfter - 1, fullAfter)
    expect(full.actual!.joules! / full.actual!.seconds!).to.be.closeTo(TOTAL_WATTS, 1e-9)
    expect(full.actual!.seconds).to.be.within(fullAfter - 1, fullAfter)

    // In the end: every epoch, and the energy to the last joule.
    expect(run.status).to.equal('complete')
    expect(run.epochs.map(({ epoch }) => epoch)).to.deep.equal(
      Array.from({ length: epoch }, (_, index) => index + 1),
    )
    expect(run.actual!.joules).to.equal(TOTAL_WATTS * epoch)
    expect(run.rows!.seconds.at(-1)).to.equal(epoch)
    expect(run.rows!.joules.map((joules) => joules.at(-1))).to.deep.equal(joulesAt(1000 * epoch))
    const torn = /^1 line of .* cannot be read and was left out: line \d+\.$/
    expect(run.warnings.filter((text) => !torn.test(text))).to.deep.equal([warning])
  }

  it('goes on when a small file system has no room left', async function () {
    const mount = `mount -t tmpfs -o size=64k none "$1" && shift && exec "$@"`
    const alone = (...command: string[]) => ['-m', 'sh', '-c', mount, 'sh', folder, ...command]
    const can = spawnSync('unshare', alone('true'))
    if (can.status !== 0) {
      const why = can.error?.message ?? String(can.stderr).trim()
      console.log(`      a file system cannot be mounted here: ${why}`)
      this.skip()
    }
    const { code, stdout, stderr } = await runProgram('unshare', alone(...NODE, folder, '40960'))
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    check(stdout, 'no space left')
  })

  it('loses no line and doubles none, at whatever byte the disk gets full', async function () {
    mustHavePrlimit(this)
    const child = join(__dirname, 'cut.child.ts')
    const { code, stdout, stderr } = await runProgram(process.execPath, [
      '--import',
      'tsx',
      child,
      folder,
    ])
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const { rooms, failed } = JSON.parse(stdout)
    expect(rooms).to.be.above(70)
    expect(failed).to.deep.equal([])
  })

  it('goes on when a file must not grow any more', async function () {
    mustHavePrlimit(this)
    const limited = ['--fsize=20001:unlimited', ...NODE, folder, '0']
    const child = startProgram('prlimit', limited, { input: null })
    await child.seen('full')
    const { status } = spawnSync('prlimit', [
      '--pid',
      String(child.process.pid),
      '--fsize=unlimited',
    ])
    expect(status).to.equal(0)
    child.process.stdin!.write('go on\n')
    const { code, stdout, stderr } = await child.result
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    check(stdout.replace('full\n', ''), 'the file would be larger than is allowed')
  })

  it('goes on when nothing at all can be written', () => {
    const told: string[] = []
    const record = openRecord(optionsFor('/dev/full', { onProblem: (text) => told.push(text) }))
    for (let ms = 0; ms < 10_000; ms += 10) record.row(ms, joulesAt(ms))
    for (let epoch = 1; epoch < 20_000; epoch++) record.mark({ at: 'begin', ms: 10_000, epoch })
    record.close()
    expect(told).to.deep.equal(record.warnings)
    expect(told).to.have.length(1)
    expect(told[0]).to.contain('(no space left)')
  })

  it('says when the file was deleted', () => {
    const record = openRecord(optionsFor(join(folder, 'sub', 'a.jouletap.jsonl')))
    rmSync(join(folder, 'sub'), { recursive: true })
    record.row(0, joulesAt(0))
    record.close()
    expect(record.warnings).to.have.length(1)
    expect(record.warnings[0]).to.contain('(it was deleted)')
  })
})
