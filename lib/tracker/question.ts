/** Asks on the terminal whether a run shall go on; where there is none, nobody is asked. */
import { closeSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { ReadStream, WriteStream } from 'node:tty'

/** Yes or no; nothing where there is no terminal, or it goes away, or `signal` is aborted. */
export async function confirm(
  question: string,
  signal?: AbortSignal,
): Promise<boolean | undefined> {
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
  const lines = createInterface({ input, output, ...(signal && { signal }) })
  const gone = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)))
  try {
    let text = `${question} (y/n) `
    for (;;) {
      const answer = await Promise.race([lines.question(text), gone])
      if (answer === undefined) return undefined
      if (/^\s*y(es)?\s*$/i.test(answer)) return true
      if (/^\s*no?\s*$/i.test(answer)) return false
      text = 'Please answer y or n: '
    }
  } catch {
    return undefined
  } finally {
    lines.close()
    input.destroy()
    output.destroy()
  }
}
