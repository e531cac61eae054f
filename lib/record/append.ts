/** A file that grows by whole lines: what a full disk keeps out comes later, and spoils no other line. */
import { closeSync, fstatSync, writeSync } from 'node:fs'

export interface LineFile {
  /**
   * Writes a line, and says whether it did. Never throws: a line that cannot be written is kept for
   * the next time, or it is dropped.
   */
  add(line: string, otherwise?: 'keep' | 'drop'): boolean
  close(): void
}

/** Characters that wait for room. */
const MOST_WAITING = 2 ** 20

/**
 * Appends to an open file, which it closes. Each line goes to the system in one piece, so that who is
 * killed leaves at most the last one torn; after a torn line the next begins with an end of line.
 * `onFailure` is told every time that a line could not be written, and whether the file was deleted.
 */
export function appendTo(fd: number, onFailure: (error: unknown) => void): LineFile {
  const waiting: string[] = []
  let characters = 0
  let torn = false

  function put(line: string): boolean {
    const bytes = Buffer.from(`${torn ? '\n' : ''}${line}\n`)
    let done = 0
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done)
      torn = false
      return true
    } catch (error) {
      torn ||= done > 0
      onFailure(error)
      // Without its end it is a line still.
      return done === bytes.length - 1
    }
  }

  function putWaiting(): boolean {
    while (waiting.length > 0) {
      if (!put(waiting[0]!)) return false
      characters -= waiting.shift()!.length
    }
    return true
  }

  return {
    add(line, otherwise = 'keep') {
      if (putWaiting() && put(line)) return true
      if (otherwise === 'drop') return false
      waiting.push(line)
      characters += line.length
      // The first may be the header, the last the summary.
      while (characters > MOST_WAITING && waiting.length > 2) {
        characters -= waiting.splice(1, 1)[0]!.length
      }
      return false
    },
    close() {
      putWaiting()
      try {
        if (fstatSync(fd).nlink === 0) onFailure(new Error('it was deleted'))
        closeSync(fd)
      } catch (error) {
        onFailure(error)
      }
    },
  }
}
