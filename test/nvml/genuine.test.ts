/** Our declarations, and the stand-in's, against NVIDIA's own library and header. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { runCli } from '../support/child'
import { ask, buildStub } from './build'
import { type Found, genuineHeader, genuineLibrary } from './genuine'

const sources = resolve(__dirname, '../../native/sources')
const ourHeader = join(sources, 'nvml_library.h')
const ourSource = join(sources, 'nvml_library.cc')

/** Names that we look up and a library of branch 535 does not have yet. */
const newer: string[] = []

function exports(library: string): string[] {
  const { error, stdout } = spawnSync('nm', ['-D', '--defined-only', library], { encoding: 'utf8' })
  if (error) throw error
  return [...stdout.matchAll(/ T (nvml\w+)$/gm)].map(([, name]) => name!)
}

function skip(context: Mocha.Context, reason: string): never {
  process.stderr.write(`skipped: ${reason}\n`)
  return context.skip()
}

function needed(context: Mocha.Context, found: Found): string {
  return found.path ?? skip(context, found.reason)
}

/** Ours, and theirs in the same order: the members that are called otherwise there. */
type Struct = [ours: string, theirs: string, members: Record<string, string>]

const oursInUse: Struct[] = [
  [
    'jouletap::nvml::FieldValue',
    'nvmlFieldValue_t',
    {
      field: 'fieldId',
      scope: 'scopeId',
      timestamp: 'timestamp',
      latency: 'latencyUsec',
      type: 'valueType',
      result: 'nvmlReturn',
      value: 'value',
    },
  ],
  ['jouletap::nvml::Sample', 'nvmlSample_t', { timestamp: 'timeStamp', value: 'sampleValue' }],
  [
    'jouletap::nvml::ProcessUtilization',
    'nvmlProcessUtilizationSample_t',
    {
      pid: 'pid',
      timestamp: 'timeStamp',
      sm: 'smUtil',
      memory: 'memUtil',
      encoder: 'encUtil',
      decoder: 'decUtil',
    },
  ],
  [
    'jouletap::nvml::PciInfo',
    'nvmlPciInfo_t',
    {
      legacy_id: 'busIdLegacy',
      domain: 'domain',
      bus: 'bus',
      device: 'device',
      device_id: 'pciDeviceId',
      subsystem_id: 'pciSubSystemId',
      id: 'busId',
    },
  ],
  ['jouletap::nvml::ProcessV1', 'nvmlProcessInfo_v1_t', { pid: 'pid', memory: 'usedGpuMemory' }],
  [
    'jouletap::nvml::ProcessV2',
    'nvmlProcessInfo_v2_t',
    {
      pid: 'pid',
      memory: 'usedGpuMemory',
      gpu_instance: 'gpuInstanceId',
      compute_instance: 'computeInstanceId',
    },
  ],
]

const oursInTheStub: Struct[] = [
  [
    'nvml_stub::FieldValue',
    'nvmlFieldValue_t',
    {
      id: 'fieldId',
      scope: 'scopeId',
      timestamp_us: 'timestamp',
      latency_us: 'latencyUsec',
      value_type: 'valueType',
      code: 'nvmlReturn',
      value: 'value',
    },
  ],
  ['nvml_stub::Sample', 'nvmlSample_t', { timestamp_us: 'timeStamp', value: 'sampleValue' }],
  [
    'nvml_stub::ProcessSample',
    'nvmlProcessUtilizationSample_t',
    { pid: 'pid', timestamp_us: 'timeStamp', sm: 'smUtil', memory: 'memUtil', decoder: 'decUtil' },
  ],
  [
    'nvml_stub::PciInfo',
    'nvmlPciInfo_t',
    { domain: 'domain', device_id: 'pciDeviceId', bus_id: 'busId' },
  ],
  ['nvml_stub::MemoryInfo', 'nvmlMemory_t', { total: 'total', free: 'free', used: 'used' }],
  ['nvml_stub::Utilization', 'nvmlUtilization_t', { gpu: 'gpu', memory: 'memory' }],
]

function layoutClaims(structs: Struct[]): string[] {
  return structs.flatMap(([ours, theirs, members]) => [
    `static_assert(sizeof(${ours}) == sizeof(${theirs}));`,
    ...Object.entries(members).flatMap(([our, their]) => [
      `static_assert(offsetof(${ours}, ${our}) == offsetof(${theirs}, ${their}));`,
      `static_assert(sizeof(${ours}::${our}) == sizeof(${theirs}::${their}));`,
    ]),
  ])
}

/** That each of our function pointers takes what the header's function of that name takes. */
function signatureClaims(): string[] {
  const declared = /struct Functions \{([\s\S]*?)\n\};/.exec(readFileSync(ourHeader, 'utf8'))
  const names = [...declared![1]!.matchAll(/\(\*(\w+)\)\(/g)].map(([, name]) => name!)
  expect(names).to.include('DeviceGetFieldValues')
  return [
    'template <typename A, typename B>',
    'constexpr bool alike = sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>;',
    'template <typename A, typename B> struct Same : std::false_type {};',
    'template <typename R, typename S, typename... A, typename... B>',
    'struct Same<R (*)(A...), S (*)(B...)> {',
    '  static constexpr bool check() {',
    '    if constexpr (sizeof...(A) != sizeof...(B)) return false;',
    '    else return alike<R, S> && (alike<A, B> && ...);',
    '  }',
    '  static constexpr bool value = check();',
    '};',
    ...names.map(
      (name) =>
        `static_assert(Same<decltype(jouletap::nvml::Functions::${name}), decltype(&nvml${name})>::value, "${name}");`,
    ),
  ]
}

/** The compiler's complaints about claims, with NVIDIA's header and ours at hand. */
function complaints(nvmlHeader: string, ourHeader: string, claims: string[]): string {
  const source = [
    '#include <cstddef>',
    '#include <type_traits>',
    // Else the header's macros give the newest version of each function the name of the first.
    '#define NVML_NO_UNVERSIONED_FUNC_DEFS',
    `#include "${nvmlHeader}"`,
    `#include "${ourHeader}"`,
    ...claims,
  ]
  const compiler = process.env.CXX || 'c++'
  const given = ['-std=c++17', '-fsyntax-only', '-x', 'c++', '-']
  const { error, stderr } = spawnSync(compiler, given, {
    input: source.join('\n'),
    encoding: 'utf8',
  })
  if (error) throw error
  return stderr
}

describe("NVIDIA's genuine library", function () {
  this.timeout(180_000) // downloads

  it('has every name that we look up', function () {
    if (!existsSync(ourSource)) skip(this, `there is no ${ourSource}`)
    const library = needed(this, genuineLibrary())
    const names = readFileSync(ourSource, 'utf8').matchAll(/"(nvml[A-Za-z0-9_]+)"/g)
    const asked = [...new Set([...names].map(([, name]) => name!))]
    const there = exports(library)
    expect(asked).to.include('nvmlDeviceGetFieldValues')
    expect(asked.filter((name) => !there.includes(name))).to.deep.equal(newer)
  })

  it('has every name that the stand-in for its branch has', function () {
    const library = needed(this, genuineLibrary())
    const there = exports(library)
    expect(exports(buildStub('535')).filter((name) => !there.includes(name))).to.deep.equal([])
  })

  it('loads and says that there is no driver', function () {
    const library = needed(this, genuineLibrary())
    if (existsSync('/proc/driver/nvidia/version')) skip(this, 'there is a driver')
    const [early, init] = ask(library, {}, 'count', 'init')
    expect(early).to.include({ code: 1 })
    expect(init).to.include({ code: 9, words: 'Driver Not Loaded' })
  })

  it('makes doctor say what is missing, and what mends it', async function () {
    const library = needed(this, genuineLibrary())
    const { code, stdout } = await runCli(['doctor', '--nvml', library])
    expect(code).to.equal(0)
    // A machine with a driver has other things to say.
    if (existsSync('/proc/driver/nvidia')) skip(this, 'a driver of NVIDIA is loaded here')
    expect(stdout).to.match(
      /^nvml: not usable\n {2}NVIDIA's driver is not loaded\.\n {2}To mend it: sudo modprobe nvidia$/m,
    )
  })

  it('has the sentences of the stand-in', function () {
    const library = needed(this, genuineLibrary())
    const codes = [...Array.from({ length: 31 }, (_, code) => code), 999].map((n) => `code:${n}`)
    expect(ask(buildStub('535'), {}, ...codes)).to.deep.equal(ask(library, {}, ...codes))
  })
})

describe("NVIDIA's genuine header", function () {
  this.timeout(180_000) // downloads

  it('lays its values out as we do', function () {
    if (!existsSync(ourHeader)) skip(this, `there is no ${ourHeader}`)
    const header = needed(this, genuineHeader())
    expect(complaints(header, ourHeader, layoutClaims(oursInUse))).to.equal('')
  })

  it('gives its functions the parameters that we pass', function () {
    if (!existsSync(ourHeader)) skip(this, `there is no ${ourHeader}`)
    const header = needed(this, genuineHeader())
    expect(complaints(header, ourHeader, signatureClaims())).to.equal('')
  })

  it('lays its values out as the stand-in does', function () {
    const header = needed(this, genuineHeader())
    const stub = join(__dirname, 'stub.h')
    expect(complaints(header, stub, layoutClaims(oursInTheStub))).to.equal('')
    const wrong: Struct[] = [['nvml_stub::Sample', 'nvmlPciInfo_t', {}]]
    expect(complaints(header, stub, layoutClaims(wrong))).to.contain('static assertion failed')
  })
})
