// Made trees that stand for a machine's /sys, /proc and /dev: files that do not move by themselves.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A file's text, null for a folder, or where a link points to (relative to its own folder). */
export type Content = string | null | { link: string }
export type Files = Record<string, Content>

export interface Tree {
  root: string
  /** Makes a file with the folders above it, or rewrites it in place. */
  write(path: string, content: Content): void
  remove(path: string): void
  dispose(): void
  [Symbol.dispose](): void
}

/** Makes the files in a new folder of the system's temporary folder. */
export function makeTree(files: Files, prefix = 'jouletap-tree-'): Tree {
  const root = mkdtempSync(join(tmpdir(), prefix))
  chmodSync(root, 0o755) // tests look at it as other users too
  const write = (path: string, content: Content): void => {
    const full = join(root, path)
    mkdirSync(content === null ? full : dirname(full), { recursive: true })
    if (content === null) return
    if (typeof content === 'string' && lstatSync(full, { throwIfNoEntry: false })?.isFile()) {
      overwrite(full, content)
      return
    }
    rmSync(full, { force: true, recursive: true })
    if (typeof content === 'string') writeFileSync(full, content)
    else symlinkSync(content.link, full)
  }
  const dispose = (): void => rmSync(root, { recursive: true, force: true })
  for (const [path, content] of Object.entries(files)) write(path, content)
  return {
    root,
    write,
    remove: (path) => rmSync(join(root, path), { recursive: true }),
    dispose,
    [Symbol.dispose]: dispose,
  }
}

/** In place and never empty in between, so that who holds the file open sees one text or the other. */
function overwrite(path: string, text: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, text, 0)
  ftruncateSync(file, Buffer.byteLength(text))
  closeSync(file)
}

export interface CpuTree {
  /** As /proc/cpuinfo has it: GenuineIntel, AuthenticAMD, HygonGenuine; ARM for an ARM machine. */
  vendor: string
  family: number
  model: number
  name: string
  /** physical_package_id of each package. */
  packages: number[]
  cpusPerPackage: number
  diesPerPackage?: number
}

export interface Place {
  cpu: number
  package: number
  die: number
  core: number
}

/** Where each CPU sits: packages fill up one after the other, and so do their dies. */
export function places(spec: CpuTree): Place[] {
  const perDie = Math.ceil(spec.cpusPerPackage / (spec.diesPerPackage ?? 1))
  return spec.packages.flatMap((id, index) =>
    Array.from({ length: spec.cpusPerPackage }, (_, core) => ({
      cpu: index * spec.cpusPerPackage + core,
      package: id,
      die: Math.floor(core / perDie),
      core,
    })),
  )
}

/** proc/cpuinfo, and sys/devices/system/cpu with topology; every CPU is a core of its own. */
export function cpuTree(spec: CpuTree): Files {
  const all = places(spec)
  const online = all.length > 1 ? `0-${all.length - 1}\n` : '0\n'
  const files: Files = {
    'proc/cpuinfo': all.map((place) => cpuinfo(spec, place)).join('\n'),
    'sys/devices/system/cpu/online': online,
    'sys/devices/system/cpu/possible': online,
    'sys/devices/system/cpu/present': online,
  }
  for (const place of all) {
    const siblings = all.filter((other) => other.package === place.package)
    const last = siblings[siblings.length - 1]!.cpu
    const first = siblings[0]!.cpu
    const topology = {
      physical_package_id: place.package,
      die_id: place.die,
      core_id: place.core,
      thread_siblings_list: place.cpu,
      core_cpus_list: place.cpu,
      core_siblings_list: first === last ? first : `${first}-${last}`,
      package_cpus_list: first === last ? first : `${first}-${last}`,
    }
    for (const [name, value] of Object.entries(topology)) {
      files[`sys/devices/system/cpu/cpu${place.cpu}/topology/${name}`] = `${value}\n`
    }
  }
  return files
}

function cpuinfo(spec: CpuTree, place: Place): string {
  const fields: [string, string | number][] =
    spec.vendor === 'ARM'
      ? [
          ['processor', place.cpu],
          ['CPU implementer', '0x41'],
          ['CPU architecture', 8],
          ['CPU part', `0x${spec.model.toString(16)}`],
        ]
      : [
          ['processor', place.cpu],
          ['vendor_id', spec.vendor],
          ['cpu family', spec.family],
          ['model', spec.model],
          ['model name', spec.name],
          ['stepping', 1],
          ['physical id', place.package],
          ['siblings', spec.cpusPerPackage],
          ['core id', place.core],
          ['cpu cores', spec.cpusPerPackage],
          ['flags', 'fpu tsc msr constant_tsc nonstop_tsc rapl'],
        ]
  return fields.map(([name, value]) => `${name.padEnd(15)}\t: ${value}\n`).join('')
}

export interface Zone {
  /** Folder below sys/class/powercap, such as intel-rapl:0 or intel-rapl:0:1. */
  folder: string
  name: string
  /** Text of energy_uj; a number gets a newline. Left out: no such file. */
  energy?: number | bigint | string
  /** max_energy_range_uj; default that of a 32-bit counter of 2^-14 J. */
  range?: number | bigint | string
  maxPowerMicrowatts?: number
}

/** sys/class/powercap with zones that stand still. */
export function powercapTree(spec: { zones: Zone[] }): Files {
  const files: Files = { 'sys/class/powercap': null }
  const text = (value: number | bigint | string): string =>
    typeof value === 'string' ? value : `${value}\n`
  for (const zone of spec.zones) {
    const folder = `sys/class/powercap/${zone.folder}`
    files[`${folder}/name`] = `${zone.name}\n`
    files[`${folder}/max_energy_range_uj`] = text(zone.range ?? 262143328850)
    if (zone.energy !== undefined) files[`${folder}/energy_uj`] = text(zone.energy)
    if (zone.maxPowerMicrowatts !== undefined) {
      files[`${folder}/constraint_0_name`] = 'long_term\n'
      files[`${folder}/constraint_0_max_power_uw`] = text(zone.maxPowerMicrowatts)
    }
  }
  return files
}
