/** GPUs at the command line, on a simulated server that has two: chosen, measured, shown. */
import { expect } from 'chai'
import type { Device, Domain, DomainEnergy, SourceReport } from '../../lib/energy'
import type { HostInfo, RunRecord } from '../../lib/record'
import { type Host, hostUnavailable, startHost } from '../host/host'
import { stubUnavailable } from '../nvml/stub'
import { runCli } from '../support/child'
import { measured } from '../support/energy'
import { makeTree } from '../support/tree'

const FIRST = 'gpu-0000:41:00.0'
const SECOND = 'gpu-0000:42:00.0'
const NAME = 'NVIDIA A100-SXM4-40GB'
const UUIDS = [
  'GPU-5eed0000-0000-4000-8000-000000000000',
  'GPU-5eed0000-0000-4000-8000-000000000001',
]
/** Nothing of the machine that the test runs on hides a GPU. */
const SEEN = {
  NVIDIA_VISIBLE_DEVICES: undefined,
  CUDA_VISIBLE_DEVICES: undefined,
  CUDA_DEVICE_ORDER: undefined,
  SLURM_STEP_GPUS: undefined,
  SLURM_JOB_GPUS: undefined,
}

interface Findings {
  sources: SourceReport[]
  auto: { domains: Domain[]; notes: string[] }
  host: HostInfo
}

describe('jouletap on a server with two GPUs', function () {
  this.timeout(60_000)
  let host: Host

  before(async function () {
    const reason = hostUnavailable() ?? stubUnavailable()
    if (reason === undefined) {
      host = await startHost({ preset: 'gpu-server' })
      return
    }
    console.log(`      ${reason}`)
    this.skip()
  })
  after(() => host?.stop())
  afterEach(() => host.nvml!.set('init_code', 0))

  const cli = (args: string[], env: Record<string, string | undefined> = {}) => {
    const [command = '', ...more] = args
    return runCli([command, '--root', host.root, ...more], {
      env: { ...SEEN, ...host.env, ...env },
    })
  }
  const run = async (options: string[] = [], env = {}, seconds = 0.2) => {
    const args = ['run', '--no-estimate', '--json', '-', ...options, '--', 'sleep', `${seconds}`]
    const { code, stdout, stderr } = await cli(args, env)
    expect(code, stderr).to.equal(0)
    return { record: JSON.parse(stdout) as RunRecord, stderr }
  }
  const doctor = async (options: string[] = [], env = {}) => {
    const { code, stdout } = await cli(['doctor', ...options], env)
    expect(code).to.equal(0)
    return stdout
  }
  const gpusOf = (domains: readonly Domain[]) =>
    domains.filter(({ kind }) => kind === 'gpu').map(({ id }) => id)

  /** What each domain draws, from what it has used: their power is constant. */
  function watts(): Record<string, number> {
    const { joules, seconds } = host.truth()
    return Object.fromEntries(Object.entries(joules).map(([id, used]) => [id, used / seconds]))
  }
  /** Energy agrees with the truth to five standard deviations and a hundredth. */
  function expectTrue(used: DomainEnergy, truth: number): void {
    const margin = 5 * used.uncertaintyJoules + 0.01 * truth
    expect(used.joules, used.id).to.be.closeTo(truth, margin)
    expect(margin, used.id).to.be.below(0.4 * truth) // or the check above means nothing
  }

  describe('run', () => {
    it('tells what each GPU, each package and all of it used, and which GPUs they are', async () => {
      const { record, stderr } = await run([], {}, 1)
      const { energy, seconds } = record
      const ids = measured(energy).map(({ id }) => id)
      expect(ids).to.have.members(host.domains)
      const truth = watts()
      for (const domain of measured(energy)) expectTrue(domain, truth[domain.id]! * seconds)
      const added = energy.domains.filter((one) => one.additive)
      expect(added.map(({ id }) => id)).to.have.members(ids.filter((id) => !/^core/.test(id)))
      const sum = added.reduce((total, { joules }) => total + joules, 0)
      expect(energy.joules).to.be.closeTo(sum, 1e-9 * sum)
      expect(energy.quality).to.equal('measured')
      expect(record.warnings).to.deep.equal([])

      const devices = energy.domains.filter(({ kind }) => kind === 'gpu').map((one) => one.device)
      const driver = record.host.gpus[0]!.driverVersion!
      const device = (index: number, pci: string): Device => ({
        name: NAME,
        uuid: UUIDS[index]!,
        pci,
        index,
        driver,
      })
      expect(devices).to.deep.equal([device(0, '0000:41:00.0'), device(1, '0000:42:00.0')])

      expect(stderr).to.match(
        /^jouletap: [\d.]+ ± [\d.]+ J in .*, measured \(rapl-[a-z]+, nvml\)$/m,
      )
      expect(stderr).to.match(/^ {2}CPU and memory +[\d.]+ ± [\d.]+ J +[\d.]+ W$/m)
      expect(stderr).to.match(/^ {2}GPUs +[\d.]+ ± [\d.]+ J +[\d.]+ W$/m)
      for (const id of ['package-0', 'package-1', 'dram-0', 'dram-1']) {
        expect(stderr).to.match(new RegExp(`^  ${id} +[\\d.]+ ± .* W +rapl-[a-z]+$`, 'm'))
      }
      for (const [index, id] of [FIRST, SECOND].entries()) {
        const line = `^  ${id} +[\\d.]+ ± [\\d.]+ J +[\\d.]+ W +nvml +${NAME} #${index}$`
        expect(stderr).to.match(new RegExp(line, 'm'))
      }
    })

    it('lists them among the facts of the machine once, with the version of their driver', async () => {
      const { gpus } = (await run()).record.host
      const gpu = { name: NAME, vendor: 'nvidia', driver: 'nvidia', driverVersion: '570.86.15' }
      expect(gpus).to.deep.equal([
        { ...gpu, pci: '0000:41:00.0', uuid: UUIDS[0] },
        { ...gpu, pci: '0000:42:00.0', uuid: UUIDS[1] },
      ])
    })

    it('lists those too that only their driver knows, as in WSL', async () => {
      using tree = makeTree({})
      const { stdout } = await cli(['run', '--root', tree.root, '--json', '-', '--', 'true'])
      const { gpus } = (JSON.parse(stdout) as RunRecord).host
      expect(gpus.map(({ name, uuid }) => [name, uuid])).to.deep.equal(
        UUIDS.map((uuid) => [NAME, uuid]),
      )
      expect(gpus[1]).to.include({ vendor: 'nvidia', driver: 'nvidia', driverVersion: '570.86.15' })
    })

    for (const [which, ids] of [
      ['all', [FIRST, SECOND]],
      ['none', []],
      ['1', [SECOND]],
      ['1,0', [FIRST, SECOND]],
      [UUIDS[1]!, [SECOND]],
      ['0000:41:00.0', [FIRST]],
      ['42:00.0', [SECOND]],
    ] as const) {
      it(`follows ${ids.length || 'none'} with --gpus ${which}`, async () => {
        const hidden = { CUDA_VISIBLE_DEVICES: '' } // which only "visible" heeds
        const { record, stderr } = await run(['--gpus', which], hidden)
        expect(gpusOf(record.energy.domains)).to.deep.equal(ids)
        expect(record.energy.domains.map(({ id }) => id)).to.include.members([
          'package-0',
          'dram-1',
        ])
        expect(record.warnings).to.deep.equal([])
        expect(/^ {2}GPUs? /m.test(stderr)).to.equal(ids.length > 0)
      })
    }

    it('follows those that CUDA_VISIBLE_DEVICES leaves, and says if that is none', async () => {
      const one = await run([], { CUDA_VISIBLE_DEVICES: '1' })
      expect(gpusOf(one.record.energy.domains)).to.deep.equal([SECOND])
      expect(one.record.warnings).to.deep.equal([])
      const none = await run([], { CUDA_VISIBLE_DEVICES: '' })
      expect(gpusOf(none.record.energy.domains)).to.deep.equal([])
      expect(none.stderr).to.contain(
        '\n  CUDA_VISIBLE_DEVICES="" hides every NVIDIA GPU: none is followed.\n',
      )
    })

    it('says that a GPU does not exist, and follows the rest', async () => {
      const { record, stderr } = await run(['--gpus', '7,0'])
      expect(gpusOf(record.energy.domains)).to.deep.equal([FIRST])
      expect(stderr).to.contain('\n  GPU 7 does not exist: there are 0 to 1.\n')
      expect(record.warnings).to.deep.equal(['GPU 7 does not exist: there are 0 to 1.'])
    })

    it('finds the library that --nvml names', async () => {
      const env = { ...host.env, JOULETAP_NVML: undefined }
      const { record } = await run(['--nvml', host.nvml!.library], env)
      expect(gpusOf(record.energy.domains)).to.deep.equal([FIRST, SECOND])
    })
  })

  describe('sample', () => {
    it('has a column for each GPU, whose joules grow as the GPU draws', async () => {
      for (const format of ['csv', 'jsonl']) {
        const args = ['sample', '--format', format, '--interval', '50', '--duration', '1.5']
        const { code, stdout, stderr } = await cli(args)
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
        const [head = '', ...lines] = stdout.trimEnd().split('\n')
        const csv = format === 'csv'
        const columns = csv ? head.split(',') : (JSON.parse(head) as { columns: string[] }).columns
        expect(columns).to.deep.equal(['milliseconds', ...columns.slice(1, -2), FIRST, SECOND])
        expect(columns).to.include.members(host.domains)
        const rows = lines.map((line) => JSON.parse(csv ? `[${line}]` : line) as number[])
        expect(rows.length).to.be.above(10)
        for (const row of rows) expect(row).to.have.length(columns.length)
        const [first, last] = [rows[0]!, rows.at(-1)!]
        for (const id of [FIRST, SECOND]) {
          const column = columns.indexOf(id)
          const seconds = (last[0]! - first[0]!) / 1000
          const truth = watts()[id]! * seconds
          // The counter moves every 0.1 s: either end may lag by that, and by a look at it.
          const margin = 0.15 * watts()[id]! + 0.02 * truth
          expect(last[column]! - first[column]!, id).to.be.closeTo(truth, margin)
        }
        if (csv) continue
        const { domains } = JSON.parse(head) as { domains: Domain[] }
        expect(domains.at(-1)).to.deep.include({ id: SECOND, source: 'nvml', kind: 'gpu' })
        expect(domains.at(-1)!.device).to.include({ name: NAME, uuid: UUIDS[1], index: 1 })
      }
    })
  })

  describe('doctor', () => {
    it('shows every GPU: which it is, and how it is read', async () => {
      const text = await doctor([], { CUDA_VISIBLE_DEVICES: '0' })
      expect(text).to.contain(`\ngpu: 2 × ${NAME}, nvidia 570.86.15\n`)
      expect(text).to.contain(
        [
          '\nnvml: usable',
          `  ${FIRST}  measured  energy counter`,
          `    ${NAME} #0, ${UUIDS[0]}`,
          `  ${SECOND}  measured  energy counter`,
          `    ${NAME} #1, ${UUIDS[1]}`,
          '',
        ].join('\n'),
      )
      expect(text).to.contain(`\n  nvml for ${FIRST}\n`)
    })

    it('shows what auto follows with --gpus', async () => {
      expect(await doctor(['--gpus', '1'])).to.contain(`\n  nvml for ${SECOND}\n`)
      expect(await doctor(['--gpus', '7'])).to.contain(
        '  GPU 7 does not exist: there are 0 to 1.\n',
      )
      const { sources, auto, host } = JSON.parse(
        await doctor(['--gpus', 'none', '--json']),
      ) as Findings
      expect(gpusOf(auto.domains)).to.deep.equal([])
      const nvml = sources.find(({ name }) => name === 'nvml')!
      expect(gpusOf(nvml.domains)).to.deep.equal([FIRST, SECOND])
      expect(host.gpus).to.have.length(2)
    })

    for (const [code, reason, fix] of [
      [9, "NVIDIA's driver is not loaded", 'sudo modprobe nvidia'],
      [4, "This user may not talk to NVIDIA's driver", 'sudo chmod a+rw /dev/nvidia*'],
      [
        17,
        'The operating system, or the container, does not grant access to the GPUs',
        'docker run --gpus all …',
      ],
      [
        18,
        "NVIDIA's driver was updated: its library and the loaded module differ in version",
        'sudo reboot',
      ],
    ] as const) {
      it(`says what to do where NVIDIA's library answers ${code}`, async () => {
        host.nvml!.set('init_code', code)
        const text = await doctor()
        expect(text).to.contain(`\nnvml: not usable\n  ${reason}.\n  To mend it: ${fix}\n`)
        expect(text).to.not.contain('nvml for')
        expect(text).to.contain(`\ngpu: 2 × ${NAME}, nvidia 570.86.15\n`) // as the kernel tells
      })
    }
  })
})

describe('jouletap on a laptop whose GPU has no energy counter', function () {
  this.timeout(60_000)
  let host: Host

  before(async function () {
    const reason = hostUnavailable() ?? stubUnavailable()
    if (reason === undefined) host = await startHost({ preset: 'gpu-laptop' })
    else this.skip()
  })
  after(() => host?.stop())

  it('says that its power was integrated', async () => {
    const env = { ...SEEN, ...host.env }
    const args = ['run', '--root', host.root, '--', 'sleep', '0.3']
    const { stderr } = await runCli(args, { env })
    expect(stderr).to.match(
      new RegExp(`^  ${FIRST} .* W +nvml +NVIDIA GeForce GTX 1070 #0, power integrated$`, 'm'),
    )
    const { stdout } = await runCli(['doctor', '--root', host.root], { env })
    expect(stdout).to.contain(`\nnvml: usable\n  ${FIRST}  measured  power gauge\n`)
  })
})
