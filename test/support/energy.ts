/** What tests of meters share: the domains that are measured, and rows that are read to their end. */
import type { DomainEnergy, Energy, Meter } from '../../lib'

/** Of an `Energy`, or of the energy in a record. */
type Domains = Pick<Energy, 'domains'>

/** The domains that sources follow: all but `self`, which is an estimate of what measuring used. */
export function measured({ domains }: Domains): DomainEnergy[] {
  return domains.filter(({ kind }) => kind !== 'self')
}

/** What measuring itself used; where no processor is followed there is none. */
export function self({ domains }: Domains): DomainEnergy | undefined {
  return domains.find(({ kind }) => kind === 'self')
}

/**
 * Reads the rows of a running meter, which makes its thread read on the grid of the interval, until
 * the meter is stopped; then tells how many there were.
 */
export async function readRows(meter: Meter): Promise<number> {
  let count = 0
  for await (const { times } of meter.rows()) count += times.length
  return count
}
