/** Hands the output of a command on, byte for byte, and shows it to somebody on the way. */
import type { ChildProcess } from 'node:child_process'
import { fstatSync, write } from 'node:fs'
import type { Readable } from 'node:stream'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import { reason } from '../errors'
import { type Channel, openChannel } from './channel'
import { STDERR, STDOUT } from './output'

/** Is shown output as it comes. Where both streams go to the same place, all is stdout's. */
export type Watch = (chunk: Uint8Array, stream: 'stdout' | 'stderr') => void

/** The output of one command on its way. */
export interface Relay {
  /** What the command's stdout and stderr are. */
  readonly stdio: readonly [Channel['theirs'], Channel['theirs']]
  /** What a person should know, in one sentence. */
  readonly remark?: string
  /** The command is started. */
  start(child: ChildProcess): void
  /** Ours has another size. True where the command has a terminal, which has it too now. */
  resize(): boolean
  /** The command could not be started. */
  close(): void
  /**
   * The command has ended: resolves when what it has written is handed on, with a sentence if that
   * failed. What it leaves running is not waited for, and can write no more.
   */
  end(): Promise<string | undefined>
}

/**
 * Opens the way to our stdout and stderr. Where these are one file or terminal there is one way for
 * both, which keeps the order; where they are a terminal the command has one.
 */
export function openRelay(watch: Watch): Relay {
  const first = openChannel(STDOUT)
  const one = first.theirs !== 'pipe' && isSame(STDOUT, STDERR)
  const second = one ? undefined : openChannel(STDERR)
  const pumps: Pump[] = []
  const lost = [first, second].some(
    (channel, index) => channel && !channel.terminal && isatty(index === 0 ? STDOUT : STDERR),
  )
  return {
    stdio: [first.theirs, (second ?? first).theirs],
    ...(lost && { remark: NO_TERMINAL }),
    start({ stdout, stderr }) {
      const out = first.read(stdout)
      const error = second?.read(stderr)
      if (out) pumps.push(pump(out, STDOUT, (chunk) => watch(chunk, 'stdout')))
      if (error) pumps.push(pump(error, STDERR, (chunk) => watch(chunk, 'stderr')))
    },
    resize() {
      const [one, other] = [first.resize(), second?.resize() ?? false]
      return one || other
    },
    close() {
      first.close()
      second?.close()
    },
    async end() {
      const problems = await Promise.all(pumps.map(({ end }) => end()))
      return problems.find((problem) => problem !== undefined)
    },
  }
}

const NO_TERMINAL =
  'The output of the command is watched through a pipe, because no pseudo-terminal can be made ' +
  'here: it may come without colours and later.'

function isSame(one: number, other: number): boolean {
  try {
    const [a, b] = [fstatSync(one, { bigint: true }), fstatSync(other, { bigint: true })]
    return a.dev === b.dev && a.ino === b.ino
  } catch {
    return false
  }
}

interface Pump {
  end(): Promise<string | undefined>
}

/** More than a pipe or a terminal can hold: who writes more when the command has ended, does it now. */
const MOST_LEFT = 2 ** 21

/** Whoever read it wants no more. */
const GONE = ['EPIPE', 'EIO']

/**
 * Moves bytes from a stream to a descriptor. Nothing is read while a write waits, so a slow reader
 * slows the command as it would without us; a reader that goes away leaves it without one.
 */
function pump(from: Readable, to: number, show: (chunk: Buffer) => void): Pump {
  let writing: Promise<void> | undefined
  let moved = 0
  let problem: string | undefined
  from.on('data', (chunk: Buffer) => {
    moved += chunk.length
    from.pause()
    writing = writeAll(to, chunk).then(
      () => {
        from.resume()
      },
      (error) => {
        const code = (error as NodeJS.ErrnoException).code ?? ''
        if (!GONE.includes(code)) {
          problem = `The output of the command could not be handed on (${reason(error)}).`
        }
        from.destroy()
      },
    )
    show(chunk)
  })
  // Then there is no more of it.
  from.on('error', () => {})
  return {
    async end() {
      const start = moved
      for (let before = -1; before < moved && moved - start < MOST_LEFT; ) {
        before = moved
        await writing
        // Between two turns everything that is there is read.
        await turn()
        await turn()
      }
      await writing
      from.destroy()
      return problem
    },
  }
}

const writeSome = promisify(write)

/** On a thread, for a write may block: the mode of a descriptor that others share is left alone. */
async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += (await writeSome(fd, bytes, done)).bytesWritten
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await pause(5)
    }
  }
}
