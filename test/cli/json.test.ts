/** `run --json`: the object adds up, and a file is whole or untouched. */
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { arch, platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { RunRecord } from '../../lib/record'
import { CLI, runCli, runProgram } from '../support/child'
import { measured, self } from '../support/energy'

const MODEL = ['--sources', 'estimate', '--quiet'] as const

describe('jouletap run --json', () => {
  let folder: string
  const at = (name: string) => join(folder, name)
  const load = (name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as RunRecord
  const run = (file: string, ...command: string[]) =>
    runCli(['run', ...MODEL, '--json', file, '--', ...command])

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('writes one object whose numbers agree with each other', async () => {
    const before = Date.now()
    const options = ['--pue', '1.25', '--zone', 'DK', '--json', at('x.json')]
    const args = ['run', ...MODEL, ...options, '--', 'sleep', '0.3']
    const { code, stdout, stderr } = await runCli(args)
    expect({ code, stdout, stderr }).to.deep.equal({ code: 0, stdout: '', stderr: '' })
    const record = load('x.json')
    expect(Object.keys(record)).to.deep.equal([
      'schema',
      'command',
      'exitCode',
      'signal',
      'startedAt',
      'seconds',
      'energy',
      'pue',
      'carbon',
      'overhead',
      'host',
      'warnings',
    ])
    const { energy, overhead, host, warnings } = record
    expect(record).to.include({
      schema: 'jouletap.run/1',
      exitCode: 0,
      signal: null,
      pue: 1.25,
    })
    expect(record.command).to.deep.equal(['sleep', '0.3'])
    expect(new Date(record.startedAt).toISOString()).to.equal(record.startedAt)
    expect(Date.parse(record.startedAt)).to.be.within(before, Date.now())
    expect(record.seconds).to.be.within(0.3, (Date.now() - before) / 1000)
    expect(energy.joules).to.be.above(0)
    expect(energy.uncertaintyJoules).to.be.above(0)
    expect(energy.kWh).to.equal(energy.joules / 3_600_000)
    expect(energy.watts * record.seconds).to.be.closeTo(energy.joules, 1e-9 * energy.joules)
    expect(energy.quality).to.equal('estimated')
    expect(energy.coverage).to.be.within(0, 1)
    expect(measured(energy)).to.not.have.length(0)
    const sum = energy.domains.reduce((total, one) => total + (one.additive ? one.joules : 0), 0)
    expect(sum).to.be.closeTo(energy.joules, 1e-9 * energy.joules)
    for (const domain of energy.domains) {
      expect(domain).to.include.keys(
        'id',
        'kind',
        'source',
        'additive',
        'joules',
        'uncertaintyJoules',
        'quality',
        'flags',
      )
    }
    expect(measured(energy).every(({ source }) => source === 'estimate')).to.equal(true)
    expect(energy.domains.at(-1)).to.equal(self(energy))
    expect(self(energy)).to.include({ source: 'jouletap', additive: false, quality: 'estimated' })
    const { grams, uncertaintyGrams, intensity, parts, location, coverage } = record.carbon!
    const perJoule = (1.25 * intensity.gramsPerKWh) / 3_600_000
    expect(grams).to.be.closeTo(energy.joules * perJoule, 1e-9 * grams)
    expect(uncertaintyGrams).to.be.closeTo(energy.uncertaintyJoules * perJoule, 1e-9 * grams)
    expect(intensity).to.include({ zone: 'DK', status: 'annual-average', factors: 'lifecycle' })
    expect(intensity.year).to.be.within(2020, 2030)
    expect(location).to.deep.include({ country: 'DK', foundBy: 'option' })
    expect(parts).to.have.length(1)
    expect(coverage).to.equal(1)
    expect(Object.keys(overhead)).to.deep.equal([
      'cpuSeconds',
      'joules',
      'joulesAtMost',
      'reads',
      'rows',
      'overwritten',
      'overruns',
      'wakeUps',
      'systemCalls',
    ])
    expect(overhead.joules).to.be.within(Number.MIN_VALUE, overhead.joulesAtMost)
    expect(overhead.joulesAtMost).to.be.below(energy.joules)
    for (const value of Object.values(overhead)) expect(value).to.be.at.least(0)
    expect(overhead.cpuSeconds).to.be.below(record.seconds)
    expect(host).to.include({ platform: platform(), arch: arch(), node: process.versions.node })
    expect(host).to.not.have.any.keys('hostname', 'user')
    expect(warnings).to.not.have.length(0)
  })

  it('takes - for stdout, after what the command has written', async () => {
    const { stdout } = await run('-', 'sh', '-c', 'echo first')
    const [first, second, ...more] = stdout.split('\n')
    expect(first).to.equal('first')
    expect((JSON.parse(second!) as RunRecord).command).to.deep.equal(['sh', '-c', 'echo first'])
    expect(more).to.deep.equal([''])
  })

  it('writes to a stream that is no file', async () => {
    expect((await run('/dev/null', 'true')).code).to.equal(0)
    const { stderr } = await run('/dev/stderr', 'sh', '-c', 'echo first >&2')
    expect(stderr).to.match(/^first\n\{"schema":"jouletap.run\/1".*\}\n$/)
  })

  it('writes to a pipe with a name of its own', async () => {
    const script = 'mkfifo "$0" && cat "$0" & until [ -p "$0" ]; do :; done; "$@"; wait'
    const words = ['run', ...MODEL, '--json', at('pipe'), '--', 'true']
    const { stdout } = await runProgram('sh', [
      '-c',
      script,
      at('pipe'),
      process.execPath,
      ...CLI,
      ...words,
    ])
    expect((JSON.parse(stdout) as RunRecord).schema).to.equal('jouletap.run/1')
  })

  it('tells the signal that ended the command, and no exit code', async () => {
    expect((await run(at('x'), 'sh', '-c', 'kill -KILL $$')).code).to.equal(137)
    expect(load('x')).to.include({ exitCode: null, signal: 'SIGKILL' })
  })

  it('is written where the command was not found, or not executable', async () => {
    expect((await run(at('x'), 'no-such-command-anywhere')).code).to.equal(127)
    expect(load('x')).to.include({ exitCode: 127, signal: null })
    expect((await run(at('x'), folder)).code).to.equal(126)
    expect(load('x')).to.include({ exitCode: 126, signal: null })
  })

  it('replaces a file with its mode, through a link, and leaves nothing else behind', async () => {
    writeFileSync(at('real'), 'old')
    chmodSync(at('real'), 0o640)
    symlinkSync('real', at('link'))
    expect((await run(at('link'), 'cat', at('real'))).stdout).to.equal('old')
    expect(load('real').schema).to.equal('jouletap.run/1')
    expect(statSync(at('real')).mode & 0o777).to.equal(0o640)
    expect(lstatSync(at('link')).isSymbolicLink()).to.equal(true)
    expect(readdirSync(folder).sort()).to.deep.equal(['link', 'real'])
  })

  it('keeps the old file when there is no room for the new one, and says so', async () => {
    writeFileSync(at('x'), 'old')
    // No file may grow beyond 0 blocks: every write fails, much as on a full disk.
    const command = ['run', ...MODEL, '--json', at('x'), '--', 'true']
    const limited = ['-c', 'ulimit -f 0 && exec "$@"', 'sh', process.execPath, ...CLI, ...command]
    const { code, stderr } = await runProgram('sh', limited, { env: { TSX_DISABLE_CACHE: '1' } })
    expect(stderr).to.match(/^jouletap: .*x could not be written: .+\.\n$/)
    expect(code).to.equal(1)
    expect(readFileSync(at('x'), 'utf8')).to.equal('old')
    expect(readdirSync(folder)).to.deep.equal(['x'])
  })

  describe('refuses, before anything runs,', () => {
    const refused = async (path: string, why: string) => {
      const { code, stdout, stderr } = await run(path, 'echo', 'started')
      expect(code).to.equal(2)
      expect(stdout).to.equal('')
      expect(stderr).to.contain(
        `--json must be - or a file that can be written (${why}), not "${path}".`,
      )
    }

    it('a path whose folder does not exist', () =>
      refused(at('no/such/x.json'), 'its folder does not exist'))

    it('a folder', async () => {
      await refused(folder, 'this is a folder')
      await refused(at('new/'), 'this is a folder')
    })

    it('a path through a file', async () => {
      writeFileSync(at('file'), 'old')
      await refused(at('file/x.json'), 'a part of the path is not a folder')
    })

    it('a folder where nothing may be made, even by root', () =>
      refused('/sys/x.json', 'permission denied'))
  })

  it('leaves an existing file alone where the options are wrong', async () => {
    writeFileSync(at('x'), 'old')
    expect((await runCli(['run', '--json', at('x'), '--pue', '0', '--', 'true'])).code).to.equal(2)
    expect(readFileSync(at('x'), 'utf8')).to.equal('old')
  })
})
