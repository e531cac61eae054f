/** A program as a user writes it, as an ES module: compiled against the package's own types, never run. */

import * as everything from 'jouletap'
import {
  type Domain,
  type DomainEnergy,
  type Energy,
  type ErrorCode,
  type Flag,
  JOULES_PER_KWH,
  JouletapError,
  Meter,
  type MeterOptions,
  measure,
  type Overhead,
  probe,
  type Quality,
  type Rows,
  type SourceReport,
  type Span,
  toKWh,
} from 'jouletap'
import about from 'jouletap/package.json' with { type: 'json' }

const options: MeterOptions = { sources: ['rapl-perf', 'hwmon'], intervalMs: 1, root: '/host' }
using meter = new Meter({ ...options, sources: 'auto', estimate: false }).start()
using span: Span = meter.span('encode')
const name: string = span.name
const energy: Energy = span.end()
const kWh: number = toKWh(energy.joules) + energy.uncertaintyJoules / JOULES_PER_KWH
const quality: Quality = energy.quality
const parts: DomainEnergy[] = energy.domains
const flags: Flag[] = parts.flatMap((part) => part.flags)
const domains: Domain[] = meter.domains
const parent: string | undefined = domains[0]?.parent

for await (const rows of meter.rows()) {
  const { times, joules }: Rows = rows
  const time: number | undefined = times[0]
  const columns: Float64Array[] = joules
  console.log(time, columns.length)
}

const overhead: Overhead = meter.overhead()
const total: Energy = meter.stop()
const reports: SourceReport[] = probe({ root: '/' })

const now: { value: number; energy: Energy } = await measure(() => 42)
const later: { value: string; energy: Energy } = await measure(async () => 'done', options)

try {
  new Meter()
} catch (error) {
  if (error instanceof JouletapError) {
    const code: ErrorCode = error.code
    if (code === 'PERMISSION_DENIED') console.error(error.message, error.cause)
    // @ts-expect-error: no such code
    if (code === 'NOPE') throw error
  }
}

// @ts-expect-error: a number of milliseconds
new Meter({ intervalMs: '100' })
// @ts-expect-error: no such option
new Meter({ interval: 100 })
// @ts-expect-error: a list, or auto
new Meter({ sources: 'rapl-perf' })
// @ts-expect-error: not one of the qualities
const exact: 'exact' = energy.quality
// @ts-expect-error: nothing may be added to a meter
meter.power = 5
// @ts-expect-error: what is inside is not for everyone
meter.tap
// @ts-expect-error: only the root and package.json are doors
type Inside = typeof import('jouletap/dist/energy')

export const all = {
  about,
  everything,
  exact,
  flags,
  kWh,
  later,
  name,
  now,
  overhead,
  parent,
  quality,
  reports,
  total,
}
export type { Inside }
