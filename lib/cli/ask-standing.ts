/** Asks on the terminal whether a command shall go on, which stands still meanwhile and no longer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { confirm } from '../tracker'
import { remark } from './output'

/** After these, and after the end of the command, there is nothing to ask. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

/** Ends the command where somebody says no. */
export async function askStanding(child: ChildProcess): Promise<boolean> {
  const over = new AbortController()
  const end = () => over.abort()
  for (const signal of ENDINGS) process.on(signal, end)
  child.once('exit', end)
  const resume = hold(child)
  try {
    const answer = await confirm('jouletap: shall the command go on?', over.signal)
    if (answer === undefined && !over.signal.aborted) {
      remark('jouletap: Nobody answered whether the command shall go on, so it goes on.\n')
    }
    // It comes through when the command is resumed.
    if (answer === false) child.kill('SIGTERM')
    return answer ?? true
  } finally {
    resume()
    child.off('exit', end)
    for (const signal of ENDINGS) process.off(signal, end)
  }
}

/** Resumes the command of its first argument as soon as whoever holds its stdin is gone. */
const RESUME = 'read _; kill -CONT "$0"'

/** Holds a command, and gives the function that resumes it; so does a shell where we are killed. */
function hold(child: ChildProcess): () => void {
  if (process.platform === 'win32') return () => {}
  const guard = spawn('/bin/sh', ['-c', RESUME, String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // A Ctrl-C is not meant for it.
    detached: true,
  })
  guard.on('error', () => {})
  guard.stdin.on('error', () => {})
  guard.unref()
  child.kill('SIGSTOP')
  return () => {
    child.kill('SIGCONT')
    guard.kill('SIGKILL')
    guard.stdin.destroy()
  }
}
