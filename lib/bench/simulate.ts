/** Simulated hosts for the bench: counters that move and whose truth is known, in a child process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { JouletapError } from '../errors'
import type { Place } from './look'

/** The folder of the package. */
export const PACKAGE = join(__dirname, '..', '..')

/** Joules that each domain has truly used. */
export interface Truth {
  /** CLOCK_MONOTONIC, in nanoseconds. */
  ns: number
  /** Since the host's start, which is the time of its orders. */
  seconds: number
  joules: Record<string, number>
}

export interface SimulatedHosts {
  /** Every source that can be had, best first. */
  places: Place[]
  /** One package with a constant power, its counter's updates on time, and another's late by jitter. */
  steady: string
  moving: string
  stop(): Promise<void>
}

/** Share of the period by which updates of the moving host's counter come late, at the most. */
export const JITTER = 0.05
/** Seconds between updates of every simulated counter. */
export const UPDATE_SECONDS = 1 / 1024
/** The steady host's power. */
export const STEADY_WATTS = 65

const WATTS = {
  package: { watts: STEADY_WATTS },
  core: { watts: 41 },
  uncore: { watts: 3 },
  dram: { watts: 9.25 },
  psys: { watts: 120 },
}
const { package: only, core, uncore } = WATTS
const PERF = { powercap: false, msr: false, perf: true }

/** What the child is told to start; its options are those of test/host/spec.ts. */
const HOSTS = {
  // One CPU a package: the stand-in's event, unlike RAPL's, is dearer to read from another.
  five: { packages: 1, cpusPerPackage: 1, domains: WATTS, sources: PERF },
  three: {
    packages: 1,
    cpusPerPackage: 1,
    domains: { package: only, core, uncore },
    sources: PERF,
  },
  files: { packages: 1, domains: WATTS, sources: { powercap: true, msr: true } },
  steady: { packages: 1, domains: { package: only }, sources: { powercap: true } },
  moving: {
    packages: 1,
    domains: { package: { watts: 30, maxWatts: 200, jitter: JITTER * UPDATE_SECONDS } },
    sources: { powercap: true },
  },
}

const SOURCES = [
  { source: 'rapl-perf', host: 'five', label: 'simulated, 5 domains' },
  { source: 'rapl-perf', host: 'three', label: 'simulated, 3 domains' },
  { source: 'rapl-powercap', host: 'files', label: 'simulated, 5 zones' },
  { source: 'rapl-msr', host: 'files', label: 'simulated, 5 registers' },
] as const

/**
 * Starts the hosts. They end with `stop()`, and by themselves when this process ends, however that is.
 * @throws {JouletapError} NOT_AVAILABLE, with what is missing and what to do.
 */
export async function startHosts(note: (sentence: string) => void): Promise<SimulatedHosts> {
  const program = join(PACKAGE, 'test/host/serve.ts')
  if (!existsSync(program)) {
    throw unavailable(
      'it is in the repository and not in the package, so run the bench in a checkout',
    )
  }
  const tsx = runner()
  const args = [`--import=${tsx}`, program, JSON.stringify(HOSTS)]
  const child = spawn(process.execPath, args, {
    cwd: PACKAGE,
    env: { ...process.env, NODE_OPTIONS: undefined },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  child.stdin.on('error', () => {}) // it ended early: `ended` tells
  const ended = once(child, 'close')
  const answered = await Promise.race([line(child.stdout), ended.then(() => undefined)])
  if (answered === undefined) throw unavailable(`it does not start (${oneLine(complaints)})`)
  const stop = async (): Promise<void> => {
    child.stdin.end()
    await ended
  }
  const answer = JSON.parse(answered) as Record<keyof typeof HOSTS, { root: string } | Refused>
  const { files, steady, moving } = answer
  for (const host of [files, steady, moving]) {
    if ('reason' in host) {
      await stop()
      throw unavailable(`it takes root, /dev/fuse and a C++ compiler (${oneLine(host.reason)})`)
    }
  }
  const places = SOURCES.flatMap(({ source, host, label }): Place[] => {
    const { [host]: made } = answer
    if ('root' in made) return [{ source, label, root: made.root }]
    note(`${source} is left out (${label}): ${oneLine(made.reason)}.`)
    return []
  })
  return { places, steady: rootOf(steady), moving: rootOf(moving), stop }
}

interface Refused {
  reason: string
}

function rootOf(host: { root: string } | Refused): string {
  return 'root' in host ? host.root : ''
}

/** What is needed to run TypeScript, as a path that `--import` takes. */
function runner(): string {
  try {
    return createRequire(join(PACKAGE, 'package.json')).resolve('tsx')
  } catch {
    throw unavailable('it needs what "npm install" puts into a checkout')
  }
}

async function line(stream: NodeJS.ReadableStream): Promise<string | undefined> {
  let text = ''
  for await (const part of stream) {
    text += String(part)
    if (text.includes('\n')) return text
  }
  return undefined
}

const oneLine = (text: string): string =>
  text
    .trim()
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')

function unavailable(why: string): JouletapError {
  return new JouletapError('NOT_AVAILABLE', `There is no simulated host: ${why}.`)
}

/** Orders that one write holds: the kernel may tear longer ones apart. */
const AT_ONCE = 40

/** Gives a live host its orders; see test/host/README.md. */
export function order(root: string, orders: readonly string[]): void {
  for (let from = 0; from < orders.length; from += AT_ONCE) {
    writeFileSync(join(root, 'live/control'), orders.slice(from, from + AT_ONCE).join('\n'))
  }
}

/** What a live host has truly used so far. */
export function truthOf(root: string): Truth {
  return JSON.parse(readFileSync(join(root, 'live/truth'), 'utf8')) as Truth
}
