/** Asks on the terminal whether a run shall go on; where there is none, nobody is asked. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { isatty, ReadStream, WriteStream } from 'node:tty'

/**
 * Yes or no; nothing where there is no terminal, or this process is in its background, or it goes away, or
 * `signal` is aborted.
 */
export async function confirm(
  question: string,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  // Whoever reads it from the background is stopped by it.
  if (!inForeground()) return undefined
  let fd: number
  try {
    fd = openSync('/dev/tty', 'r+')
  } catch {
    return undefined
  }
  let input: ReadStream
  let output: WriteStream
  try {
    input = new ReadStream(fd)
    output = new WriteStream(fd)
  } catch {
    closeSync(fd)
    return undefined
  }
  // A line, as the terminal edits it: Ctrl-C stays what it is everywhere.
  const terminal = false
  const lines = createInterface({ input, output, terminal, ...(signal && { signal }) })
  // It may be unplugged.
  for (const one of [input, output]) one.on('error', () => lines.close())
  const gone = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)))
  let isAnswered = false
  try {
    let text = `${question} (y/n) `
    for (;;) {
      const answer = await Promise.race([lines.question(text), gone])
      if (answer === undefined) break
      isAnswered = /^\s*(y(es)?|no?)\s*$/i.test(answer)
      if (isAnswered) return /^\s*y/i.test(answer)
      text = 'Please answer y or n: '
    }
  } catch {
    // It is over, as `signal` says.
  } finally {
    if (!isAnswered) output.write('\n')
    lines.close()
    input.destroy()
    output.destroy()
  }
  return undefined
}

/** Whether this process may read its terminal, which sends it signals too. */
export function inForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    // After the name, which may hold anything: state ppid pgrp session tty_nr tpgid.
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return terminal !== '0' && group === foreground
  } catch {
    return isatty(0) || isatty(1) || isatty(2)
  }
}
