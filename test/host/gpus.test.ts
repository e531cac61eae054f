// The GPUs of the simulated host: the library, the kernel's files and the truth are of one mind.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { probe } from '../../lib/energy'
import { hostInfo } from '../../lib/record'
import { ask } from '../nvml/build'
import { stubUnavailable } from '../nvml/stub'
import { Bench, needsHost } from './testing'

describe('the simulated host with GPUs', function () {
  this.timeout(60_000)
  const bench = new Bench()
  before(function () {
    needsHost.call(this)
    const reason = stubUnavailable()
    if (!reason) return
    process.stderr.write(`skipped: ${reason}\n`)
    this.skip()
  })
  afterEach(() => bench.stop())

  const ids = ['gpu-0000:41:00.0', 'gpu-0000:42:00.0']

  it('knows what each GPU has used since it started, as its watts have it', async () => {
    await bench.start({ preset: 'gpu-server' })
    const { host } = bench
    expect(host.domains).to.include.members([...ids, 'package-1', 'dram-0'])
    host.nvml!.gpu(1).set('energy_refresh_s', 0)
    const { library, env } = host.nvml!
    const millijoules = (): number => Number(ask(library, env, 'init', 'energy:1')[1]!.value)
    const first = bench.bracket(ids[1]!, millijoules)
    const last = bench.bracket(ids[1]!, millijoules)
    const used = (last.value - first.value) / 1000
    expect(used).to.be.within(last.low - first.high - 0.001, last.high - first.low + 0.001)
    const { joules, seconds } = host.truth()
    expect(joules[ids[0]!]).to.be.closeTo(250 * seconds, 1e-3)
    expect(joules[ids[1]!]).to.be.closeTo(180 * seconds, 1e-3)
    expect(joules['package-0']).to.be.closeTo(65 * seconds, 1e-3)
  })

  it('tells the kernel what the library tells', async () => {
    await bench.start({ preset: 'gpu-laptop' })
    const undo = bench.host.nvml!.install()
    try {
      const { root } = bench.host
      const [gpu] = probe({ root }).find(({ name }) => name === 'nvml')!.domains
      const { name, uuid, pci, driver } = gpu!.device!
      expect(name).to.equal('NVIDIA GeForce GTX 1070')
      expect(hostInfo({ root }).gpus).to.deep.equal([
        { name, vendor: 'nvidia', pci, uuid, driver: 'nvidia', driverVersion: driver },
      ])
    } finally {
      undo()
    }
  })

  it('takes the files of the spec before its own, so that a GPU can be asleep', async () => {
    const state = 'sys/bus/pci/devices/0000:41:00.0/power/runtime_status'
    await bench.start({ preset: 'gpu-server', files: { [state]: 'suspended\n' } })
    expect(bench.text(state)).to.equal('suspended\n')
    expect(bench.text(state.replace('41', '42'))).to.equal('active\n')
  })

  it('leaves nothing behind', async () => {
    await bench.start({ gpus: [{}], sources: { powercap: true } })
    const { control } = bench.host.nvml!
    await bench.stop()
    await bench.stop()
    expect(existsSync(dirname(control))).to.equal(false)
    expect(process.listeners('exit').filter(({ name }) => name === 'stop')).to.deep.equal([])
  })

  it('gives a command what it needs to find them', () => {
    const script = 'test -f "$JOULETAP_NVML" && test -f "$NVML_STUB_CONTROL"'
    const args = [
      '--import',
      'tsx',
      join(__dirname, 'main.ts'),
      'gpu-server',
      '--',
      'sh',
      '-c',
      script,
    ]
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(status).to.equal(0)
    const [, seconds, joules] = /truth over ([\d.]+) s:.*gpu-0000:41:00\.0 ([\d.]+) J/.exec(stderr)!
    expect(Number(joules)).to.be.closeTo(250 * Number(seconds), 1)
  })
})
