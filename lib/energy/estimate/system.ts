/** The two ways to ask the system: files below a root, and what Node's `os` offers anywhere. */
import { readFileSync } from 'node:fs'

/** What is taken from `node:os`; a test gives its own. */
export interface System {
  cpus(): { model: string; times: CpuTimes }[]
  totalmem(): number
  freemem(): number
  availableParallelism(): number
}

/** Milliseconds since boot. */
export interface CpuTimes {
  readonly user: number
  readonly nice: number
  readonly sys: number
  readonly idle: number
  readonly irq: number
}

/** The text of a file, or undefined for whatever reason it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
