// Compiles the stand-ins for NVIDIA's library, and programs of their tests, when a source is newer.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The driver that is played; `535.43` is an early one of branch 535, with longer process records. */
export type Generation = '450' | '535.43' | '535' | '570'

const macros: Record<Generation, number> = { 450: 45000, 535.43: 53543, 535: 53598, 570: 57000 }

const source = __dirname
export const buildFolder = resolve(source, '../../build/nvml')

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Everything that may be part of a program here. */
function newestSource(): number {
  const folders = [source, resolve(source, '../host'), resolve(source, '../native')]
  const files = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => /^(model|nvml).*\.(cc|h)$/.test(name) || folder === source)
      .filter((name) => /\.(cc|h|map)$/.test(name))
      .map((name) => join(folder, name)),
  )
  return Math.max(...files.map(modified))
}

/** The path of build/nvml/<name>, made anew by the compiler with these arguments if it is old. */
export function compiled(name: string, files: string[], flags: string[] = []): string {
  const made = join(buildFolder, name)
  if (modified(made) > newestSource()) return made
  mkdirSync(dirname(made), { recursive: true })
  const fresh = `${made}.${process.pid}`
  const compiler = process.env.CXX || 'c++'
  const common = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', fresh]
  const given = [...common, ...files.map((file) => resolve(source, file)), ...flags]
  const { error, status, stderr } = spawnSync(compiler, given, { encoding: 'utf8' })
  if (error || status !== 0) {
    rmSync(fresh, { force: true })
    throw new Error(`cannot compile ${name} with ${compiler}: ${error?.message ?? stderr.trim()}`)
  }
  renameSync(fresh, made)
  return made
}

/** The path of a libnvidia-ml.so.1 that plays this driver. Throws where there is no compiler. */
export function buildStub(generation: Generation): string {
  // Compiled once for all generations, and linked for each.
  const objects = compiled(
    'stub.o',
    ['stub.cc', 'readings.cc', 'processes.cc', '../host/model.cc'],
    ['-fPIC', '-fvisibility=hidden', '-r', '-nostdlib'],
  )
  return compiled(
    `${generation}/libnvidia-ml.so.1`,
    ['generation.cc', objects],
    [
      '-shared',
      '-fPIC',
      `-DNVML_STUB_GENERATION=${macros[generation]}`,
      '-Wl,-soname,libnvidia-ml.so.1',
      `-Wl,--version-script=${join(source, `${generation}.map`)}`,
    ],
  )
}

export const pageProgram = (): string => compiled('page', ['page.cc', '../host/model.cc'])

/** One answer of a library: the code, its sentence, and a value if there is one. */
export interface Answer {
  code: number
  value: bigint
  words: string
}

/** What a library answers in a process of its own: ask.cc says what can be asked. */
export function ask(library: string, env: NodeJS.ProcessEnv, ...calls: string[]): Answer[] {
  const program = compiled('ask', ['ask.cc'], ['-ldl'])
  const { error, status, stdout, stderr } = spawnSync(program, [library, ...calls], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (error || status !== 0) throw new Error(`ask ${calls}: ${error?.message ?? stderr}`)
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => {
    const [, code, value, words] = /^(\d+) (\d+) (.*)$/.exec(line)!
    return { code: Number(code), value: BigInt(value!), words: words! }
  })
}
