/** Marks that a program sends itself, as lines to where `JOULETAP_MARKS` says. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { JouletapError } from '../../errors'
import { lineCutter } from './lines'
import { epochMark, type Mark } from './mark'

/** The variable of a program's environment that says where its marks go. */
export const MARKS_VARIABLE = 'JOULETAP_MARKS'

/** The descriptor that a program inherits for its marks: the first one after stderr. */
const DESCRIPTOR = 3

/** The path of a socket may have 108 bytes with its end (unix(7)), on some systems 104. */
const LONGEST_PATH = 103

/** Programs that are connected at once. */
const CONNECTIONS = 64

/** Where marks come in. */
export interface Inlet {
  /** What JOULETAP_MARKS is for the program: the number of a descriptor, or the path of a socket. */
  readonly name: string
  /** Reads the other end of the program's descriptor; absent where there is a socket. */
  readonly read?: (stream: Readable) => void
  /** Resolves when what the program has sent was read; removes the socket. Idempotent. */
  end(): Promise<void>
}

export interface InletOptions {
  /** `socket`: for programs whose own children, which inherit no descriptor, send the marks. */
  via: 'descriptor' | 'socket'
  /** Is given each mark as it comes. */
  mark(mark: Mark): void
  /** Is given one sentence, once, where a line is no mark. */
  remark(sentence: string): void
}

/**
 * Opens the way for marks of a program that is about to start.
 * @throws {JouletapError} NOT_AVAILABLE: a socket cannot be made here.
 */
export async function openInlet({ via, mark, remark }: InletOptions): Promise<Inlet> {
  let told = false
  /** Has anything come since it was last set to false? */
  let busy = false
  const streams = new Set<Readable>()
  const read = (stream: Readable) => {
    const lines = lineCutter((line, whole) => {
      if (!whole) return false
      const sent = parseMark(line)
      if (sent) mark(sent)
      else if (!told) {
        told = true
        remark(badLine(line))
      }
      return true
    })
    streams.add(stream)
    busy = true
    stream.on('data', (chunk: Buffer) => {
      busy = true
      lines.add(chunk)
    })
    stream.on('error', () => {})
    stream.once('close', () => {
      streams.delete(stream)
      lines.end()
    })
  }
  const close = via === 'socket' ? await listen(read) : { name: String(DESCRIPTOR), close() {} }
  const end = async () => {
    do {
      busy = false
      // Between two turns everything that is there is read.
      await turn()
      await turn()
    } while (busy)
    close.close()
    for (const stream of streams) stream.destroy()
    while (streams.size > 0) await turn()
  }
  let ended: Promise<void> | undefined
  return {
    name: close.name,
    ...(via === 'descriptor' && { read }),
    end: () => {
      ended ??= end()
      return ended
    },
  }
}

/**
 * The mark that a line is, without its end: `epoch`, `epoch 3`, `epoch 3/10`, `epoch begin 3`,
 * `epoch end 3`, `phase eval`. Without `begin` or `end` an epoch begins, and with that the one before
 * has ended.
 */
export function parseMark(line: string): Mark | undefined {
  const words = line.trim()
  const epoch = /^epoch(?: +(begin|end))?(?: +(\d{1,15})(?: *\/ *(\d{1,15}))?)?$/.exec(words)
  if (epoch) return epochMark(epoch[1] === 'end' ? 'end' : 'begin', epoch[2], epoch[3])
  const phase = /^phase +(\P{C}{1,100})$/u.exec(words)
  return phase?.[1] === undefined ? undefined : { kind: 'phase', name: phase[1] }
}

function badLine(line: string): string {
  const shown = JSON.stringify(line.length > 40 ? `${line.slice(0, 40)}…` : line)
  return (
    `What was written to ${MARKS_VARIABLE} holds the line ${shown}, which is left out: ` +
    'a mark is "epoch", "epoch 3", "epoch 3/10", "epoch begin 3", "epoch end 3" or "phase eval".'
  )
}

/** Listens at a socket that no other user can reach. */
async function listen(read: (stream: Readable) => void): Promise<{ name: string; close(): void }> {
  const folder = privateFolder()
  const name = join(folder, 'marks')
  const server = createServer(read)
  server.maxConnections = CONNECTIONS
  const close = () => {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(name, resolve)
    })
  } catch (error) {
    close()
    throw notMade(error)
  }
  server.on('error', () => {})
  return { name, close }
}

function privateFolder(): string {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
    if (Buffer.byteLength(join(folder, 'marks')) <= LONGEST_PATH) return folder
    rmSync(folder, { recursive: true })
    return mkdtempSync('/tmp/jouletap-')
  } catch (error) {
    throw notMade(error)
  }
}

function notMade(cause: unknown): JouletapError {
  const why = (cause as Error).message
  return new JouletapError('NOT_AVAILABLE', `No socket for marks could be made (${why}).`, {
    cause,
  })
}
