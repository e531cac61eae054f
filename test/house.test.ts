/** How the house is built: which part may know which, and what the package promises about itself. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize, relative, sep } from 'node:path'
import { expect } from 'chai'
import { native } from '../lib/native'
import { mustBeBuilt, ROOT, runNode } from './support/process'

const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

/** Files below a folder, as paths from the root of the repository. */
function filesOf(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map((name) => join(folder, String(name)).split(sep).join('/'))
    .filter((path) => ending.test(path))
    .sort()
}

const LIB = filesOf('lib', /\.ts$/)

interface Import {
  from: string
  /** What stands between the quotes. */
  name: string
  /** The file or folder of this repository that it means, without an ending. */
  to?: string
  /** Whether nothing of it is left when the types are gone. */
  typeOnly: boolean
}

const IMPORTS: Import[] = LIB.flatMap((from) => importsOf(from, text(from)))

function importsOf(from: string, source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const statements = code.matchAll(
    /\b(?:import|export)\s+(type\s)?[^'"`;()]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*['"]([^'"]+)['"]|\b(?:require|import)\(\s*['"]([^'"]+)['"]\s*\)/g,
  )
  return [...statements].map(([, type, named, bare, called]) => {
    const name = named ?? bare ?? called!
    const to = name.startsWith('.') ? normalize(join(dirname(from), name)) : undefined
    return { from, name, ...(to && { to }), typeOnly: type !== undefined }
  })
}

/** The room of a file: its folder below lib, or for a file of lib itself its name. */
function roomOf(path: string): string {
  const [, second] = path.split('/')
  return basename(second ?? 'index', '.ts')
}

/** For each room the rooms that it may know, by the arrows of the design. */
const ARROWS: Record<string, readonly string[]> = {
  units: [],
  errors: [],
  text: ['units'],
  config: ['errors'],
  data: ['errors'],
  native: ['errors'],
  energy: ['units', 'errors', 'data', 'native'],
  carbon: ['units', 'errors', 'data'],
  forecast: ['units', 'errors', 'data', 'carbon'],
  schedule: ['units', 'errors', 'data', 'carbon', 'forecast'],
  predict: ['units', 'errors', 'data'],
  tracker: [
    'units',
    'errors',
    'text',
    'data',
    'energy',
    'carbon',
    'forecast',
    'schedule',
    'predict',
    'record',
  ],
  integrations: ['units', 'errors', 'data', 'energy', 'carbon', 'tracker', 'record'],
  record: ['units', 'errors', 'data'],
  report: ['units', 'errors', 'text', 'data', 'record'],
}
/** These are at the end of every arrow. */
const ENDS = ['index', 'cli', 'bench']
/** They say nothing of how it is measured, but may name what a measurement is, and a footprint. */
const TYPES_OF_ENERGY = ['carbon', 'forecast', 'schedule', 'predict', 'record', 'report']
const NAMED = ['energy', 'carbon']
/** These work on a system that has no addon. */
const WITHOUT_ADDON = ['units', 'errors', 'data', ...TYPES_OF_ENERGY]

describe('the house', () => {
  it('is read by this test as it is written', () => {
    const source = [
      "import { a } from 'one'",
      "import type { b } from '../energy'",
      "import 'two'",
      "export {\n  c,\n} from './three'",
      "export * from './four'",
      "const d = require('five') as (root: string) => void",
      "await import('six')",
      "/** import { e } from 'seven' */\n// import 'eight'",
    ].join('\n')
    const found = importsOf('lib/cli/main.ts', source)
    expect(found.map(({ name }) => name)).to.deep.equal([
      'one',
      '../energy',
      'two',
      './three',
      './four',
      'five',
      'six',
    ])
    expect(found.filter(({ typeOnly }) => typeOnly).map(({ to }) => to)).to.deep.equal([
      'lib/energy',
    ])
    expect(IMPORTS.length).to.be.above(50)
  })

  it('has no import that leads nowhere', () => {
    const known = new Set(
      LIB.flatMap((path) => [path.replace(/(\/index)?\.ts$/, ''), path.replace(/\.ts$/, '')]),
    )
    const lost = IMPORTS.filter(({ to }) => to !== undefined && !known.has(to))
    expect(lost.map(({ from, name }) => `${from}: ${name}`)).to.deep.equal([])
  })

  it('has arrows between its rooms that point one way', () => {
    const against = IMPORTS.filter(({ from, to, typeOnly }) => {
      const [here, there] = [roomOf(from), to && roomOf(to)]
      if (there === undefined || here === there || ENDS.includes(here)) return false
      if (typeOnly && NAMED.includes(there) && TYPES_OF_ENERGY.includes(here)) return false
      return !ARROWS[here]?.includes(there)
    })
    expect(against.map(({ from, name }) => `${from}: ${name}`)).to.deep.equal([])
  })

  it('has a place in the arrows for each of its rooms', () => {
    const rooms = new Set(LIB.map(roomOf))
    expect([...rooms].filter((room) => !ARROWS[room] && !ENDS.includes(room))).to.deep.equal([])
  })

  it('has no circle in the arrows', () => {
    const reaches = (from: string, to: string): boolean =>
      (ARROWS[from] ?? []).some((next) => next === to || reaches(next, to))
    expect(Object.keys(ARROWS).filter((room) => reaches(room, room))).to.deep.equal([])
  })

  it('has no circle between its files', () => {
    const next = new Map<string, string[]>()
    for (const { from, to, typeOnly } of IMPORTS) {
      if (to === undefined || typeOnly) continue
      const file = LIB.includes(`${to}.ts`) ? `${to}.ts` : `${to}/index.ts`
      next.set(from, [...(next.get(from) ?? []), file])
    }
    const done = new Set<string>()
    const circle = (file: string, path: readonly string[]): string | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' → ')
      if (done.has(file)) return undefined
      const found = (next.get(file) ?? []).map((one) => circle(one, [...path, file])).find(Boolean)
      done.add(file)
      return found
    }
    expect(LIB.map((file) => circle(file, [])).filter(Boolean)).to.deep.equal([])
  })

  it('is entered, folder by folder, by the index alone', () => {
    const byWindow = IMPORTS.filter(({ from, to }) => {
      if (to === undefined) return false
      // A folder is known to those inside it, and to the one that holds it by its name.
      const steps = relative(dirname(from), to)
        .split('/')
        .filter((step) => step !== '..')
      return steps.length > 1
    })
    expect(byWindow.map(({ from, name }) => `${from}: ${name}`)).to.deep.equal([])
  })

  it('has one door to the addon', () => {
    const doors = LIB.filter((path) =>
      /node-gyp-build|\.node\b|dlopen/.test(text(path).replaceAll('process.versions.node', '')),
    )
    expect(doors).to.deep.equal(['lib/native.ts'])
    const users = IMPORTS.filter(({ to, typeOnly }) => to === 'lib/native' && !typeOnly)
    const rooms = users.map(({ from }) => roomOf(from)).filter((room) => !ENDS.includes(room))
    expect(new Set(rooms)).to.deep.equal(new Set(['energy']))
  })

  it('works without the addon where nothing is measured', () => {
    const known = (room: string): string[] => [room, ...(ARROWS[room] ?? []).flatMap(known)]
    expect(WITHOUT_ADDON.filter((room) => known(room).includes('native'))).to.deep.equal([])
  })

  it('needs few packages, each in one room: options, the addon, time zones, means of grids', () => {
    const packages = IMPORTS.filter(({ name }) => !/^(\.|node:)/.test(name))
    const uses = packages.map(({ from, name }) => `${roomOf(from)}: ${name}`)
    expect([...new Set(uses)].sort()).to.deep.equal([
      'carbon: @tgwf/co2/data/electricity-maps',
      'carbon: @vvo/tzdb',
      'cli: commander',
      'native: node-gyp-build',
    ])
  })

  it('has no file that is too long to be read at once', () => {
    const files = [...LIB, ...filesOf('native', /\.(cc|h)$/)]
    const long = files.filter((path) => text(path).split('\n').length > 450)
    expect(long).to.deep.equal([])
  })

  it('has files that open with a sentence about themselves', () => {
    const mute = LIB.filter(
      (path) => !/^(#!.*\n)?\/\*\*\s[\s\S]*?[.:]\s[\s\S]*?\*\//.test(text(path)),
    )
    expect(mute).to.deep.equal([])
    // An implementation is told of in its header.
    const headers = filesOf('native', /\.(cc|h)$/).filter(
      (path, _, all) => !(path.endsWith('.cc') && all.includes(path.replace(/cc$/, 'h'))),
    )
    expect(headers.filter((path) => !/^\/\/ [A-Z]/.test(text(path)))).to.deep.equal([])
  })
})

describe('the two builds of the addon', () => {
  const sourcesIn = (path: string) =>
    [
      ...text(path)
        .replace(/^\s*#.*$/gm, '')
        .matchAll(/\bnative\/[\w/]+\.cc\b/g),
    ]
      .map(([name]) => name)
      .sort()

  it('name every source there is, once', () => {
    const sources = filesOf('native', /\.cc$/)
    expect(sources).to.include('native/addon.cc')
    expect(sourcesIn('binding.gyp')).to.deep.equal(sources)
    expect(sourcesIn('CMakeLists.txt')).to.deep.equal(sources)
  })

  it('leave the same sources to Linux', () => {
    const gyp = /"OS=='linux'"[\s\S]*?\]/.exec(text('binding.gyp'))![0]
    const cmake = /STREQUAL "Linux"[\s\S]*?endif/.exec(text('CMakeLists.txt'))![0]
    const names = (part: string) =>
      [...part.matchAll(/native\/[\w/]+\.cc/g)].map(([name]) => name).sort()
    expect(names(gyp)).to.include.members(filesOf('native/sources', /\.cc$/))
    expect(names(cmake)).to.deep.equal(names(gyp))
  })

  it('define the same', () => {
    const gyp = /"defines": \[([\s\S]*?)\]/.exec(text('binding.gyp'))![1]!
    const cmake = /target_compile_definitions\(jouletap PRIVATE([\s\S]*?)\)/.exec(
      text('CMakeLists.txt'),
    )![1]!
    const names = (part: string) => part.match(/\b(NAPI|NODE)_[A-Z_]+(=\d+)?/g) ?? []
    // What the target of node-addon-api named in binding.gyp stands for.
    expect(text('binding.gyp')).to.contain('node_addon_api_except_all')
    const all = [...names(gyp), 'NODE_ADDON_API_CPP_EXCEPTIONS_ALL']
    expect(all).to.include('NAPI_VERSION=8')
    expect(names(cmake).sort()).to.deep.equal(all.sort())
  })

  it('have one file that knows Node', () => {
    const knowing = filesOf('native', /\.(cc|h)$/).filter((path) =>
      /napi|node_api|<(node|v8|uv)\b/i.test(text(path)),
    )
    expect(knowing).to.deep.equal(['native/addon.cc'])
  })
})

describe('package.json', () => {
  const about = JSON.parse(text('package.json')) as {
    scripts: Record<string, string>
    gypfile: boolean
    files: string[]
    engines: Record<string, string>
    binary: { napi_versions: number[] }
    exports: Record<string, string | Record<string, string>>
    dependencies: Record<string, string>
    optionalDependencies?: unknown
    peerDependencies?: unknown
    bundledDependencies?: unknown
  }

  it('has no script that runs where the package is installed', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'preprepare', 'postprepare']) {
      expect(about.scripts).to.not.have.property(name)
    }
    // Else npm takes binding.gyp for an order to build.
    expect(about.gypfile).to.equal(false)
  })

  it('lists what is shipped', () => {
    expect(about.files).to.have.members([
      'dist',
      'native',
      'prebuilds',
      'binding.gyp',
      'CHANGELOG.md',
    ])
  })

  it('says which Node, and which Node-API', () => {
    expect(about.engines).to.deep.equal({ node: '>=20.19' })
    expect(about.binary).to.deep.equal({ napi_versions: [8] })
  })

  it('gives the types first at every door, and itself', () => {
    for (const [door, target] of Object.entries(about.exports)) {
      if (door === './package.json') continue
      expect(Object.keys(target), door).to.deep.equal(['types', 'default'])
    }
    expect(about.exports).to.have.property('./package.json', './package.json')
  })

  it('depends on five packages', () => {
    expect(Object.keys(about.dependencies)).to.have.members([
      '@tgwf/co2',
      '@vvo/tzdb',
      'commander',
      'node-addon-api',
      'node-gyp-build',
    ])
    expect(about).to.not.have.any.keys(
      'optionalDependencies',
      'peerDependencies',
      'bundledDependencies',
    )
  })
})

describe('importing jouletap', () => {
  before(mustBeBuilt)

  /** Notes what is opened and connected while the package is loaded, by hooks set up before it. */
  const watched = (load: string) => `
    const fs = require('node:fs')
    const opened = []
    const connected = []
    let libraries = 0
    const { dlopen } = process
    process.dlopen = (...all) => { libraries++; return dlopen(...all) }
    for (const [owner, names] of [
      [fs, ['open', 'openSync', 'readFile', 'readFileSync', 'createReadStream', 'readdir', 'readdirSync', 'writeFileSync', 'appendFileSync', 'mkdirSync']],
      [fs.promises, ['open', 'readFile', 'readdir', 'writeFile']],
    ]) {
      for (const name of names) {
        const real = owner[name]
        owner[name] = (path, ...rest) => { opened.push(String(path)); return real.call(owner, path, ...rest) }
      }
    }
    for (const [module, names] of [
      ['node:net', ['connect', 'createConnection', 'createServer']],
      ['node:dns', ['lookup', 'resolve']],
      ['node:http', ['request', 'get']],
      ['node:https', ['request', 'get']],
      ['node:child_process', ['spawn', 'spawnSync', 'execFile', 'execFileSync', 'fork']],
    ]) {
      for (const name of names) require(module)[name] = () => { connected.push(module + ' ' + name) }
    }
    globalThis.fetch = () => { connected.push('fetch') }
    require('node:module').syncBuiltinESMExports()
    const mapped = () => /jouletap[^/]*\\.node/.test(fs.readFileSync('/proc/self/maps', 'utf8'))
    const tell = (jouletap) => {
      const foreign = opened.filter((path) => !/\\.(js|json)$/.test(path))
      const listeners = process.eventNames().length
      const before = { libraries, foreign: [...foreign], connected: [...connected], mapped: mapped() }
      jouletap.probe()
      console.log(JSON.stringify({ ...before, after: { libraries, mapped: mapped(), connected } }))
    }
    ${load}`

  for (const [name, load] of [
    ['by require', `tell(require(${JSON.stringify(ROOT)}))`],
    ['by import', `import(${JSON.stringify(join(ROOT, 'dist', 'index.js'))}).then(tell)`],
  ] as const) {
    it(`${name} loads no addon, opens no file and no connection; the first use loads it`, async function () {
      try {
        native()
      } catch (error) {
        console.log(`      ${(error as Error).message}`)
        this.skip()
      }
      const { code, stdout, stderr } = await runNode(watched(load))
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(JSON.parse(stdout)).to.deep.equal({
        libraries: 0,
        foreign: [],
        connected: [],
        mapped: false,
        after: { libraries: 1, mapped: true, connected: [] },
      })
    })
  }

  it('keeps no process alive, and changes nothing of it', async () => {
    const source = `
      const names = () => [process.eventNames().join(), Object.keys(globalThis).join(), Object.keys(process.env).length]
      const before = String(names())
      require(${JSON.stringify(ROOT)})
      console.log(String(names()) === before, process.getActiveResourcesInfo().length)`
    const { code, stdout, stderr } = await runNode(source)
    expect({ code, stdout, stderr }).to.deep.equal({ code: 0, stdout: 'true 0\n', stderr: '' })
  })
})
