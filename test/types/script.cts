/** The same as CommonJS: by import, as TypeScript writes it, and by require. */
import { type Energy, JouletapError, Meter, measure, probe, type Rows } from 'jouletap'

import jouletap = require('jouletap')

const meter: jouletap.Meter = new Meter({ intervalMs: 0.1 })
const same: Meter = new jouletap.Meter()
const usable: string[] = probe().flatMap(({ usable, name }) => (usable ? [name] : []))

async function main(): Promise<Energy> {
  meter.start()
  const iterator: AsyncIterableIterator<Rows> = meter.rows()
  const { done } = await iterator.next()
  const { value, energy } = await measure(async () => done)
  const flag: boolean | undefined = value
  // @ts-expect-error: a promise is awaited
  const unresolved: Promise<boolean> = value
  console.log(usable, flag, unresolved, same.notes)
  return energy
}

main().catch((error: unknown) => {
  if (error instanceof JouletapError && error.code === 'BAD_STATE') return
  throw error
})
