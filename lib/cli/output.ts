/** Writes to the standard streams synchronously, without changing their mode: a child shares them. */
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** The standard streams by number. */
export const STDOUT = 1
export const STDERR = 2

/**
 * Writes all of `text`. `process.stdout` and `process.stderr` are not used because they make a pipe
 * non-blocking, for the child too.
 * @throws what the system says, but not EPIPE: whoever closed the pipe wants no more.
 */
export function write(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  let done = 0
  while (done < bytes.length) {
    try {
      done += writeSync(fd, bytes, done)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

/** Writes a remark to stderr; one that cannot be written is lost, the answer is not. */
export function remark(text: string): void {
  try {
    write(STDERR, text)
  } catch {
    // Nobody is left to tell.
  }
}

/** Styles of text. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Puts a style on a text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string

const CODES: Record<Style, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }

/** Colours for a stream: only on a terminal, and not where NO_COLOR is set. */
export function paintFor(fd: number): Paint {
  const wanted = isatty(fd) && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  return (style, text) => (wanted ? `\u001b[${CODES[style]}m${text}\u001b[0m` : text)
}
