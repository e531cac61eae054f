/** Runs a command as a shell would: its stdio, environment and signals are its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, join } from 'node:path'
import { isatty } from 'node:tty'
import { exactly } from './bytes'

/** How a command ended. */
export interface ChildEnd {
  /** Its exit code; 127: not found, 126: not executable, null: ended by a signal. */
  exitCode: number | null
  /** The signal that ended it. */
  signal: NodeJS.Signals | null
  /** Why it could not be started, in one sentence. */
  problem?: string
}

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

/**
 * Runs `file` with `args`, the last words of the command line of this process, to its end. From the call on, signals go to the command and never end
 * this process: it outlives the command. What the command leaves running is not waited for.
 */
export function runChild(file: string, args: readonly string[]): Promise<ChildEnd> {
  return new Promise((resolve) => {
    let child: ChildProcess | undefined
    // Before the command starts: a signal in between would end this process alone.
    for (const signal of FORWARDED) {
      listen(signal, () => {
        if (!(FROM_TERMINAL.includes(signal) && inForeground())) child?.kill(signal)
      })
    }
    try {
      const [program = file, ...words] = exactly([file, ...args])
      child = spawn(program, words, { stdio: 'inherit' })
    } catch (error) {
      return resolve(notStarted(file, error as Error))
    }
    child.on('error', (error) => {
      // Also emitted when a signal cannot be sent: then the command is still running.
      if (child?.pid === undefined) resolve(notStarted(file, error))
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

/** Whether a terminal that sends us a signal sends it to the command too. */
function inForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    // After the name, which may hold anything: state ppid pgrp session tty_nr tpgid.
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return terminal !== '0' && group === foreground
  } catch {
    return isatty(0) || isatty(1) || isatty(2)
  }
}
