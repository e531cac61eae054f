/** Runs a command as a shell would: its stdio, environment and signals are its own. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable } from 'node:stream'
import { inForeground } from '../tracker'
import { exactly } from './bytes'
import { NOWHERE, openChannel } from './channel'
import { openRelay, type Watch } from './relay'

/** How a command ended. */
export interface ChildEnd {
  /** Its exit code; 127: not found, 126: not executable, null: ended by a signal. */
  exitCode: number | null
  /** The signal that ended it. */
  signal: NodeJS.Signals | null
  /** Why it could not be started, in one sentence. */
  problem?: string
  /** What a person should know of how its output was handed on, in full sentences. */
  remarks?: readonly string[]
}

/** Says to the command where its marks go; see the room of the tracker. */
const MARKS_VARIABLE = 'JOULETAP_MARKS'

/** A terminal sends these to its whole foreground group. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT', 'SIGWINCH']

/** Signals that are meant for the command. Stopping and resuming are left to the system. */
const FORWARDED: readonly NodeJS.Signals[] = [
  ...FROM_TERMINAL,
  'SIGTERM',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGIO',
  'SIGPWR',
]

/** Who looks at a command while it runs. */
export interface Onlookers {
  /** Is shown its output, which goes on byte for byte. */
  watch?: Watch
  /** Where its marks come in. */
  marks?: {
    /** What JOULETAP_MARKS is in its environment. */
    readonly name: string
    /** Reads the other end of its descriptor 3; absent: it is given none. */
    readonly read?: (stream: Readable) => void
  }
  /** Is given the command as soon as it runs. */
  started?: (child: ChildProcess) => void
}

/**
 * Runs `file` with `args`, the last words of the command line of this process, to its end. From the call
 * on, signals go to the command and never end this process: it outlives the command. What the command
 * leaves running is not waited for.
 */
export async function runChild(
  file: string,
  args: readonly string[],
  { watch, marks, started }: Onlookers = {},
): Promise<ChildEnd> {
  const relay = watch && openRelay(watch)
  const sent = marks?.read && openChannel(NOWHERE)
  let child: ChildProcess | undefined
  // Before the command starts: a signal in between would end this process alone.
  for (const signal of FORWARDED) {
    listen(signal, () => {
      // Its terminal sends it no signal, and ours may have sent one before the sizes were equal.
      const resized = signal === 'SIGWINCH' && relay?.resize()
      if (resized || !(FROM_TERMINAL.includes(signal) && inForeground())) child?.kill(signal)
    })
  }
  const stdio: StdioOptions = ['inherit', ...(relay?.stdio ?? (['inherit', 'inherit'] as const))]
  if (sent) stdio.push(sent.theirs)
  const env = marks && { ...process.env, [MARKS_VARIABLE]: marks.name }
  try {
    const [program = file, ...words] = exactly([file, ...args])
    child = spawn(program, words, { stdio, ...(env && { env }) })
  } catch (error) {
    relay?.close()
    sent?.close()
    return notStarted(file, error as Error)
  }
  const ended = endOf(child, file)
  relay?.start(child)
  started?.(child)
  const stream = sent?.read(child.stdio[3])
  if (stream) marks?.read?.(stream)
  const end = await ended
  const problem = await relay?.end()
  const remarks = [relay?.remark, problem].filter((one) => one !== undefined)
  return { ...end, ...(remarks.length > 0 && { remarks }) }
}

function endOf(child: ChildProcess, file: string): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // Also emitted when a signal cannot be sent: then the command is still running.
      if (child.pid === undefined) resolve(notStarted(file, error))
    })
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
}

/** The exit code with which a shell reports such an end. */
export function shellCode(end: ChildEnd): number {
  if (end.signal) return 128 + constants.signals[end.signal]
  return end.exitCode ?? 1
}

function notStarted(file: string, error: NodeJS.ErrnoException): ChildEnd {
  const name = JSON.stringify(file)
  if (error.code === 'ENOENT' || file === '' || !exists(file)) {
    return { exitCode: 127, signal: null, problem: `The command ${name} was not found.` }
  }
  const problem =
    error.code === 'EACCES'
      ? `The command ${name} is not executable.`
      : `The command ${name} could not be started (${error.message}).`
  return { exitCode: 126, signal: null, problem }
}

/** Whether there is such a file: a folder of PATH that may not be entered gives EACCES for any name. */
function exists(file: string): boolean {
  if (file.includes('/')) return true
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some((folder) => existsSync(join(folder || '.', file)))
}

function listen(signal: NodeJS.Signals, action: () => void): void {
  try {
    process.on(signal, action)
  } catch {
    // Not every platform has every signal.
  }
}
