/** The commands on counters that a test moves: made zones below a root. */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'chai'
import { native } from '../../lib/native'
import type { RunRecord } from '../../lib/record'
import { runCli, startCli } from '../support/child'
import { measured, self } from '../support/energy'
import { makeTree, powercapTree, type Tree } from '../support/tree'

/** Resolves when a process that writes all the time has written nothing more for a while. */
async function fullPipe(pid: number): Promise<void> {
  const written = () => /wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))![1]
  let before: string | undefined
  for (let now = written(); now !== before; now = written()) {
    before = now
    await setTimeout(400)
  }
}

const ZONES = 'sys/class/powercap'

describe('jouletap on counters', () => {
  let tree: Tree
  const zone = (folder: string) => join(tree.root, ZONES, folder, 'energy_uj')

  before(function () {
    try {
      native()
    } catch (error) {
      console.log(`      ${(error as Error).message}`)
      this.skip()
    }
  })

  beforeEach(() => {
    tree = makeTree(
      powercapTree({
        zones: [
          { folder: 'intel-rapl:0', name: 'package-0', energy: 1_000_000 },
          { folder: 'intel-rapl:0:0', name: 'core', energy: 500 },
          { folder: 'intel-rapl:0:1', name: 'dram', energy: 0 },
          { folder: 'intel-rapl:1', name: 'psys', energy: 77 },
        ],
      }),
    )
  })
  afterEach(() => tree.dispose())

  it('run tells what they counted while the command ran, and adds nothing twice', async () => {
    const move = `sleep 0.4; echo 6000000 > ${zone('intel-rapl:0')}; echo 4000500 > ${zone('intel-rapl:0:0')}
      echo 2000000 > ${zone('intel-rapl:0:1')}; echo 9000077 > ${zone('intel-rapl:1')}`
    const args = [
      'run',
      '--root',
      tree.root,
      '--no-estimate',
      '--json',
      '-',
      '--',
      'sh',
      '-c',
      move,
    ]
    const { code, stdout, stderr } = await runCli(args)
    expect(code, stderr).to.equal(0)
    const { energy, seconds, warnings } = JSON.parse(stdout) as RunRecord
    expect(energy.joules).to.be.closeTo(7, 1e-3)
    expect(energy.quality).to.equal('measured')
    expect(energy.watts).to.be.closeTo(energy.joules / seconds, 1e-9)
    expect(warnings).to.deep.equal([])
    const joules = measured(energy).map(({ id, joules, additive }) => [
      id,
      Math.round(joules),
      additive,
    ])
    expect(joules).to.deep.equal([
      ['package-0', 5, true],
      ['core-0', 4, false],
      ['dram-0', 2, true],
      ['psys-0', 9, false],
    ])
    expect(stderr).to.match(/^jouletap: 7\.00\d* ± 0\.\d+ J in .* measured \(rapl-powercap\)$/m)
    expect(self(energy)).to.include({ additive: false, quality: 'estimated' })
    expect(stderr).to.match(/^ {2}measuring itself used at most [\d.]+ m?J$/m)
    expect(stderr).to.match(/^ {2}core-0 .* inside package-0, not added$/m)
    expect(stderr).to.match(/^ {2}psys-0 .* around the others, not added$/m)
  })

  it('run says in a sentence that a counter stood still', async () => {
    const args = ['run', '--root', tree.root, '--sources', 'rapl-powercap', '--', 'sleep', '0.1']
    expect((await runCli(args)).stderr).to.match(/^ {2}package-0 did not move: .*\.$/m)
  })

  it('run takes the root from JOULETAP_ROOT', async () => {
    const env = { JOULETAP_ROOT: tree.root }
    const { stderr } = await runCli(['run', '--', 'true'], { env })
    expect(stderr).to.contain('rapl-powercap')
  })

  it('sample leaves a place empty where a counter could not be read', async () => {
    for (const [format, empty] of [
      ['jsonl', /^\[[\d.]+,\d[\d.]*,null,/m],
      ['csv', /^[\d.]+,\d[\d.]*,,/m],
    ] as const) {
      writeFileSync(zone('intel-rapl:0:0'), '500\n')
      const child = startCli([
        'sample',
        '--root',
        tree.root,
        '--interval',
        '20',
        '--format',
        format,
      ])
      await child.seen(/\n.*\d+,0,0,0,0/)
      writeFileSync(zone('intel-rapl:0:0'), '')
      await child.seen(empty)
      child.process.kill('SIGINT')
      const { code, stdout } = await child.result
      expect(code).to.equal(0)
      expect(stdout).to.not.contain('NaN')
    }
  })

  it('sample ends at a second signal even if the reader has gone to sleep', async () => {
    const args = ['sample', '--root', tree.root, '--interval', '0.1']
    const child = startCli(args, { readStdout: false })
    const ended = new Promise((resolve) => child.process.once('exit', resolve))
    await once(child.process.stdout!, 'readable')
    await fullPipe(child.process.pid!)
    child.process.kill('SIGTERM')
    const again = setInterval(() => child.process.kill('SIGTERM'), 50)
    try {
      expect(await ended).to.equal(143)
    } finally {
      clearInterval(again)
      child.process.stdout!.destroy()
    }
  })

  it('doctor shows their domains, and that auto would use them', async () => {
    const { stdout } = await runCli(['doctor', '--root', tree.root])
    expect(stdout).to.match(
      /^rapl-powercap: usable\n {2}package-0 {2}measured {2}energy counter {2}\//m,
    )
    expect(stdout).to.contain('auto uses\n  rapl-powercap for package-0, core-0, dram-0, psys-0\n')
  })
})
