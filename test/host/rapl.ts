// RAPL of the simulated host: powercap zones and MSRs that show the same counters.
import type { Layout } from './layout'
import { counterOrder, type Domain, defaultUnit, type Machine, maxWatts } from './machine'
import type { MsrSpec, PowercapSpec } from './spec'

const text = (path: string, value: string | number, mode = 444): string =>
  `text ${path} ${mode} ${encodeURIComponent(`${value}\n`)}`

/** Control types and zones under sys/devices/virtual/powercap, with the class folder's links. */
export function powercapOrders(built: Machine, spec: PowercapSpec, made: Layout): void {
  made.files['sys/class/powercap'] = { link: '../../live/sys/class/powercap' }
  made.files['sys/devices/virtual/powercap'] = {
    link: '../../../live/sys/devices/virtual/powercap',
  }
  made.orders.push('folder sys/class/powercap', 'folder sys/devices/virtual/powercap')
  if (spec.masked) return
  const mode = (spec.mode ?? 0o400).toString(8)

  const folder = (path: string): string => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    const target = `sys/devices/virtual/powercap/${path}`
    made.links.set(`sys/class/powercap/${name}`, target)
    made.orders.push(`link sys/class/powercap/${name} ../../devices/virtual/powercap/${path}`)
    return target
  }
  const zone = (path: string, name: string, id: string, counter = id, most?: number): void => {
    const at = folder(path)
    made.orders.push(
      text(`${at}/name`, name),
      text(`${at}/enabled`, 1, 644),
      `energy ${at}/energy_uj ${mode} ${counter}`,
      `range ${at}/max_energy_range_uj 444 ${counter}`,
      text(`${at}/constraint_0_name`, 'long_term'),
    )
    if (most !== undefined) {
      made.orders.push(
        text(`${at}/constraint_0_max_power_uw`, Math.round(most * 1e6)),
        text(`${at}/constraint_0_power_limit_uw`, Math.round(most * 1e6), 644),
        text(`${at}/constraint_0_time_window_us`, 999424, 644),
      )
    }
    const shown = at.replace(/.*\//, 'sys/class/powercap/')
    made.zones[id] = [...(made.zones[id] ?? []), shown]
  }
  const inside = (id: number, die: number): Domain[] => {
    const found = built.domains.filter(
      (domain) => domain.package === id && (domain.die < 0 || domain.die === die),
    )
    // On AMD the zone "core" shows the core of the zone's first CPU, and no other.
    const cores = found.filter((domain) => domain.kind === 'core')
    return found.filter((domain) => domain.kind !== 'core' || domain === cores[0])
  }

  made.orders.push(text(`${folder('intel-rapl')}/enabled`, 1, 644))
  let top = spec.firstZone ?? 0
  for (const [index, id] of built.cpu.packages.entries()) {
    for (let die = 0; die < built.dies.count; ++die) {
      const found = inside(id, die)
      const main = found.find((domain) => domain.kind === 'package')
      if (main) {
        const path = `intel-rapl/intel-rapl:${top}`
        const name = built.dies.count > 1 ? `package-${id}-die-${die}` : `package-${id}`
        zone(path, name, main.id, main.id, maxWatts(main))
        let sub = 0
        for (const kind of ['core', 'uncore', 'dram'] as const) {
          const part = found.find((domain) => domain.kind === kind)
          if (!part) continue
          zone(`${path}/intel-rapl:${top}:${sub++}`, kind, part.id, part.id, part.spec.maxWatts)
        }
        ++top
      }
      const psys = found.find((domain) => domain.kind === 'psys')
      if (psys && die === 0) {
        const name = index === 0 ? 'psys' : `psys-${id}`
        zone(`intel-rapl/intel-rapl:${top++}`, name, psys.id, psys.id, maxWatts(psys))
      }
    }
  }
  for (const { name, watts, ...counter } of spec.extra ?? []) {
    made.orders.push(
      `power ${name} ${watts}`,
      counterOrder(name, name, counter, made.orders.length),
    )
    made.watts.set(name, watts)
    made.units.set(name, counter.unit ?? defaultUnit)
    zone(`intel-rapl/intel-rapl:${top++}`, name, name)
  }
  if (spec.mmio) {
    made.orders.push(text(`${folder('intel-rapl-mmio')}/enabled`, 1, 644))
    for (const [index, id] of built.cpu.packages.entries()) {
      const main = built.domains.find((domain) => domain.id === `package-${id}`)
      if (!main) continue
      const counter = `mmio-${main.id}`
      made.orders.push(counterOrder(counter, main.id, spec.mmio, made.orders.length))
      const path = `intel-rapl-mmio/intel-rapl-mmio:${index}`
      zone(path, `package-${id}`, main.id, counter, maxWatts(main))
    }
  }
}

const intelRegisters = { package: 0x611, core: 0x639, uncore: 0x641, dram: 0x619, psys: 0x64d }
const amdRegisters = { package: 0xc001029b, core: 0xc001029a }

/** dev/cpu/N/msr for every CPU; any register that is not named answers EIO, as silicon does. */
export function msrOrders(built: Machine, spec: MsrSpec, made: Layout): void {
  made.files['dev/cpu'] = { link: '../live/dev/cpu' }
  made.orders.push('folder dev/cpu')
  const mode = (spec.mode ?? 0o600).toString(8)
  for (const place of built.places) {
    const registers = new Map<number, string>()
    const own = built.domains.filter(
      (domain) =>
        domain.package === place.package &&
        (domain.die < 0 || domain.die === place.die) &&
        (domain.core < 0 || domain.core === place.core),
    )
    const main = own.find((domain) => domain.kind === 'package')
    const exponent = Math.round(-Math.log2(main?.spec.unit ?? defaultUnit))
    if (built.amd) {
      registers.set(0xc0010299, `0x${(0xa0003 | (exponent << 8)).toString(16)}`)
    } else {
      const most = main ? maxWatts(main) : 100
      // Eighths of a watt in 15 bits, or whole watts where a made-up machine needs more.
      const powerUnit = most * 8 > 0x7fff ? 0 : 3
      registers.set(0x606, `0x${(0xa0000 | (exponent << 8) | powerUnit).toString(16)}`)
      registers.set(0x614, String(Math.min(0x7fff, Math.round(most * 2 ** powerUnit))))
      if (spec.filtering !== 'missing') registers.set(0xbc, spec.filtering ? '1' : '0')
    }
    const table: Partial<Record<Domain['kind'], number>> = built.amd ? amdRegisters : intelRegisters
    const path = `dev/cpu/${place.cpu}/msr`
    for (const { id, kind } of own) {
      const register = table[kind]
      if (register !== undefined) registers.set(register, id)
    }
    for (const [register, value] of Object.entries(spec.registers ?? {})) {
      registers.set(Number(register), String(value))
    }
    const list = [...registers].map(([register, value]) => `0x${register.toString(16)}=${value}`)
    made.orders.push(`msr ${path} ${mode} ${list.join(' ')}`)
  }
}
