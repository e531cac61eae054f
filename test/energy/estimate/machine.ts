/** A made machine below a folder: its files, and a clock that only moves when told to. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openEstimate } from '../../../lib/energy/estimate'
import type { System } from '../../../lib/energy/estimate/system'
import { TALLY } from '../../../lib/native'

export interface MadeCpu {
  readonly brand?: string
  /** The package of each hardware thread. */
  readonly threads: readonly number[]
  readonly virtual?: boolean
}

/** A system on which nothing can be asked, unless the test gives an answer. */
export const nothing: System = {
  cpus: () => [],
  totalmem: () => 0,
  freemem: () => 0,
  availableParallelism: () => 1,
}

export type Machine = ReturnType<typeof makeMachine>

/** 8 GiB of which 4 are in use; every thread has been idle for 1000 s. */
export function makeMachine(cpu: MadeCpu, system: System = nothing) {
  const root = mkdtempSync(join(tmpdir(), 'jouletap-estimate-'))
  const ticks = cpu.threads.map(() => ({ busy: 0, idle: 100_000, iowait: 0, steal: 0, guest: 0 }))
  let offline = new Set<number>()

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  function memory(usedGiB: number): void {
    const total = 8 * 2 ** 20
    write(
      'proc/meminfo',
      `MemTotal:       ${total} kB\nMemFree:        1 kB\nMemAvailable:   ${total - usedGiB * 2 ** 20} kB\n`,
    )
  }
  function stat(): void {
    const lines = ticks.flatMap((t, i) =>
      offline.has(i)
        ? []
        : [`cpu${i} ${t.busy} 0 0 ${t.idle} ${t.iowait} 0 0 ${t.steal} ${t.guest} 0`],
    )
    write('proc/stat', `cpu  1 2 3 4 5 6 7 8 9 0\n${lines.join('\n')}\nintr 1 2 3\nctxt 5\n`)
  }
  write(
    'proc/cpuinfo',
    cpu.threads
      .map((id, i) =>
        [
          `processor\t: ${i}`,
          ...(cpu.brand === undefined ? [] : [`model name\t: ${cpu.brand}`]),
          `physical id\t: ${id}`,
          `flags\t\t: fpu vme${cpu.virtual ? ' hypervisor' : ''} lahf_lm`,
          '',
        ].join('\n'),
      )
      .join('\n'),
  )
  memory(4)
  stat()

  return {
    root,
    write,
    memory,
    ticks,
    stat,
    remove: (path: string) => rmSync(join(root, path)),
    /** Threads that are off from now on. */
    setOffline(numbers: readonly number[]) {
      offline = new Set(numbers)
      stat()
    },
    /** Lets the threads work for `ms`, each at its load, in whole ticks. */
    run(ms: number, load: number | readonly number[]) {
      for (const [i, t] of ticks.entries()) {
        const busy = Math.round(((typeof load === 'number' ? load : (load[i] ?? 0)) * ms) / 10)
        t.busy += busy
        t.idle += Math.round(ms / 10) - busy
      }
      stat()
    },
    open: () => openMade(root, system),
    dispose: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** The estimate of a root, with fields by name. */
export function openMade(root: string, system: System = nothing) {
  const estimate = openEstimate(root, true, system)
  return {
    ...estimate,
    ids: estimate.channels.map((channel) => channel.id),
    /** What every domain's tally holds at a time. */
    at(timeMs: number) {
      const into = new Float64Array(3 + estimate.channels.length * TALLY.length).fill(-1)
      estimate.sample(into, 2, timeMs)
      if (into[0] !== -1 || into[1] !== -1 || into.at(-1) !== -1) throw new Error('wrote outside')
      const field = (i: number, name: (typeof TALLY)[number]) =>
        into[2 + i * TALLY.length + TALLY.indexOf(name)]!
      return estimate.channels.map(
        (_, i) =>
          Object.fromEntries(TALLY.map((name) => [name, field(i, name)])) as Record<
            (typeof TALLY)[number],
            number
          >,
      )
    },
  }
}
