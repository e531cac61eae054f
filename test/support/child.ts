/** Runs the command line, or any program, in a child and tells how it ended. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const ROOT = join(__dirname, '..', '..')

/** Arguments of Node that start the command line: as built, if that is up to date, else as written. */
export const CLI: readonly string[] = startable()

function startable(): string[] {
  const sources = join(ROOT, 'lib')
  const main = join(ROOT, 'dist', 'cli', 'main.js')
  const built = statSync(main, { throwIfNoEntry: false })
  const times = readdirSync(sources, { recursive: true }).map(
    (name) => statSync(join(sources, String(name))).mtimeMs,
  )
  if (built && built.mtimeMs >= Math.max(...times)) return [main]
  return ['--import', 'tsx', join(sources, 'cli', 'main.ts')]
}

export interface ChildOptions {
  /** Added to the environment; undefined removes a variable. */
  env?: Record<string, string | undefined>
  /** What it reads on stdin; default nothing; null: stdin is left open. */
  input?: string | Buffer | null
  cwd?: string
  /** Whether stdout is read as it comes. Default true. */
  readStdout?: boolean
  /** Milliseconds after which it is killed. Default 15 000. */
  timeout?: number
}

export interface ChildResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** A child that runs: to be sent signals, and awaited. */
export interface RunningChild {
  readonly process: ChildProcess
  /** Resolves with everything written so far once stdout holds `sign`; rejects if it ends before. */
  seen(sign: string | RegExp): Promise<string>
  /** The same for stderr. */
  told(sign: string | RegExp): Promise<string>
  readonly result: Promise<ChildResult>
}

/** Starts `jouletap` with these arguments, in Finland, wherever the tests run. */
export function startCli(args: readonly string[], options: ChildOptions = {}): RunningChild {
  const env = { JOULETAP_COUNTRY: 'FI', ...options.env }
  return startProgram(process.execPath, [...CLI, ...args], { ...options, env })
}

/** Runs `jouletap` with these arguments to its end. */
export function runCli(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  return startCli(args, options).result
}

/** Runs any program to its end. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  return startProgram(file, args, options).result
}

/** Starts any program, in this process's group. */
export function startProgram(
  file: string,
  args: readonly string[],
  { env = {}, input = '', cwd = ROOT, readStdout = true, timeout = 15_000 }: ChildOptions = {},
): RunningChild {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, JOULETAP_ROOT: undefined, NO_COLOR: undefined, ...env },
    timeout,
    killSignal: 'SIGKILL',
  })
  child.stdin.on('error', () => {})
  if (input !== null) child.stdin.end(input)
  const ended = new Promise<Pick<ChildResult, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const stdout = readStdout ? collect(child.stdout, ended) : silent
  const stderr = collect(child.stderr, ended)
  const result = ended.then((end) => ({ ...end, stdout: stdout.text(), stderr: stderr.text() }))
  result.catch(() => {})
  return { process: child, seen: stdout.seen, told: stderr.seen, result }
}

interface Collected {
  text(): string
  seen(sign: string | RegExp): Promise<string>
}

const silent: Collected = {
  text: () => '',
  seen: () => Promise.reject(new Error('stdout is not read')),
}

function collect(stream: Readable, ended: Promise<unknown>): Collected {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const seen = (sign: string | RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        if (typeof sign === 'string' ? text.includes(sign) : sign.test(text)) resolve(text)
      }
      stream.on('data', look)
      look()
      ended.then(() => reject(new Error(`It ended without ${sign}: …${text.slice(-1000)}`)), reject)
    })
  return { text: () => text, seen }
}
