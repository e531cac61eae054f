// The machine that a HostSpec describes: its CPUs, packages, dies, domains and counters.
import { cpus } from 'node:os'
import { type CpuTree, type Place, places } from '../support/tree'
import {
  type CounterSpec,
  type DomainSpec,
  type HostSpec,
  type Kind,
  SpecError,
  type Watts,
  wattsOf,
} from './spec'

/** One domain of one package, or of one die that has counters of its own. */
export interface Domain {
  /** The id of its true power: package-0, core-1, dram-0-die-1; core-0-3 for one core on AMD. */
  id: string
  kind: Kind
  spec: DomainSpec
  watts: Watts
  package: number
  die: number
  core: number
}

export interface Machine {
  cpu: CpuTree
  places: Place[]
  dies: { count: number; mirrored: boolean }
  domains: Domain[]
  amd: boolean
}

export const defaultUnit = 2 ** -14

/** The order that makes a counter. The n-th of a host gets a phase of its own. */
export function counterOrder(id: string, power: string, spec: CounterSpec, n: number): string {
  const unit = spec.unit ?? defaultUnit
  const nanojoules = spec.nanojoules ?? Math.floor(unit * 1e9 + 1e-6)
  const update = spec.updateSeconds ?? 1 / 1024
  const options: Record<string, string | number | bigint> = {
    unit,
    nj: nanojoules,
    tu: update,
    // Golden-ratio steps: spread over the period, and never two alike.
    phase: spec.phase ?? ((n * 0.6180339887) % 1) * update,
  }
  let modulus = 1n << BigInt(spec.bits ?? 32)
  if (spec.rangeMicrojoules !== undefined) {
    modulus = BigInt(Math.round((spec.rangeMicrojoules * 1000) / nanojoules)) + 1n
    options.modulus = modulus
  }
  if (spec.bits !== undefined) options.bits = spec.bits
  if (spec.jitter !== undefined) options.jitter = spec.jitter
  if (spec.reserved !== undefined) options.reserved = spec.reserved
  // Any counter that has run for a while: not at 0, and no two alike.
  options.seed = spec.seed ?? BigInt(Math.floor(((n * 0.6180339887 + 0.1) % 1) * 1e6)) % modulus
  if (spec.wrapAfterJoules !== undefined) {
    options.seed = modulus - BigInt(Math.ceil(spec.wrapAfterJoules / unit))
  }
  const text = Object.entries(options).map(([name, value]) => `${name}=${value}`)
  return `counter ${id} ${power} ${text.join(' ')}`
}

export function machine(spec: HostSpec): Machine {
  const cpu = spec.cpu ?? { vendor: 'GenuineIntel', family: 6, model: 0x97, name: 'Simulated CPU' }
  const ids = spec.packageIds ?? Array.from({ length: spec.packages ?? 1 }, (_, index) => index)
  const dies = spec.dies ?? { count: 1, mirrored: false }
  const cpusPerPackage =
    spec.cpusPerPackage ?? Math.max(dies.count, Math.floor(cpus().length / ids.length))
  const tree: CpuTree = { ...cpu, packages: ids, cpusPerPackage, diesPerPackage: dies.count }
  const amd = cpu.vendor === 'AuthenticAMD' || cpu.vendor === 'HygonGenuine'
  const all = places(tree)
  const domains: Domain[] = []
  const ownDies = dies.count > 1 && !dies.mirrored
  for (const [index, id] of ids.entries()) {
    for (const [kind, domain] of Object.entries(spec.domains ?? {}) as [Kind, DomainSpec][]) {
      const watts = Array.isArray(domain.watts) ? domain.watts[index] : domain.watts
      if (watts === undefined)
        throw new SpecError(`domains.${kind}.watts has no value for package ${id}`)
      const add = (suffix: string, die: number, core: number): number =>
        domains.push({
          id: `${kind}-${id}${suffix}`,
          kind,
          spec: domain,
          watts,
          package: id,
          die,
          core,
        })
      if (amd && kind === 'core') {
        for (const place of all) {
          if (place.package === id) add(`-${place.core}`, place.die, place.core)
        }
      } else if (ownDies && kind !== 'psys') {
        for (let die = 0; die < dies.count; ++die) add(`-die-${die}`, die, -1)
      } else {
        add('', -1, -1)
      }
    }
  }
  return { cpu: tree, places: all, dies, domains, amd }
}

/** What a package can draw at most, in watts, as its zone and its registers say. */
export function maxWatts(domain: Domain): number {
  return domain.spec.maxWatts ?? Math.ceil(wattsOf(domain.watts).most * 1.25)
}
