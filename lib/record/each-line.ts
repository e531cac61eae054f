/** Reads a file line by line, whatever is in it, without ever holding more than one line of it. */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { reason } from '../errors'
import { MOST_LINE_BYTES } from './lines'

const CHUNK_BYTES = 65_536
const NEWLINE = 10

/** One line of a file, without its end. */
export interface FileLine {
  /** From 1. */
  number: number
  /** Undefined where it is longer than a line may be. */
  bytes: Buffer | undefined
  /** Whether its end is there: the last line of a file that was cut has none. */
  ended: boolean
}

/**
 * Calls `use` for each line. A buffer is good until it returns.
 * @throws {Error} a sentence without its end: this is no file, it is too large, or it cannot be read.
 */
export async function eachLine(
  path: string,
  mostBytes: number,
  use: (line: FileLine) => void,
): Promise<void> {
  await mustBeFile(path, mostBytes)
  // What has come into its place since then shall not make us wait.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(refuse)
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const lines = splitter(use)
    for (let total = 0; ; ) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null).catch(refuse)
      if (bytesRead === 0) break
      total += bytesRead
      if (total > mostBytes) throw tooLarge(mostBytes)
      lines.add(chunk.subarray(0, bytesRead))
    }
    lines.end()
  } finally {
    await file.close()
  }
}

async function mustBeFile(path: string, mostBytes: number): Promise<void> {
  const found = await stat(path).catch(refuse)
  if (found.isDirectory()) throw new Error('It is a folder')
  if (!found.isFile()) throw new Error('It is a pipe, a socket or a device, which is not read')
  if (found.size > mostBytes) throw tooLarge(mostBytes)
}

function tooLarge(mostBytes: number): Error {
  return new Error(`It is larger than ${Math.floor(mostBytes / 2 ** 20)} MiB`)
}

function refuse(error: NodeJS.ErrnoException): never {
  throw new Error(
    error.code === 'ENOENT' ? 'There is no such file' : `It cannot be read: ${reason(error)}`,
  )
}

function splitter(use: (line: FileLine) => void) {
  let number = 0
  let begun: Buffer[] = []
  let length = 0

  function line(last: Buffer, ended: boolean): void {
    const fits = length + last.length <= MOST_LINE_BYTES
    const bytes = begun.length > 0 && fits ? Buffer.concat([...begun, last]) : last
    begun = []
    length = 0
    use({ number: ++number, bytes: fits ? bytes : undefined, ended })
  }

  return {
    add(chunk: Buffer) {
      let from = 0
      for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
        line(chunk.subarray(from, to), true)
        from = to + 1
      }
      if (from === chunk.length) return
      length += chunk.length - from
      if (length > MOST_LINE_BYTES) begun = []
      else begun.push(Buffer.from(chunk.subarray(from)))
    },
    end() {
      if (length > 0) line(Buffer.alloc(0), false)
    },
  }
}
