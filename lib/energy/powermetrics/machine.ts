/** Whether powermetrics can be run here, and with which words. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { NativeRefusal } from '../../native'

/** The name of the source. */
export const POWERMETRICS = 'powermetrics'

/** Where this process runs: the truth, unless a test says otherwise. */
export interface Mac {
  readonly platform: string
  readonly arch: string
  /** The name of the CPU; only asked for on macOS. */
  cpu(): string
  /** The effective user; 0 may run powermetrics as it is. */
  readonly user: number | undefined
  readonly program: string
  readonly sudo: string
  /** The script of the thread that reads it. */
  readonly thread: string
  /** Milliseconds until the first restart; they double with every further one. */
  readonly backOffMs: number
}

export function thisMachine(): Mac {
  return {
    platform: process.platform,
    arch: process.arch,
    cpu: () => cpus()[0]?.model ?? '',
    user: process.geteuid?.(),
    // Whole paths: what runs as root is not left to PATH.
    program: '/usr/bin/powermetrics',
    sudo: '/usr/bin/sudo',
    thread: join(__dirname, 'thread.js'),
    backOffMs: 1000,
  }
}

/** A program and its arguments. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

/** What is asked of it. */
export interface Wanted {
  /** The folder that stands for `/`. */
  root: string
  /** Milliseconds between rows. */
  intervalMs: number
}

/** Milliseconds of one sample; shorter ones cost more than they tell. */
const SAMPLE_MS = { least: 200, most: 1000 }

/** Milliseconds of the samples that rows of this interval are made from. */
export function sampleMs({ intervalMs }: Pick<Wanted, 'intervalMs'>): number {
  return Math.round(Math.min(SAMPLE_MS.most, Math.max(SAMPLE_MS.least, intervalMs)))
}

/** What samples are asked for; an old powermetrics has some of them in `cpu_power` and not by name. */
const SAMPLERS = ['cpu_power', 'gpu_power', 'ane_power']
const CHECK_MS = 2000

/** The command that prints samples without end, or why there is none. */
export function findCommand(wanted: Wanted, mac: Mac): Command | NativeRefusal {
  const { root } = wanted
  const { platform, program } = mac
  if (platform !== 'darwin') {
    return refuse('absent', `powermetrics is a program of macOS, and this is ${platform}`)
  }
  if (root !== '/') {
    return refuse('absent', `powermetrics tells of this machine, not of the one below ${root}`)
  }
  // A translated Node takes its processor for an Intel one, but not by its name.
  if (mac.arch !== 'arm64' && !/apple/i.test(mac.cpu())) {
    const what = 'powermetrics tells no joules of CPU and GPU apart on Intel Macs'
    return refuse('absent', `${what}: it needs Apple silicon`)
  }
  // To show its help it must be let in as for samples, and answers at once.
  const help = asRoot(mac, ['--help'])
  const answer = spawnSync(help.file, help.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    timeout: CHECK_MS,
    killSignal: 'SIGKILL',
  })
  const samplers = SAMPLERS.filter((name) => new RegExp(`^\\s*${name}\\s`, 'm').test(told(answer)))
  if (samplers.length === 0) return refusal(answer, program)
  return asRoot(mac, [
    ...['--samplers', samplers.join()],
    ...['--sample-rate', `${sampleMs(wanted)}`],
    ...['--format', 'plist'],
    // By lines: a sample that waits in a buffer for the next one would look as if it came late.
    ...['--buffer-size', '1'],
  ])
}

function asRoot({ user, program, sudo }: Mac, args: readonly string[]): Command {
  if (user === 0) return { file: program, args }
  // -n: rather fail than ask for a password.
  return { file: sudo, args: ['-n', program, ...args] }
}

/** All that it said: sudo refuses on stderr, and on which of the two help is shown has changed. */
function told({ stdout, stderr }: SpawnSyncReturns<string>): string {
  return `${stdout ?? ''}\n${stderr ?? ''}`
}

function refusal(answer: SpawnSyncReturns<string>, program: string): NativeRefusal {
  const error = answer.error as NodeJS.ErrnoException | undefined
  if (error?.code === 'ETIMEDOUT') {
    return refuse('broken', `powermetrics did not answer within ${CHECK_MS / 1000} s`)
  }
  if (error) return refuse('broken', `powermetrics cannot be started (${error.message})`)
  const words = told(answer)
  if (/^sudo:|superuser/m.test(words)) {
    const rule = `"$USER ALL=(root) NOPASSWD: ${program}"`
    const fix = `echo ${rule} | sudo tee /etc/sudoers.d/powermetrics`
    return refuse('forbidden', 'powermetrics runs as root only, and sudo asks for a password', fix)
  }
  const line = words.trim().split('\n', 1)[0]!
  return refuse('broken', `powermetrics offers no power of CPU and GPU (${line || 'it is silent'})`)
}

function refuse(kind: NativeRefusal['kind'], reason: string, fix = ''): NativeRefusal {
  return { name: POWERMETRICS, kind, reason, fix }
}
