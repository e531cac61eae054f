// Builds the simulated host's programs when they are needed, and says whether they can run here.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'

const source = __dirname
const build = resolve(source, '../../build/host')
const msrPmu = '/sys/bus/event_source/devices/msr'

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

/** The path of build/host/<name>, compiled anew if a source is newer. */
function compiled(name: string, sources: string[], headers: string[] = []): string {
  const program = join(build, name)
  const newest = Math.max(...[...sources, ...headers].map((file) => modified(join(source, file))))
  if (modified(program) > newest) return program
  mkdirSync(build, { recursive: true })
  const made = `${program}.${process.pid}`
  const flags = ['-std=c++17', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', made]
  const compiler = process.env.CXX || 'c++'
  const files = sources.map((file) => join(source, file))
  const { error, status, stderr } = spawnSync(compiler, [...flags, ...files], { encoding: 'utf8' })
  if (error || status !== 0) {
    rmSync(made, { force: true })
    throw new Error(`cannot compile ${name} with ${compiler}: ${error?.message ?? stderr.trim()}`)
  }
  renameSync(made, program)
  return program
}

export const hostProgram = (): string =>
  compiled(
    'fuse_host',
    ['fuse_host.cc', 'fuse.cc', 'orders.cc', 'tree.cc', 'model.cc'],
    ['fuse.h', 'tree.h', 'model.h'],
  )

const remembered = new Map<string, string | undefined>()
function once(key: string, find: () => string | undefined): string | undefined {
  if (!remembered.has(key)) remembered.set(key, find())
  return remembered.get(key)
}

/** Why live counters cannot be served here (no /dev/fuse, no permission, no compiler), or nothing. */
export function hostUnavailable(): string | undefined {
  return once('host', () => {
    if (process.platform !== 'linux') return 'the simulated host needs Linux'
    try {
      const { status, stderr } = spawnSync(hostProgram(), { encoding: 'utf8' })
      return status === 0 ? undefined : `no simulated host here: ${stderr.trim()}`
    } catch (error) {
      return (error as Error).message
    }
  })
}

/** Why the perf stand-in cannot be used here for that many packages, or nothing. */
export function perfUnavailable(packages = 1): string | undefined {
  if (cpus().length < packages) {
    return `the perf stand-in needs ${packages} CPUs for ${packages} packages; here are ${cpus().length}`
  }
  return once('perf', () => {
    if (modified(`${msrPmu}/events/tsc`) === 0) return `no PMU "msr" with a tsc event in ${msrPmu}`
    try {
      measureTscHz(0.01)
      return undefined
    } catch (error) {
      return `the msr PMU cannot be used here: ${(error as Error).message}`
    }
  })
}

export const msrPmuType = (): string => readFileSync(`${msrPmu}/type`, 'utf8').trim()

/** The TSC's rate in Hz, as perf sees it, measured now on CPU 0. */
export function measureTscHz(seconds: number): number {
  const program = compiled('tsc_rate', ['tsc_rate.cc'])
  const given = [msrPmuType(), '0', String(seconds)]
  const { status, stdout, stderr } = spawnSync(program, given, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr.trim())
  return Number(stdout)
}

/** The TSC's rate in Hz against perf's own clock, measured over a second once an hour and boot. */
export function tscHz(): number {
  const kept = join(build, 'tsc_rate.json')
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  try {
    const last = JSON.parse(readFileSync(kept, 'utf8')) as { boot: string; at: number; hz: number }
    // A machine that was moved to another one keeps its boot id, so the figure must age.
    const age = Date.now() - last.at
    if (last.boot === boot && age >= 0 && age < 3600_000 && last.hz > 0) return last.hz
  } catch {
    // None yet, or a torn one: measure.
  }
  const hz = measureTscHz(1)
  const made = `${kept}.${process.pid}`
  writeFileSync(made, JSON.stringify({ boot, at: Date.now(), hz }))
  renameSync(made, kept)
  return hz
}

/** Whether `folder` is a mount point now. */
export const isMounted = (folder: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8').includes(` ${folder} `)
