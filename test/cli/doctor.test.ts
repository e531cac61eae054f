/** `jouletap doctor`: what can be read here, and what has to be done about the rest. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Domain, SourceReport } from '../../lib/energy'
import type { HostInfo } from '../../lib/record'
import { runCli } from '../support/child'
import { cpuTree, makeTree } from '../support/tree'

interface Findings {
  schema: string
  sources: SourceReport[]
  auto: { sources: string[]; domains: Domain[]; notes: string[] }
  host: HostInfo
}

describe('jouletap doctor', () => {
  let empty: string

  before(() => {
    empty = mkdtempSync(join(tmpdir(), 'jouletap-'))
  })
  after(() => rmSync(empty, { recursive: true }))

  it('tells of every source whether it is usable, and why not', async () => {
    const { code, stdout, stderr } = await runCli(['doctor'])
    expect(code).to.equal(0)
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^estimate: usable$/m)
    expect(stdout).to.match(
      /^(auto uses|No counter can be read here: auto falls back to the estimate)/m,
    )
    expect(stdout).to.not.contain('\u001b')
  })

  it('answers machines with --json, and says the same', async () => {
    const [plain, json] = await Promise.all([runCli(['doctor']), runCli(['doctor', '--json'])])
    expect(json.code).to.equal(0)
    const { schema, sources, auto, host } = JSON.parse(json.stdout) as Findings
    expect(schema).to.equal('jouletap.doctor/1')
    expect(host.jouletap).to.be.a('string')
    for (const source of sources) {
      expect(plain.stdout).to.match(
        new RegExp(`^${source.name}: ${source.usable ? 'usable' : 'not usable'}`, 'm'),
      )
      if (source.usable) {
        for (const domain of source.domains) expect(plain.stdout).to.contain(`  ${domain.id} `)
      } else {
        expect(source.reason).to.be.a('string')
        expect(plain.stdout).to.contain(source.reason!.slice(1))
        if (source.fix) expect(plain.stdout).to.contain(`  To mend it: ${source.fix}\n`)
      }
    }
    expect(auto.sources).to.deep.equal([...new Set(auto.domains.map((domain) => domain.source))])
    expect(auto.sources).to.not.have.length(0)
  })

  it('finds nothing but the estimate below an empty root', async () => {
    const { code, stdout } = await runCli(['doctor', '--root', empty, '--json'])
    expect(code).to.equal(0)
    const { sources, auto } = JSON.parse(stdout) as Findings
    const usable = sources.filter((source) => source.usable).map((source) => source.name)
    expect(usable).to.deep.equal(['estimate'])
    expect(auto.sources).to.deep.equal(['estimate'])
  })

  it('says first what machine it speaks of, and which GPUs that has', async () => {
    const card = (pci: string) => ({
      [`proc/driver/nvidia/gpus/${pci}/information`]: 'Model: \t\t NVIDIA L40S\n',
    })
    const cpu = { vendor: 'GenuineIntel', family: 6, model: 143, name: 'Testium 9000' }
    using tree = makeTree({
      ...cpuTree({ ...cpu, packages: [0, 1], cpusPerPackage: 2 }),
      ...card('0000:01:00.0'),
      ...card('0000:02:00.0'),
      'proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu\n',
      'etc/os-release': 'PRETTY_NAME="Testix 1"\n',
      'run/.containerenv': '',
      'sys/class/dmi/id/sys_vendor': 'QEMU\n',
    })
    const [plain, json] = await Promise.all([
      runCli(['doctor', '--root', tree.root]),
      runCli(['doctor', '--root', tree.root, '--json']),
    ])
    const { host } = JSON.parse(json.stdout) as Findings
    expect(host).to.include({ cpu: 'Testium 9000', packages: 2, logicalCpus: 4 })
    expect(host).to.include({ container: 'podman', virtualMachine: 'QEMU' })
    const [machine, gpu, gap] = plain.stdout.split('\n')
    const memory = `${(host.memoryBytes / 2 ** 30).toFixed(1)} GiB`
    const os = host.platform === 'linux' ? 'Testix 1' : host.os
    expect(machine).to.equal(
      `machine: Testium 9000, 2 packages, 4 CPUs, ${memory}, ${os}, kernel ${host.kernel}, ` +
        'in a container (podman), in a virtual machine (QEMU)',
    )
    expect(gpu).to.equal('gpu: 2 × NVIDIA L40S, nvidia 550.54.14')
    expect(gap).to.equal('')
  })
})
