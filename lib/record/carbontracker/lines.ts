/** Reads a file line by line, whatever is in it, without ever holding more than one line of it. */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'

const CHUNK_BYTES = 65_536
const NEWLINE = 10

/** Bytes of a line; what is beyond is cut off. */
export const MOST_LINE_BYTES = 65_536
/** Bytes of a file: more than a log has from which all lines are kept. */
const MOST_BYTES = 64 * 2 ** 20

/** One line of a file, without its end. */
export interface Line {
  /** From 1. */
  number: number
  text: string
  /** Whether it was longer. */
  cut: boolean
  /** Whether its end is there: the last line of a file that was cut has none. */
  ended: boolean
}

/**
 * Calls `use` for each line; tells how many bytes there were.
 * @throws {Error} in the middle of a sentence: this is no file, it is too large, or it cannot be read.
 */
export async function eachLine(path: string, use: (line: Line) => void): Promise<number> {
  const found = await stat(path).catch(refuse)
  mustBeFile(found)
  if (found.size > MOST_BYTES) throw new Error(TOO_LARGE)
  // What has come into its place since then shall not make us wait.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(refuse)
  try {
    mustBeFile(await file.stat())
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    let total = 0
    let begun: Buffer[] = []
    let length = 0
    let cut = false
    let number = 0
    const add = (part: Buffer) => {
      const kept = part.subarray(0, MOST_LINE_BYTES - length)
      cut ||= kept.length < part.length
      if (kept.length > 0) begun.push(Buffer.from(kept))
      length += kept.length
    }
    const finish = (ended: boolean) => {
      const text = Buffer.concat(begun).toString('utf8').replace(/\r$/, '')
      use({ number: ++number, text, cut, ended })
      begun = []
      length = 0
      cut = false
    }
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null).catch(refuse)
      if (bytesRead === 0) break
      total += bytesRead
      if (total > MOST_BYTES) throw new Error(TOO_LARGE)
      let from = 0
      for (let to = at(chunk, from, bytesRead); to >= 0; to = at(chunk, from, bytesRead)) {
        add(chunk.subarray(from, to))
        finish(true)
        from = to + 1
      }
      if (from < bytesRead) add(chunk.subarray(from, bytesRead))
    }
    if (length > 0) finish(false)
    return total
  } finally {
    await file.close()
  }
}

const TOO_LARGE = `it is larger than ${MOST_BYTES / 2 ** 20} MiB`

function at(chunk: Buffer, from: number, end: number): number {
  const found = chunk.indexOf(NEWLINE, from)
  return found < end ? found : -1
}

function mustBeFile(found: { isFile(): boolean; isDirectory(): boolean }): void {
  if (found.isDirectory()) throw new Error('it is a folder')
  if (!found.isFile()) throw new Error('it is a pipe, a socket or a device, which is not read')
}

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  ELOOP: 'symbolic links go round in a circle',
}

function refuse(error: NodeJS.ErrnoException): never {
  throw new Error(REASONS[error.code ?? ''] ?? error.message)
}
