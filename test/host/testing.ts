// What the simulated host's own tests share: a host for each test, and readings held against the truth.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { type Host, type HostOptions, hostUnavailable, startHost } from './host'

export const zone0 = 'sys/class/powercap/intel-rapl:0'
/** Counts of a 32-bit register. */
export const range = 2 ** 32
/** Seconds between updates. */
export const update = 1 / 1024

/** Looks again and again until it is so; the test's own time limit ends a vain wait. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5)
}

/** Skips a suite, and says why, where no host can run. */
export function needsHost(this: Mocha.Context): void {
  this.timeout(60_000) // compiles
  const reason = hostUnavailable()
  if (reason) {
    process.stderr.write(`skipped: ${reason}\n`)
    this.skip()
  }
}

/** A host that is stopped after each test, and ways to read below its root. */
export class Bench {
  host!: Host

  async start(options: HostOptions): Promise<void> {
    this.host = await startHost(options)
  }

  async stop(): Promise<void> {
    await this.host?.stop()
  }

  readonly text = (path: string): string => readFileSync(join(this.host.root, path), 'utf8')
  readonly number = (path: string): number => Number(this.text(path))
  /** powercap → counts of the register, exactly. */
  readonly counts = (path: string, nanojoules = 61035): number =>
    Math.ceil((this.number(path) * 1000) / nanojoules)

  /** The code of the error that reading a file gives. */
  readonly error = (path: string): string | undefined => {
    try {
      this.text(path)
      return undefined
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code
    }
  }

  /** A reading between two looks at the truth: what the counter must lie between, in joules. */
  readonly bracket = (id: string, read: () => number) => {
    const before = this.host.truth()
    const value = read()
    const after = this.host.truth()
    return { value, low: before.joules[id] ?? Number.NaN, high: after.joules[id] ?? Number.NaN }
  }

  /** The counter moved by what was used, give or take the bracket, `slack` joules and a count. */
  async expectToFollow(id: string, read: () => number, unit: number, slack: number): Promise<void> {
    const first = this.bracket(id, read)
    await delay(150)
    const last = this.bracket(id, read)
    const used = ((last.value - first.value + range) % range) * unit
    const least = last.low - first.high
    expect(used).to.be.within(least - slack - unit, last.high - first.low + slack + unit)
    expect(least).to.be.above(slack * 5) // or the check above means nothing
  }
}
