/** Reads what a system tells of itself in files: bounded, never waiting, never throwing. */
import { closeSync, constants, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'
import { basename } from 'node:path'

/** More than any file of facts: `/proc/cpuinfo` of 1024 CPUs has 1.5 MiB. */
const MOST_BYTES = 4 << 20

/** The text of a file, at most 4 MiB; undefined for whatever reason it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    // A pipe that stands where a file should be would be waited for.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return drain(file)
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

function drain(file: number): string {
  const parts: Buffer[] = []
  for (let total = 0; total < MOST_BYTES; ) {
    const part = Buffer.allocUnsafe(total === 0 ? 1 << 12 : 1 << 16)
    const count = readSync(file, part)
    if (count === 0) break
    parts.push(part.subarray(0, count))
    total += count
  }
  return Buffer.concat(parts).toString('utf8')
}

/** A file's words in one line, fit for a terminal; empty where it cannot be read or is no text. */
export function readLine(path: string): string {
  return oneLine(readText(path))
}

/** `text` in one line of at most 200 characters; empty where it holds what no name does. */
export function oneLine(text = ''): string {
  const words = text.replace(/[\s\0]+/g, ' ').trim()
  return /[\p{Cc}\p{Cf}\ufffd]/u.test(words) ? '' : words.slice(0, 200)
}

/** The names in a folder, sorted; none where it cannot be listed. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** The last name of what a link points to; empty where there is no link. */
export function linkedName(path: string): string {
  try {
    return oneLine(basename(readlinkSync(path)))
  } catch {
    return ''
  }
}
