// Starts a simulated host: live energy counters at the real interfaces, below a root of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stub } from '../nvml/stub'
import { makeTree } from '../support/tree'
import { type Gpus, startGpus } from './gpus'
import { type Layout, layout } from './layout'
import { type PresetName, presets } from './presets'
import { hostProgram, isMounted } from './program'
import { type HostSpec, type Watts, wattsOf } from './spec'

export { type PresetName, presets } from './presets'
export { hostUnavailable, isMounted, measureTscHz, perfUnavailable, tscHz } from './program'
export type * from './spec'

export interface HostOptions extends HostSpec {
  /** What the other options start from. `domains` and `sources` are merged name by name. */
  preset?: PresetName
}

export interface Truth {
  /** CLOCK_MONOTONIC (process.hrtime) at the moment of the reading, nanoseconds. */
  ns: number
  /** Seconds since the host started: the time of `at` in orders. */
  seconds: number
  /** What each domain has really used since the host started. */
  joules: Record<string, number>
  /** How often each live file has been read (not opened). */
  reads: Record<string, number>
}

export interface FaultOptions {
  /** Refuse the open instead of the read. */
  open?: boolean
  /** Only after this many more reads, and for this many. */
  after?: number
  times?: number
  /** Seconds since the start, or '+0.5' from now. */
  from?: number | string
  until?: number | string
  /** One register of an msr file. */
  register?: number
  /** The text that a fault of kind 'text' gives. */
  text?: string
}

export type FaultKind =
  | ('eio' | 'eacces' | 'eperm' | 'enodev' | 'enoent' | 'enxio' | 'eagain' | 'enodata')
  | ('garbage' | 'empty' | 'half' | 'text')

/** A moment: seconds since the host started, or '+0.5' for half a second from now. */
export type Moment = number | string

export interface Host {
  root: string
  /** What a program needs in its environment to find the GPUs; empty where there are none. */
  env: Record<string, string>
  /** The library that stands for NVIDIA's: moves the GPUs, which `control` and its kin do not reach. */
  nvml?: Stub
  /** Whether files move below root/live, and orders are taken. */
  live: boolean
  /** Ids of the domains that truth() knows. */
  domains: string[]
  /** By domain: its zone folders below the root, sys/class/powercap/intel-rapl:0 for one. */
  zones: Record<string, string[]>
  /** By domain: its hwmon files below the root. */
  sensors: Record<string, string[]>
  truth(): Truth
  /** Sends orders as README.md lists them; throws with the reason if one cannot be obeyed. */
  control(...orders: string[]): void
  setWatts(id: string, watts: Watts, at?: Moment): void
  /** The counter stands still, and moves on to where it would be. */
  stick(id: string, at?: Moment): void
  release(id: string, at?: Moment): void
  /** The counter leaps by so many joules, back if negative; the truth does not change. */
  jump(id: string, joules: number, at?: Moment): void
  /** The counter starts again at 0. */
  reset(id: string, at?: Moment): void
  /** A 32-bit counter is put so that it wraps after this many joules. */
  nearWrap(id: string, joules: number, at?: Moment): void
  fault(path: string, kind: FaultKind, options?: FaultOptions): void
  /** Ends all faults and delays of a file or folder. */
  heal(path: string): void
  /** Every read takes this long, before the value is taken and after. */
  latency(path: string, beforeMs: number, afterMs?: number): void
  mode(path: string, mode: number): void
  /** A file or a zone disappears (open files answer ENODEV), and comes back. */
  vanish(path: string): void
  appear(path: string): void
  /** Ends the server, unmounts, removes the root. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The options with their preset worked in. */
export function resolveSpec({ preset, ...options }: HostOptions): HostSpec {
  if (preset === undefined) return options
  const base = presets[preset].spec
  const domains = { ...base.domains }
  for (const kind of ['package', 'core', 'uncore', 'dram', 'psys'] as const) {
    const given = options.domains?.[kind]
    if (given) domains[kind] = { ...domains[kind], ...given }
  }
  return { ...base, ...options, domains, sources: { ...base.sources, ...options.sources } }
}

/** Starts a host. It ends with stop(), and by itself when this process ends, however it ends. */
export async function startHost(options: HostOptions = { preset: 'intel-client' }): Promise<Host> {
  const spec = resolveSpec(options)
  const made = layout(spec)
  const gpus = spec.gpus?.length ? startGpus(spec.gpus) : undefined
  const tree = makeTree({ ...gpus?.files, ...made.files }, 'jouletap-host-')
  try {
    const host = made.live ? await liveHost(made, tree.root) : stillHost(made, tree)
    return gpus ? withGpus(host, gpus) : host
  } catch (error) {
    tree.dispose()
    gpus?.stop()
    throw error
  }
}

function withGpus(host: Host, gpus: Gpus): Host {
  const stop = async (): Promise<void> => {
    gpus.stop()
    await host.stop()
  }
  return {
    ...host,
    env: { ...gpus.stub.env },
    nvml: gpus.stub,
    domains: [...host.domains, ...gpus.ids],
    truth() {
      const truth = host.truth()
      const start = truth.ns - truth.seconds * 1e9
      return { ...truth, joules: { ...truth.joules, ...gpus.joules(start, truth.ns) } }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function liveHost(made: Layout, root: string): Promise<Host> {
  const server = spawn(hostProgram(), [root], { stdio: ['pipe', 'pipe', 'pipe'] })
  let complaints = ''
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const ended = once(server, 'close')
  server.stdin.on('error', () => {}) // it ended early: `ended` tells
  server.stdin.write([...made.orders, 'truth truth', 'control control', 'start\n'].join('\n'))
  const ready = await Promise.race([once(server.stdout, 'data'), ended.then(() => undefined)])
  if (!ready) throw new Error(`the simulated host did not start: ${complaints.trim()}`)
  // A host that is left running keeps nobody alive: its stdin ends with this process.
  server.unref()
  for (const stream of [server.stdin, server.stdout, server.stderr]) {
    ;(stream as unknown as { unref(): void }).unref()
  }

  const file = (name: string): string => join(root, 'live', name)
  const control = (...orders: string[]): void => {
    try {
      writeFileSync(file('control'), orders.join('\n'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
      throw new Error(`the simulated host refuses ${readFileSync(file('control'), 'utf8').trim()}`)
    }
  }
  const truth = (): Truth => JSON.parse(readFileSync(file('truth'), 'utf8')) as Truth
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      server.ref()
      server.stdin.end()
      await ended
      if (isMounted(file(''))) throw new Error(`${file('')} is still mounted`)
    })()
    return stopped
  }
  return { ...controls(made, control), root, truth, stop, [Symbol.asyncDispose]: stop }
}

/** Nothing but the perf stand-in: no server is needed, and the truth is plain arithmetic. */
function stillHost(made: Layout, tree: { root: string; dispose(): void }): Host {
  const start = process.hrtime.bigint()
  const truth = (): Truth => {
    const now = process.hrtime.bigint()
    const seconds = Number(now - start) / 1e9
    const joules = [...made.watts].map(([id, watts]) => [id, wattsOf(watts).first * seconds])
    return { ns: Number(now), seconds, joules: Object.fromEntries(joules), reads: {} }
  }
  const control = (): void => {
    throw new Error('a host without live files takes no orders')
  }
  const stop = async (): Promise<void> => tree.dispose()
  return { ...controls(made, control), root: tree.root, truth, stop, [Symbol.asyncDispose]: stop }
}

type Controls = Omit<Host, 'root' | 'truth' | 'stop' | typeof Symbol.asyncDispose>

function controls(made: Layout, control: Host['control']): Controls {
  const at = (moment?: Moment): string => (moment === undefined ? '' : ` at=${moment}`)
  /** Where the server keeps a path: sys/class/powercap holds links only. */
  const kept = (path: string): string => {
    const [, link = '', rest = ''] = /^(sys\/class\/powercap\/[^/]+)(.*)$/.exec(path) ?? []
    const target = made.links.get(link)
    return target ? target + rest : path
  }
  const show = (verb: 'vanish' | 'appear') => (path: string) => {
    const place = kept(path)
    const links = [...made.links].filter(
      ([, target]) => target === place || target.startsWith(`${place}/`),
    )
    control(`${verb} ${place}`, ...links.map(([link]) => `${verb} ${link}`))
  }
  return {
    env: {},
    live: made.live,
    domains: [...made.watts.keys()],
    zones: made.zones,
    sensors: made.sensors,
    control,
    setWatts: (id, watts, moment) => control(`power ${id} ${watts}${at(moment)}`),
    stick: (id, moment) => control(`stick ${id}${at(moment)}`),
    release: (id, moment) => control(`release ${id}${at(moment)}`),
    jump: (id, joules, moment) => control(`jump ${id} ${joules}${at(moment)}`),
    reset: (id, moment) => control(`set ${id} 0${at(moment)}`),
    nearWrap: (id, joules, moment) => {
      const unit = made.units.get(id)
      if (unit === undefined) throw new Error(`no counter ${id}`)
      control(`set ${id} ${2 ** 32 - Math.ceil(joules / unit)}${at(moment)}`)
    },
    fault: (path, kind, { open, text, register, ...times } = {}) => {
      const words = [`fault ${kept(path)} ${kind}`]
      if (open) words.push('open')
      if (text !== undefined) words.push(`is=${encodeURIComponent(text)}`)
      if (register !== undefined) words.push(`reg=${register}`)
      for (const [name, value] of Object.entries(times)) words.push(`${name}=${value}`)
      control(words.join(' '))
    },
    heal: (path) => control(`heal ${kept(path)}`),
    latency: (path, before, after = 0) => control(`latency ${kept(path)} ${before} ${after}`),
    mode: (path, mode) => control(`mode ${kept(path)} ${mode.toString(8)}`),
    vanish: show('vanish'),
    appear: show('appear'),
  }
}
