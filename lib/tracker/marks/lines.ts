/** Cuts the bytes of a stream into lines, in bounded memory, whatever the stream holds. */
import { isUtf8 } from 'node:buffer'

/** No line is longer, in bytes: what follows up to its end is left out. */
export const LONGEST_LINE = 4096

/** Cutting works on so much at once, however long a chunk is. */
const PIECE = 65_536

const [LF, CR] = [10, 13]

/**
 * Takes lines without their ends, as text without the escape sequences of terminals. `whole` is
 * false for the beginning of a line that goes on: it may come again, longer. True from `take`:
 * nothing more of this line is of interest.
 */
export type TakeLine = (line: string, whole: boolean) => boolean

/** A stream of bytes on its way into lines. */
export interface LineCutter {
  /** The next bytes of the stream; UTF-8 characters and escape sequences may be cut anywhere. */
  add(chunk: Uint8Array): void
  /** The stream is at its end, and so is its last line. */
  end(): void
}

/** Lines end at `\n` or `\r`, so that each state of a progress bar is one. Empty ones are left out. */
export function lineCutter(take: TakeLine): LineCutter {
  const held = Buffer.alloc(LONGEST_LINE)
  let length = 0
  /** Of the line under way no more is wanted. */
  let done = false

  const hold = (bytes: Buffer) => {
    length += bytes.copy(held, length, 0, LONGEST_LINE - length)
  }
  const tell = (whole: boolean) => {
    const line = length > 0 && !done ? plain(held.toString('utf8', 0, length)) : ''
    if (line !== '' && take(line, whole)) done = true
  }
  const end = () => {
    tell(true)
    length = 0
    done = false
  }
  const addPiece = (piece: Buffer) => {
    const last = Math.max(piece.lastIndexOf(LF), piece.lastIndexOf(CR))
    if (last >= 0) {
      const first = piece.findIndex((byte) => byte === LF || byte === CR)
      hold(piece.subarray(0, first))
      end()
      for (const line of linesOf(piece.subarray(first, last))) take(plain(line), true)
    }
    if (done || length === LONGEST_LINE) return
    hold(piece.subarray(last + 1))
    tell(false)
  }
  return {
    add(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      for (let at = 0; at < bytes.length; at += PIECE) addPiece(bytes.subarray(at, at + PIECE))
    },
    end,
  }
}

/** Those that are not empty. To decode what is not UTF-8 takes long: only single lines of it are. */
function linesOf(bytes: Buffer): string[] {
  const clean = isUtf8(bytes)
  const lines = (clean ? bytes.toString() : bytes.toString('latin1')).split(/[\r\n]+/)
  return lines
    .filter((line) => line !== '')
    .map((line) => (clean ? line : decoded(line)).slice(0, LONGEST_LINE))
}

/** The text of a line that was taken for Latin 1. */
function decoded(line: string): string {
  if (!/[\u0080-\u00ff]/.test(line)) return line
  const bytes = Buffer.from(line, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : line
}

/** Escape sequences (ECMA-48): of control, of the operating system, short ones; and one cut off. */
const ESCAPES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[0-Z\\^_`-~]|[[\]]?[^@-~]*$)/g

function plain(line: string): string {
  return line.includes('\u001b') ? line.replace(ESCAPES, '') : line
}
