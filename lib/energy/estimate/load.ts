/** How busy the CPUs are: their times since boot, and the load between two looks. */
import { join } from 'node:path'
import { readText, type System } from './system'

/** One look: what every CPU has done since boot. */
export interface Times {
  /** Looks of different origin do not subtract. */
  readonly origin: 'proc' | 'os'
  readonly cpus: ReadonlyMap<number, { readonly busyMs: number; readonly idleMs: number }>
}

/** What some CPUs did between two looks. */
export interface Load {
  /** 0…1; undefined when no time was counted. */
  readonly load: number | undefined
  /** CPU time that was counted, busy and idle, in milliseconds. */
  readonly countedMs: number
}

/** Linux counts CPU time for user space in hundredths of a second, whatever the kernel's tick. */
export const TICK_MS = 10

/** `<root>/proc/stat`, else `os.cpus()`; undefined if neither tells anything. */
export function readTimes(root: string, system: System): Times | undefined {
  const text = readText(join(root, 'proc/stat'))
  const cpus = text === undefined ? undefined : parseStat(text)
  if (cpus !== undefined && cpus.size > 0) return { origin: 'proc', cpus }
  const list = system.cpus()
  if (list.length === 0) return undefined
  const entries = list.map(({ times: t }, i) => {
    return [i, { busyMs: t.user + t.nice + t.sys + t.irq, idleMs: t.idle }] as const
  })
  return { origin: 'os', cpus: new Map(entries) }
}

/**
 * user nice system idle iowait irq softirq steal guest guest_nice: idle and iowait are idle, and so is
 * steal, the time in which the host ran somebody else; guest is inside user and not added again.
 */
function parseStat(text: string): Map<number, { busyMs: number; idleMs: number }> {
  const cpus = new Map<number, { busyMs: number; idleMs: number }>()
  for (const [, number, rest] of text.matchAll(/^cpu(\d+) +(.*)$/gm)) {
    const ticks = rest!.trim().split(/ +/).map(Number)
    if (ticks.length < 4 || ticks.some((tick) => !Number.isFinite(tick))) continue
    const [user, nice, sys, idle, iowait = 0, irq = 0, softirq = 0, steal = 0] = ticks
    cpus.set(Number(number), {
      busyMs: (user! + nice! + sys! + irq + softirq) * TICK_MS,
      idleMs: (idle! + iowait + steal) * TICK_MS,
    })
  }
  return cpus
}

/**
 * The load of `package_` between two looks. CPUs that are in only one of them (hotplug) are left
 * out, and a time that fell counts as standing still.
 */
export function loadBetween(before: Times, after: Times, package_: ReadonlySet<number>): Load {
  let busy = 0
  let counted = 0
  for (const [number, now] of after.cpus) {
    const then = before.cpus.get(number)
    if (then === undefined || !package_.has(number)) continue
    const run = Math.max(0, now.busyMs - then.busyMs)
    busy += run
    counted += run + Math.max(0, now.idleMs - then.idleMs)
  }
  return { load: counted > 0 ? busy / counted : undefined, countedMs: counted }
}

/** Mean load since boot: all that is known before the first tick. */
export function loadSinceBoot(times: Times, package_: ReadonlySet<number>): number {
  const zero = new Map([...times.cpus.keys()].map((n) => [n, { busyMs: 0, idleMs: 0 }]))
  return loadBetween({ origin: times.origin, cpus: zero }, times, package_).load ?? 0
}
