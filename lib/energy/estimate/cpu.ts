/** What the system says about its CPUs: name, packages, and whether it is a virtual machine. */
import { join } from 'node:path'
import { readText, type System } from './system'

export interface Cpu {
  /** The brand string; empty if the system gives none. */
  readonly brand: string
  /** Whether a hypervisor announces itself: the name is then the host's, the CPUs are shares. */
  readonly virtual: boolean
  /** Hardware threads that can run, at least 1. */
  readonly threads: number
  /** For each package, its CPUs' numbers; those of an unknown package are in the first. */
  readonly packages: readonly ReadonlySet<number>[]
}

/**
 * Reads `<root>/proc/cpuinfo`, or asks Node where there is none. Virtual machines have one package:
 * what they show of the host's is made up.
 */
export function describeCpu(root: string, system: System): Cpu {
  const text = readText(join(root, 'proc/cpuinfo'))
  const parsed = text === undefined ? undefined : parseCpuInfo(text)
  if (parsed === undefined || parsed.cpus.length === 0) {
    const list = system.cpus()
    const threads = Math.max(1, list.length || system.availableParallelism())
    return { brand: clean(list[0]?.model ?? ''), virtual: false, threads, packages: [all(threads)] }
  }
  const { brand, virtual, cpus } = parsed
  const ids = virtual ? [-1] : [...new Set(cpus.map((cpu) => cpu.package))].sort((a, b) => a - b)
  const packages = ids.map(
    (id) => new Set(cpus.filter((c) => virtual || c.package === id).map((c) => c.number)),
  )
  return {
    brand: brand || (root === '/' ? clean(system.cpus()[0]?.model ?? '') : ''),
    virtual,
    threads: cpus.length,
    packages,
  }
}

interface CpuInfo {
  readonly brand: string
  readonly virtual: boolean
  readonly cpus: readonly { readonly number: number; readonly package: number }[]
}

/** One block a CPU; ARM has neither `physical id` nor, mostly, `model name`. */
function parseCpuInfo(text: string): CpuInfo {
  let brand = ''
  let virtual = false
  const cpus: { number: number; package: number }[] = []
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    if (colon < 0) continue
    const key = line.slice(0, colon).trim()
    const value = line.slice(colon + 1).trim()
    if (key === 'processor' && /^\d+$/.test(value)) cpus.push({ number: Number(value), package: 0 })
    else if (key === 'model name') brand ||= clean(value)
    else if (key === 'physical id' && /^\d+$/.test(value)) {
      const last = cpus.at(-1)
      if (last !== undefined) last.package = Number(value)
    } else if (key === 'flags') virtual ||= /\bhypervisor\b/.test(value)
  }
  return { brand, virtual, cpus }
}

function all(count: number): ReadonlySet<number> {
  return new Set(Array.from({ length: count }, (_, i) => i))
}

/** Node says `unknown` where the system gives no name. */
function clean(brand: string): string {
  const text = brand.replace(/\s+/g, ' ').trim()
  return text === 'unknown' ? '' : text
}
