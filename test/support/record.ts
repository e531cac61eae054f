/** A run to be recorded: two packages, of which the core of one is not additive, at a steady power. */
import { readFileSync } from 'node:fs'
import type { Domain } from '../../lib/energy'
import type { RecordOptions } from '../../lib/record'

export const STARTED = new Date('2026-11-21T20:00:00.000Z')

function domain(id: string, additive: boolean): Domain {
  const measured = { method: 'energy-counter', quality: 'measured' } as const
  return { id, kind: id.split('-')[0]!, source: 'rapl-perf', additive, ...measured }
}

export const DOMAINS: readonly Domain[] = [
  domain('package-0', true),
  { ...domain('core-0', false), parent: 'package-0' },
  domain('package-1', true),
]

/** Watts of each domain, and of those that are summed. */
export const WATTS = [30, 20, 50]
export const TOTAL_WATTS = 30 + 50

/** Joules of each domain after so many milliseconds. */
export function joulesAt(ms: number): number[] {
  return WATTS.map((watts) => (watts * ms) / 1000)
}

export function optionsFor(path: string, more: Partial<RecordOptions> = {}): RecordOptions {
  return { path, startedAt: STARTED, domains: DOMAINS, ...more }
}

/** The lines of a record as objects; of one that is torn, those that are whole. */
export function linesOf(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line)]
      } catch {
        return []
      }
    })
}
