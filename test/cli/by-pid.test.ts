/** `jouletap run --by-pid`, on GPUs that are not there. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { RunRecord } from '../../lib'
import { startStub, stubUnavailable } from '../nvml/stub'
import { startCli } from '../support/child'

describe('jouletap run --by-pid', function () {
  this.timeout(15_000)

  before(function () {
    if (stubUnavailable()) this.skip()
  })

  it('counts only the GPU on which the command works', async () => {
    using stub = startStub({ gpus: [{ watts: 80 }, { watts: 120 }] })
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
    try {
      const json = join(folder, 'run.json')
      const script = 'echo pid $$ >&2; sleep 2.2'
      const args = ['--by-pid', '--quiet', '--sources', 'nvml', '--json', json]
      const cli = startCli(['run', ...args, '--', 'sh', '-c', script], { env: stub.env })
      const pid = /pid (\d+)\n/.exec(await cli.told(/pid \d+\n/))![1]
      stub.gpu(1).addProcess({ pid: Number(pid) })
      const { code } = await cli.result
      expect(code).to.equal(0)
      const { energy } = JSON.parse(readFileSync(json, 'utf8')) as RunRecord
      const [idle, used] = energy.domains
      expect(idle!.joules).to.equal(0)
      // From half a second after the command began, at the latest, give or take as much.
      expect(used!.joules).to.be.within(120 * 1, 120 * 3)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
