/** What measuring itself used: the domain `self`. */
import { cpus } from 'node:os'
import type { DomainEnergy } from './types'

/** Id and kind of the domain. */
export const SELF = 'self'

/** Asked once: the answer takes a hundred microseconds. */
let processors = 0

/** Standard deviation of a uniform distribution of width 1. */
const UNIFORM = 1 / Math.sqrt(12)

/**
 * The energy of `cpuSeconds` of CPU time on a machine whose processors drew `watts`. Time on one CPU
 * costs at least its even share of that power, and at the most all of it: the estimate is the middle,
 * its uncertainty that of a uniform distribution in between.
 */
export function selfJoules(cpuSeconds: number, watts: number) {
  const atMost = watts * Math.max(0, cpuSeconds)
  processors ||= Math.max(1, cpus().length)
  const atLeast = atMost / processors
  return { joules: (atLeast + atMost) / 2, uncertaintyJoules: (atMost - atLeast) * UNIFORM, atMost }
}

/** That as a domain: inside the others, never added. */
export function selfDomain(cpuSeconds: number, watts: number): DomainEnergy {
  const { joules, uncertaintyJoules } = selfJoules(cpuSeconds, watts)
  return {
    id: SELF,
    kind: SELF,
    source: 'jouletap',
    additive: false,
    method: 'model',
    quality: 'estimated',
    joules,
    uncertaintyJoules,
    flags: [],
  }
}
