/** The way that bytes of a command take to us: a pseudo-terminal or a pipe. */
import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { isatty, ReadStream } from 'node:tty'
import { type Native, native } from '../native'

/** One way, whose end here is to be read once the command is started. */
export interface Channel {
  /** The command's end: a descriptor, or what `spawn` is to make. */
  readonly theirs: number | 'pipe'
  readonly terminal: boolean
  /**
   * To be called when the command has its end; `made` is what `spawn` made. A terminal never comes to
   * its end by itself.
   */
  read(made: Readable | Writable | null | undefined): Readable | undefined
  /** Gives its terminal the size of ours. False where it has none. */
  resize(): boolean
  /** For a command that could not be started. */
  close(): void
}

/** No descriptor: what goes nowhere that is known goes through a pipe. */
export const NOWHERE = -1

/**
 * A pseudo-terminal like the terminal `like`, or a pipe where that is none. Where the addon cannot
 * make it, Node does: a socket.
 */
export function openChannel(like: number): Channel {
  const made = tryOpen(like)
  if (!made) {
    return {
      theirs: 'pipe',
      terminal: false,
      read: (stream) => (stream as Readable | null) ?? undefined,
      resize: () => false,
      close() {},
    }
  }
  const { ours, theirs, copySize } = made
  const terminal = isatty(ours)
  let closed = false
  return {
    theirs,
    terminal,
    read() {
      if (!terminal) {
        closeSync(theirs)
        return new Socket({ fd: ours, writable: false })
      }
      // Were nobody left at the other end, libuv would take what can be read at once for all.
      return new ReadStream(ours).once('close', () => {
        closed = true
        closeSync(theirs)
      })
    },
    resize: () => terminal && !closed && copySize(like, ours),
    close() {
      closeSync(ours)
      closeSync(theirs)
    },
  }
}

function tryOpen(like: number) {
  try {
    const { openChannel: open, copySize = () => false }: Partial<Native> = native()
    return open && { ...open(like), copySize }
  } catch {
    return undefined
  }
}
