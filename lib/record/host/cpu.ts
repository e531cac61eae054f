/** What the system says of its processor: its name, packages and threads. */
import { cpus } from 'node:os'
import { join } from 'node:path'
import { namesIn, oneLine, readLine, readText } from './files'

export interface Cpu {
  /** Brand string; on ARM the cores, `ARM Neoverse-N1`, else the board; empty where nothing tells. */
  brand: string
  /** 0: unknown. */
  packages: number
  /** Hardware threads that are online. */
  threads: number
  /** Whether a hypervisor announces itself; undefined on processors that have no such flag. */
  hypervised: boolean | undefined
}

/**
 * Reads `<root>/proc/cpuinfo`, and asks Node for what it lacks. Node is not asked first: for its
 * answer it reads the clock of every CPU, which takes long where there are many.
 */
export function readCpu(root: string): Cpu {
  const text = readText(join(root, 'proc/cpuinfo')) ?? ''
  // What all CPUs share is read of the first: there may be hundreds.
  const [first = ''] = text.split('\n\n', 1)
  const [flags] = fields(first, 'flags')
  return {
    brand: armCores(text) || brandIn(first) || boardOf(root) || armNumbers(text) || nodesBrand(),
    packages: packagesOf(root, text),
    threads: fields(text, 'processor').filter(isIndex).length || cpus().length,
    hypervised: flags === undefined ? undefined : /\bhypervisor\b/.test(flags),
  }
}

/** The model of the board where a device tree names one, such as `Raspberry Pi 5 Model B Rev 1.0`. */
export function boardOf(root: string): string {
  // proc/device-tree is an absolute link, which would lead out of another root.
  const model = readLine(join(root, 'sys/firmware/devicetree/base/model'))
  return model === 'linux,dummy-virt' ? '' : model
}

/** The values of every line `name : value`. */
function fields(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`^${name}[ \\t]*:(.*)$`, 'gm'))].map(([, value]) =>
    value!.trim(),
  )
}

function isIndex(text: string): boolean {
  return /^\d+$/.test(text)
}

function brandIn(text: string): string {
  const brand = oneLine(fields(text, 'model name')[0])
  // What 32-bit ARM calls a name tells the architecture and nothing else.
  return /^(ARM|AArch64).* rev \d+ \(/.test(brand) ? '' : brand
}

function nodesBrand(): string {
  const brand = oneLine(cpus()[0]?.model)
  return brand === 'unknown' ? '' : brand
}

function packagesOf(root: string, text: string): number {
  const told = new Set(fields(text, 'physical id').filter(isIndex))
  if (told.size > 0) return told.size
  const folder = join(root, 'sys/devices/system/cpu')
  const ids = namesIn(folder)
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => readLine(join(folder, name, 'topology/physical_package_id')))
  // -1 stands for what the firmware does not tell.
  return new Set(ids.filter(isIndex)).size
}

/**
 * Implementer and part number of cores that measure energy in servers, boards and laptops: fields
 * of MIDR_EL1 as the makers document them in their technical reference manuals.
 */
const CORES: Readonly<Record<string, string>> = {
  '41:d03': 'ARM Cortex-A53',
  '41:d05': 'ARM Cortex-A55',
  '41:d07': 'ARM Cortex-A57',
  '41:d08': 'ARM Cortex-A72',
  '41:d09': 'ARM Cortex-A73',
  '41:d0a': 'ARM Cortex-A75',
  '41:d0b': 'ARM Cortex-A76',
  '41:d0c': 'ARM Neoverse-N1',
  '41:d0d': 'ARM Cortex-A77',
  '41:d40': 'ARM Neoverse-V1',
  '41:d41': 'ARM Cortex-A78',
  '41:d42': 'ARM Cortex-A78AE',
  '41:d44': 'ARM Cortex-X1',
  '41:d46': 'ARM Cortex-A510',
  '41:d47': 'ARM Cortex-A710',
  '41:d48': 'ARM Cortex-X2',
  '41:d49': 'ARM Neoverse-N2',
  '41:d4d': 'ARM Cortex-A715',
  '41:d4e': 'ARM Cortex-X3',
  '41:d4f': 'ARM Neoverse-V2',
  '41:d80': 'ARM Cortex-A520',
  '41:d81': 'ARM Cortex-A720',
  '41:d82': 'ARM Cortex-X4',
  '41:d84': 'ARM Neoverse-V3',
  '41:d85': 'ARM Cortex-X925',
  '41:d87': 'ARM Cortex-A725',
  '41:d8e': 'ARM Neoverse-N3',
  '43:0af': 'Cavium ThunderX2',
  '46:001': 'Fujitsu A64FX',
  '48:d01': 'HiSilicon TaiShan v110',
  '48:d02': 'HiSilicon TaiShan v120',
  '4e:004': 'NVIDIA Carmel',
  '6d:d49': 'Microsoft Azure Cobalt 100',
  'c0:ac3': 'Ampere-1',
  'c0:ac4': 'Ampere-1A',
}

/** Each kind of core once: `41:d0c`. */
function armIds(text: string): string[] {
  const hex = (name: string, digits: number) =>
    fields(text, name).map((value) => {
      const number = Number(value)
      return Number.isInteger(number) ? number.toString(16).padStart(digits, '0') : ''
    })
  const parts = hex('CPU part', 3)
  const ids = hex('CPU implementer', 2).map((maker, i) => `${maker}:${parts[i] ?? ''}`)
  return [...new Set(ids)].filter((id) => /^[\da-f]{2}:[\da-f]{3}$/.test(id))
}

/** `ARM Cortex-A55 + ARM Cortex-A76`; empty where a kind of core is not in the table. */
function armCores(text: string): string {
  const names = armIds(text).map((id) => CORES[id])
  return names.includes(undefined) ? '' : names.join(' + ')
}

function armNumbers(text: string): string {
  const ids = armIds(text)
  return ids.length === 0 ? '' : `ARM CPU ${ids.join(' + ')}`
}
