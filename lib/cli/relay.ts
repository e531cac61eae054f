/** Hands the output of a command on, byte for byte, and shows it to somebody on the way. */
import { close, fstatSync, write } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { isatty, ReadStream } from 'node:tty'
import { promisify } from 'node:util'
import { type Native, native } from '../native'
import { STDERR, STDOUT } from './output'
import { reason } from './target'

/** Is shown output as it comes; where both streams are one, all of it is stdout's. */
export type Watch = (chunk: Uint8Array, stream: 'stdout' | 'stderr') => void

/** A command's end of a stream: a descriptor, or what `spawn` is to make. */
export type Theirs = number | 'pipe'

/** The way of one stream of the command. */
export interface Channel {
  readonly theirs: Theirs
  /** Closes the command's end here, when the command has it; `made`: what `spawn` has made. */
  open(made: Readable | null | undefined): Readable
  /** Gives its terminal the size that ours has now; false where it has none. */
  resize(): boolean
}

/**
 * A channel to where `like` goes: a terminal where that is one, else a pipe. Without the addon it is
 * what Node makes: a socket.
 */
export function openChannel(like: number): Channel {
  const { openChannel: open, copySize } = addon()
  if (!open) return { theirs: 'pipe', open: (made) => made as Readable, resize: () => false }
  const { ours, theirs } = open(like)
  const terminal = isatty(ours)
  return {
    theirs,
    open() {
      close(theirs)
      return terminal ? new ReadStream(ours) : new Socket({ fd: ours, writable: false })
    },
    resize: () => terminal && (copySize?.(like, ours) ?? false),
  }
}

function addon(): Partial<Native> {
  try {
    return native()
  } catch {
    return {}
  }
}
