/** Power of memory by how much of it is in use. */
import { join } from 'node:path'
import { readText, type System } from './system'

/**
 * Watts per GiB in use: 3 W per 8 GiB, the constant of CodeCarbon 2; Green Algorithms takes 0.3725 W
 * per GB. Both mean memory that is there; jouletap counts what is in use.
 */
export const WATTS_PER_GIB = 0.375

/**
 * Relative standard deviation, judged: CodeCarbon 3 puts 0.15 (256 GB) to 0.63 W (16 GB) on the same
 * gigabyte, and memory that is not in use is refreshed all the same.
 */
export const MEMORY_SIGMA = 0.75

/** GiB in use: MemTotal − MemAvailable of `<root>/proc/meminfo`, else total − free as Node says. */
export function usedGiB(root: string, system: System): number {
  const text = readText(join(root, 'proc/meminfo')) ?? ''
  const total = kiB(text, TOTAL)
  const available = kiB(text, AVAILABLE)
  if (total !== undefined && available !== undefined) {
    return Math.max(0, total - available) / 2 ** 20
  }
  return Math.max(0, system.totalmem() - system.freemem()) / 2 ** 30
}

/** GiB that are there, by the same ways. */
export function totalGiB(root: string, system: System): number {
  const total = kiB(readText(join(root, 'proc/meminfo')) ?? '', TOTAL)
  return total === undefined ? system.totalmem() / 2 ** 30 : total / 2 ** 20
}

const TOTAL = /^MemTotal: +(\d+) kB$/m
const AVAILABLE = /^MemAvailable: +(\d+) kB$/m

function kiB(text: string, key: RegExp): number | undefined {
  const found = key.exec(text)
  return found === null ? undefined : Number(found[1])
}
