/** Decides what scale of power stands for this CPU, and says so. */
import type { Cpu } from './cpu'
import { CURVE_SIGMA } from './curve'
import { findTdp } from './tdp'

/** The scale of the curve. */
export interface Model {
  /** What stands for the TDP of one package, in watts. */
  readonly watts: number
  /** Relative standard deviation of the power of all packages together, and of each. */
  readonly sigma: number
  /** One sentence: which case was taken, with its figures. */
  readonly note: string
}

/**
 * A hardware thread's share of a server's TDP, in watts: the median over server-threads.csv (1.4 …
 * 6.7 W); a test computes it again.
 */
export const WATTS_PER_THREAD = 3.15

/** Relative standard deviation of that share between the parts of the table. */
export const SHARE_SIGMA = 0.4

/**
 * The same for a machine of unknown kind, judged: from 1.9 W (a 15 W notebook with 8 threads) to
 * 8.6 W (a 69 W desktop with 8).
 */
export const UNKNOWN_SHARE_SIGMA = 0.6

/** The scale for `cpu`: the TDP of a known name, or threads × a typical share. */
export function chooseModel(cpu: Cpu): Model {
  const tdp = findTdp(cpu.brand)
  const name = cpu.brand === '' ? 'CPU, without a name' : `CPU "${cpu.brand}"`
  if (cpu.virtual) {
    const share = cpu.threads * WATTS_PER_THREAD
    const watts = Math.min(share, tdp?.watts ?? Infinity)
    const capped = watts < share ? `, but no more than the ${watts} W of ${tdp!.name},` : ''
    return {
      watts,
      sigma: Math.hypot(CURVE_SIGMA, SHARE_SIGMA),
      note: `${tdp ? '' : 'Unknown '}${name} (virtual machine): ${shares(cpu, 'vCPU')}${capped} × load curve.`,
    }
  }
  const packages = cpu.packages.length
  if (tdp !== undefined) {
    return {
      watts: tdp.watts,
      sigma: CURVE_SIGMA,
      note: `${name}: ${packages > 1 ? `${packages} × ` : ''}${tdp.watts} W (TDP of ${tdp.name}) × load curve.`,
    }
  }
  return {
    watts: (cpu.threads * WATTS_PER_THREAD) / packages,
    sigma: Math.hypot(CURVE_SIGMA, UNKNOWN_SHARE_SIGMA),
    note: `Unknown ${name}: ${shares(cpu, 'hardware thread')} × load curve.`,
  }
}

function shares({ threads }: Cpu, word: string): string {
  return `${threads} ${word}${threads === 1 ? '' : 's'} × ${WATTS_PER_THREAD} W of TDP`
}
