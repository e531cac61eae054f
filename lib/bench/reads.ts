/** What the system calls of a row are: what the bare loop has to make so that it reads the same. */
import { readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { FloorReads, NativeDomain } from '../native'

const NOTHING: FloorReads = { files: [], registers: [], groups: [] }

/** One system call for each entry; or a sentence: why no loop reads the same. */
export function readsFor(
  source: string,
  domains: readonly NativeDomain[],
  root: string,
): FloorReads | string {
  const paths = domains.map(({ path }) => path)
  switch (source) {
    case 'rapl-perf':
    case 'rapl-perf-core':
      return { ...NOTHING, groups: groupsOf(root, paths) }
    case 'rapl-msr':
      return { ...NOTHING, registers: registersOf(root, domains) }
    case 'rapl-powercap':
    case 'hwmon': {
      const files = paths.map((path) => join(root, path))
      if (files.every(isNumber)) return { ...NOTHING, files }
      return `${source} has values that are not one number in a file: no bare loop stands beside it.`
    }
    default:
      return `${source} is asked through a library, on a thread of its own: no bare loop stands beside it.`
  }
}

/** A folder, or a table of values, is read in another way. */
function isNumber(path: string): boolean {
  try {
    return statSync(path).isFile() && basename(path) !== 'gpu_metrics'
  } catch {
    return false
  }
}

/** The perf events behind paths such as `power/energy-pkg/ on CPU 0`. */
function groupsOf(root: string, paths: readonly string[]): FloorReads['groups'] {
  const groups = new Map<number, { type: number; cpu: number; configs: number[] }>()
  for (const path of paths) {
    const [, pmu = '', event = '', number] = /^(.+)\/(.+)\/ on CPU (\d+)$/.exec(path) ?? []
    const folder = join(root, 'sys/bus/event_source/devices', pmu)
    const text = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
    const cpu = Number(number)
    const group = groups.get(cpu) ?? { type: Number(text('type')), cpu, configs: [] }
    group.configs.push(Number(text(`events/${event}`).replace('event=', '')))
    groups.set(cpu, group)
  }
  return [...groups.values()]
}

// As in native/sources/rapl_msr.cc.
const INTEL: Record<string, number> = {
  package: 0x611,
  dram: 0x619,
  core: 0x639,
  uncore: 0x641,
  psys: 0x64d,
}
const AMD: Record<string, number> = { package: 0xc001029b }

function registersOf(root: string, domains: readonly NativeDomain[]): FloorReads['registers'] {
  const cpu = readFileSync(join(root, 'proc/cpuinfo'), 'utf8')
  const numbers = /AuthenticAMD|HygonGenuine/.test(cpu) ? AMD : INTEL
  return domains.map(({ path, kind }) => ({ path: join(root, path), number: numbers[kind] ?? 0 }))
}
