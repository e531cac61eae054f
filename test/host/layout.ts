// HostSpec → the orders that make the live files, and the plain files beside them.

import { readFileSync } from 'node:fs'
import { cpuTree, type Files } from '../support/tree'
import { counterOrder, defaultUnit, type Machine, machine } from './machine'
import { msrPmuType, tscHz } from './program'
import { msrOrders, powercapOrders } from './rapl'
import {
  type ChipSpec,
  type CounterSpec,
  type HostSpec,
  type Kind,
  type PerfSpec,
  SpecError,
  type Watts,
} from './spec'

export interface Layout {
  orders: string[]
  files: Files
  /** Zones that show a domain, by the domain's id: folders in sys/class/powercap. */
  zones: Record<string, string[]>
  /** Files of sys/class/hwmon that show a domain, by its id. */
  sensors: Record<string, string[]>
  /** Every name below sys/class/powercap and the folder that it links to. */
  links: Map<string, string>
  /** Watts of each domain at the start. */
  watts: Map<string, Watts>
  /** Joules of one count, by domain. */
  units: Map<string, number>
  live: boolean
}

export function layout(spec: HostSpec): Layout {
  const built = machine(spec)
  const { powercap = false, msr = false, perf = false, hwmon = [] } = spec.sources ?? {}
  const made: Layout = {
    orders: [],
    files: {
      ...cpuTree(built.cpu),
      'proc/meminfo': 'MemTotal:       65536000 kB\nMemAvailable:   49152000 kB\n',
      ...paranoid(),
      ...spec.files,
    },
    zones: {},
    sensors: {},
    links: new Map(),
    watts: new Map(built.domains.map((domain) => [domain.id, domain.watts])),
    units: new Map(built.domains.map((domain) => [domain.id, domain.spec.unit ?? defaultUnit])),
    live: Boolean(powercap || msr || hwmon.length > 0),
  }
  for (const [n, { id, watts, spec: domain }] of built.domains.entries()) {
    made.orders.push(`power ${id} ${watts}`, counterOrder(id, id, domain, n))
  }
  if (powercap) powercapOrders(built, powercap === true ? {} : powercap, made)
  if (msr) msrOrders(built, msr === true ? {} : msr, made)
  if (hwmon.length > 0) hwmonOrders(hwmon, made)
  if (perf) Object.assign(made.files, perfFiles(built, perf === true ? {} : perf))
  return made
}

/** The level that really rules here, since perf_event_open is real. */
function paranoid(): Files {
  const path = '/proc/sys/kernel/perf_event_paranoid'
  try {
    return { [path.slice(1)]: readFileSync(path, 'utf8') }
  } catch {
    return {}
  }
}

const perfEvents: Record<Kind, string> = {
  package: 'energy-pkg',
  core: 'energy-cores',
  uncore: 'energy-gpu',
  dram: 'energy-ram',
  psys: 'energy-psys',
}

/** A PMU "power" whose events all count the TSC, each with the scale that makes watts of it. */
function perfFiles(built: Machine, spec: PerfSpec): Files {
  const seen = new Set<string>()
  const first = built.places.filter((place) => {
    const key = built.amd ? `${place.package}` : `${place.package}/${place.die}`
    return !seen.has(key) && seen.add(key)
  })
  const folder = 'sys/bus/event_source/devices/power'
  const files: Files = {
    [`${folder}/type`]: `${msrPmuType()}\n`,
    [`${folder}/cpumask`]: `${spec.cpumask ?? first.map((place) => place.cpu).join(',')}\n`,
    [`${folder}/format/event`]: 'config:0-7\n',
  }
  const hz = tscHz()
  for (const { kind, watts } of built.domains) {
    if (built.amd && kind === 'core') continue // not in this PMU
    const event = `${folder}/events/${perfEvents[kind]}`
    const scale = `${Number(watts) / hz}\n`
    if (typeof watts !== 'number' || (files[`${event}.scale`] ?? scale) !== scale) {
      throw new SpecError(
        `perf shows one constant power for all packages: ${kind} cannot be ${watts} there`,
      )
    }
    files[event] = 'event=0x00\n'
    files[`${event}.unit`] = 'Joules\n'
    files[`${event}.scale`] = scale
  }
  return files
}

/** hwmon chips, whose sensors may follow domains of RAPL or have a power of their own. */
function hwmonOrders(chips: ChipSpec[], made: Layout): void {
  const classFolder = 'sys/class/hwmon'
  made.files[classFolder] = { link: '../../live/sys/class/hwmon' }
  for (const [index, chip] of chips.entries()) {
    const folder = `${classFolder}/hwmon${chip.number ?? index}`
    made.orders.push(`text ${folder}/name 444 ${encodeURIComponent(`${chip.name}\n`)}`)
    if (chip.pci) {
      const device = `sys/devices/pci0000:00/${chip.pci}`
      made.orders.push(`folder ${device}`, `link ${folder}/device ../../../../${device}`)
    }
    for (const [name, sensor] of Object.entries(chip.files)) {
      const path = `${folder}/${name}`
      if (typeof sensor === 'string') {
        made.orders.push(`text ${path} 444 ${encodeURIComponent(sensor)}`)
        continue
      }
      if (sensor.watts !== undefined) {
        made.orders.push(`power ${sensor.of} ${sensor.watts}`)
        made.watts.set(sensor.of, sensor.watts)
      } else if (!made.watts.has(sensor.of)) {
        throw new SpecError(`${path} shows ${sensor.of}, which has no watts`)
      }
      made.sensors[sensor.of] = [...(made.sensors[sensor.of] ?? []), path]
      if (sensor.as === 'energy') {
        const id = `${chip.name}:${index}:${name}`
        const counter: CounterSpec = { unit: 1e-6, bits: 64, ...sensor }
        made.orders.push(counterOrder(id, sensor.of, counter, made.orders.length))
        made.orders.push(`total ${path} 444 ${id}`)
      } else {
        const refresh = sensor.refreshSeconds ?? 0.1
        const window = sensor.as === 'power' ? (sensor.windowSeconds ?? 0) : 0
        const scale = sensor.as === 'power' ? 1e6 : 1000 / sensor.volts
        const options = `window=${window} refresh=${refresh} scale=${scale}`
        made.orders.push(`gauge ${path} 444 ${sensor.of} ${options}`)
      }
    }
  }
}
