/** What npm would publish: packed, installed elsewhere without scripts, and used as a stranger would. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type ChildOptions, type ChildResult, runProgram } from './support/child'
import { mustBeBuilt, ROOT, runNode } from './support/process'
import { cpuTree, makeTree, powercapTree, type Tree } from './support/tree'

const VERSION = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
).version
/** Neither may the addon of this checkout be found, nor its settings be inherited. */
const STRANGER = { PREBUILDS_ONLY: '1', NODE_PATH: undefined, npm_config_prefix: undefined }

/** Runs a program that must succeed. */
async function done(file: string, args: readonly string[], options: ChildOptions) {
  const result = await runProgram(file, args, options)
  const { code, stdout, stderr } = result
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${code}\n${stdout}\n${stderr}`)
  return result
}

/** A copy of this checkout to build in, for prebuildify empties build/, and takes the addon away. */
function copyCheckout(to: string): void {
  const left = ['node_modules', 'build', 'prebuilds', '.git']
  mkdirSync(join(to, 'node_modules'), { recursive: true })
  for (const name of readdirSync(ROOT)) {
    if (!left.includes(name)) cpSync(join(ROOT, name), join(to, name), { recursive: true })
  }
  // gyp writes beside what it is told to include, so that is copied; the others are only read.
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    const from = realpathSync(join(ROOT, 'node_modules', name))
    const into = join(to, 'node_modules', name)
    if (name === 'node-addon-api') cpSync(from, into, { recursive: true })
    else symlinkSync(from, into)
  }
}

function expectQuiet({ code, signal, stderr }: ChildResult): void {
  expect({ code, signal, stderr }).to.deep.equal({ code: 0, signal: null, stderr: '' })
}

describe('the package', function () {
  this.timeout(240_000)
  let folder: string
  let tree: Tree
  let packed: string[]
  let prebuild: string

  const checkout = () => join(folder, 'checkout')
  const user = () => join(folder, 'user')
  const installed = () => join(user(), 'node_modules', 'jouletap')
  const zone = () => join(tree.root, 'sys/class/powercap/intel-rapl:0/energy_uj')

  before('build, pack and install it', async () => {
    mustBeBuilt()
    folder = mkdtempSync(join(tmpdir(), 'jouletap-package-'))
    copyCheckout(checkout())
    await done(process.execPath, ['scripts/addon.mjs', '--prebuild'], {
      cwd: checkout(),
      env: { JOBS: 'max' },
      timeout: 200_000,
    })
    const built = join('prebuilds', `${process.platform}-${process.arch}`)
    prebuild = readdirSync(join(checkout(), built))
      .map((name) => `${built}/${name}`)
      .join()
    const { stdout } = await done('npm', ['pack', '--ignore-scripts', '--json'], {
      cwd: checkout(),
      timeout: 60_000,
    })
    const [{ filename, files }] = JSON.parse(stdout) as [
      { filename: string; files: { path: string }[] },
    ]
    packed = files.map(({ path }) => path).sort()
    mkdirSync(user())
    writeFileSync(join(user(), 'package.json'), '{ "private": true }\n')
    const quiet = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline']
    await done('npm', ['install', ...quiet, join(checkout(), filename)], {
      cwd: user(),
      timeout: 120_000,
    })
  })

  beforeEach(() => {
    tree = makeTree({
      ...cpuTree({
        vendor: 'GenuineIntel',
        family: 6,
        model: 85,
        name: 'Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz',
        packages: [0],
        cpusPerPackage: 2,
      }),
      ...powercapTree({
        zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: 1_000_000 }],
      }),
    })
  })
  afterEach(() => tree.dispose())
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('has a binary that is named after the system and its C library', () => {
    const libc = readdirSync('/etc').includes('alpine-release') ? 'musl' : 'glibc'
    const armv = process.arch === 'arm64' ? '.armv8' : ''
    expect(prebuild).to.equal(
      `prebuilds/${process.platform}-${process.arch}/jouletap${armv}.${libc}.node`,
    )
  })

  it('holds what is needed, and nothing else', () => {
    const below = (name: string) =>
      readdirSync(join(ROOT, name), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    const compiled = below('lib').flatMap((path) => {
      const to = path.replace(/^lib/, 'dist')
      if (path.endsWith('.ts')) {
        return ['.js', '.d.ts', '.js.map'].map((ending) => to.replace(/\.ts$/, ending))
      }
      return path.endsWith('.csv') ? [to] : []
    })
    const top = ['CHANGELOG.md', 'LICENSE', 'README.md', 'binding.gyp', 'package.json']
    expect(packed).to.deep.equal([...top, ...compiled, ...below('native'), prebuild].sort())
  })

  it('brings five packages with it', () => {
    const names = readdirSync(join(user(), 'node_modules')).filter((name) => !name.startsWith('.'))
    expect(names).to.have.members([
      '@tgwf',
      '@vvo',
      'commander',
      'jouletap',
      'node-addon-api',
      'node-gyp-build',
    ])
  })

  it('built nothing where it was installed', () => {
    expect(readdirSync(installed())).to.not.include('build')
  })

  it('has no fault that publint knows', async () => {
    const publint = join(ROOT, 'node_modules', '.bin', 'publint')
    const args = ['run', installed(), '--strict', '--pack', 'false']
    const { code, stdout, stderr } = await runProgram(publint, args)
    expect(code, `${stdout}${stderr}`).to.equal(0)
    expect(stdout).to.contain('All good!')
  })

  const using = (meter: string) => `
    const { writeFileSync } = require('node:fs')
    ${meter}.then(({ Meter }) => {
      const meter = new Meter({ root: ${JSON.stringify(tree.root)}, estimate: false }).start()
      writeFileSync(${JSON.stringify(zone())}, '3500000\\n')
      const { joules, quality, domains, warnings } = meter.stop()
      const sources = domains.map(({ id, source }) => id + ' ' + source)
      console.log(JSON.stringify({ joules, quality, sources, warnings }))
    })`

  for (const [name, load] of [
    ['require', "Promise.resolve(require('jouletap'))"],
    ['import', "import('jouletap')"],
  ] as const) {
    it(`measures when it is loaded by ${name}`, async () => {
      const result = await runNode(using(load), { at: user(), env: STRANGER })
      expectQuiet(result)
      expect(JSON.parse(result.stdout)).to.deep.equal({
        joules: 2.5,
        quality: 'measured',
        sources: ['package-0 rapl-powercap', 'self jouletap'],
        warnings: [],
      })
    })
  }

  it('has the command', async () => {
    const result = await runProgram(
      'npx',
      ['--loglevel=error', '--no-install', 'jouletap', '--version'],
      {
        cwd: user(),
        env: STRANGER,
      },
    )
    expectQuiet(result)
    expect(result.stdout).to.equal(`${VERSION}\n`)
  })

  it('has a command that measures', async () => {
    const args = ['run', '--no-estimate', '--root', tree.root, '--json', '-', '--', 'sh', '-c']
    const result = await runProgram(
      join(user(), 'node_modules', '.bin', 'jouletap'),
      [...args, `echo 3500000 > ${zone()}`],
      { cwd: user(), env: STRANGER },
    )
    expect(result.code, result.stderr).to.equal(0)
    const { energy } = JSON.parse(result.stdout) as { energy: { joules: number; quality: string } }
    expect(energy).to.deep.include({ joules: 2.5, quality: 'measured' })
  })

  for (const [state, spoil] of [
    ['has no binary', (at: string) => rmSync(join(at, 'prebuilds'), { recursive: true })],
    ['has a binary that is none', (at: string) => writeFileSync(join(at, prebuild), 'garbage')],
  ] as const) {
    describe(`that ${state}`, () => {
      const other = () => join(folder, 'other')
      const env = () => ({ ...STRANGER, JOULETAP_ROOT: tree.root })

      before(() => {
        cpSync(user(), other(), { recursive: true, verbatimSymlinks: true })
        spoil(join(other(), 'node_modules', 'jouletap'))
      })
      after(() => rmSync(other(), { recursive: true }))

      it('estimates, and says why, once, in words', async () => {
        const source = `
          const { Meter, probe } = require('jouletap')
          const meter = new Meter().start()
          const { joules, quality, warnings } = meter.stop()
          const refused = probe().filter(({ usable }) => !usable)
          console.log(JSON.stringify({ joules, quality, warnings, notes: meter.notes, refused }))`
        const result = await runNode(source, { at: other(), env: env() })
        expectQuiet(result)
        const { joules, quality, warnings, notes, refused } = JSON.parse(result.stdout) as {
          joules: number
          quality: string
          warnings: string[]
          notes: string[]
          refused: { name: string; reason: string; fix: string }[]
        }
        expect(joules).to.be.above(0)
        expect(quality).to.equal('estimated')
        const why =
          /^No energy counter can be read.* The native addon could not be loaded \(.+\)\.$/
        expect(warnings.filter((sentence) => why.test(sentence))).to.have.lengthOf(1)
        for (const sentences of [warnings, notes]) {
          expect(sentences.filter((text) => text.includes('could not be loaded'))).to.have.lengthOf(
            1,
          )
        }
        expect(refused.map(({ name }) => name)).to.deep.equal(['addon', 'powermetrics'])
        expect(refused[0]!.reason).to.match(/^The native addon could not be loaded/)
        expect(refused[0]!.fix).to.contain('node-gyp rebuild')
      })

      it('refuses where no estimate is wanted, with the reason', async () => {
        const source = `
          const { Meter } = require('jouletap')
          try { new Meter({ estimate: false }) } catch ({ code, message }) { console.log(code, message) }`
        const result = await runNode(source, { at: other(), env: env() })
        expectQuiet(result)
        expect(result.stdout).to.match(/^NO_SOURCE .*The native addon could not be loaded/)
      })

      it('still has its command, which says so once', async () => {
        const result = await runProgram(
          join(other(), 'node_modules', '.bin', 'jouletap'),
          ['run', '--', process.execPath, '-e', 'console.log(6 * 7)'],
          { cwd: other(), env: env() },
        )
        expect(result.code).to.equal(0)
        expect(result.stdout).to.equal('42\n')
        expect(result.stderr.match(/addon could not be loaded/g)).to.have.lengthOf(1)
        expect(result.stderr).to.contain('estimated')
      })
    })
  }
})
