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
  type MeasureOptions,
  Meter,
  type MeterOptions,
  measure,
  type Overhead,
  type PerCall,
  probe,
  type Quality,
  type Repeat,
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
  const { times, joules, ages }: Rows = rows
  const time: number | undefined = times[0]
  const columns: Float64Array[] = joules
  const old: number | undefined = ages?.[0]?.[0]
  console.log(time, columns.length, old)
}

using aligned: Span = meter.span('short', { align: 'edge' })
const row: Float64Array = meter.readNow(meter.readNow())
const [milliseconds, first]: Float64Array = row

const overhead: Overhead = meter.overhead()
const most: number = overhead.joulesAtMost + overhead.lateUs.p99 + overhead.systemCalls
const total: Energy = meter.stop()
const reports: SourceReport[] = probe({ root: '/' })

const now: { value: number; energy: Energy } = await measure(() => 42)
const later: { value: string; energy: Energy } = await measure(async () => 'done', options)

const repeat: Repeat = { seconds: 0.5 }
const often: MeasureOptions = { repeat, align: 'edge', maxOverhead: 0.001 }
const { perCall }: { perCall: PerCall } = await measure(() => 42, { repeat: true })
const maybe: PerCall | undefined = (await measure(() => 42, often)).perCall
const each: number | null = perCall.joules
const why: string | undefined = perCall.reason ?? maybe?.reason

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
// @ts-expect-error: none, or edge
new Meter({ align: 'Edge' })
// @ts-expect-error: a share, not a text
new Meter({ maxOverhead: '0.1' })
// @ts-expect-error: a span has no interval
meter.span('encode', { intervalMs: 1 })
// @ts-expect-error: a row is of doubles
meter.readNow(new Float32Array(9))
// @ts-expect-error: no joules may be the honest answer
const sure: number = perCall.joules
// @ts-expect-error: seconds, or calls
measure(() => 42, { repeat: { times: 3 } })
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
  aligned,
  each,
  everything,
  exact,
  first,
  flags,
  kWh,
  later,
  milliseconds,
  most,
  name,
  now,
  overhead,
  parent,
  quality,
  reports,
  sure,
  total,
  why,
}
export type { Inside }
