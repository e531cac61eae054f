/** Reads a file line by line, whatever is in it, without ever holding more than one line of it. */
import { constants } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { reason } from '../errors'

const CHUNK_BYTES = 65_536
const NEWLINE = 10

/** How much of a file is read. */
export interface Limits {
  /** Bytes of the file: a larger one is refused. */
  file: number
  /** Bytes of a line: what is beyond is cut off. */
  line: number
}

/** One line of a file, without its end. */
export interface FileLine {
  /** From 1. */
  number: number
  bytes: Buffer
  /** Whether it is longer than a line may be. */
  cut: boolean
  /** Whether its end is there: the last line of a file that was cut has none. */
  ended: boolean
}

/**
 * Calls `use` for each line, whose bytes are good until it returns.
 * @throws {Error} a sentence without its end: this is no file, it is too large, or it cannot be read.
 */
export async function eachLine(
  path: string,
  most: Limits,
  use: (line: FileLine) => void,
): Promise<void> {
  await mustBeFile(path, most.file)
  // What has come into its place since then shall not make us wait.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch(refuse)
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const lines = splitter(most.line, use)
    for (let total = 0; ; ) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null).catch(refuse)
      if (bytesRead === 0) break
      total += bytesRead
      if (total > most.file) throw tooLarge(most.file)
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

function splitter(most: number, use: (line: FileLine) => void) {
  let number = 0
  let begun: Buffer[] = []
  let length = 0

  function line(last: Buffer, ended: boolean): void {
    const all = begun.length > 0 ? Buffer.concat([...begun, last]) : last
    const cut = length + last.length > most
    begun = []
    length = 0
    use({ number: ++number, bytes: cut ? all.subarray(0, most) : all, cut, ended })
  }

  return {
    add(chunk: Buffer) {
      let from = 0
      for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
        line(chunk.subarray(from, to), true)
        from = to + 1
      }
      if (from === chunk.length) return
      if (length < most) begun.push(Buffer.from(chunk.subarray(from)))
      length += chunk.length - from
    },
    end() {
      if (length > 0) line(Buffer.alloc(0), false)
    },
  }
}
