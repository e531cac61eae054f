/** Which intensities a log used, and whether they were live. */
import { readTable, type TableRow } from '../../data'
import type { RunIntensity } from '../types'
import type { Facts } from './facts'
import type { Release } from './versions'

/**
 * Every intensity that was used. A value is live where a line tells that it was fetched; in logs whose
 * release writes such lines, one without is an annual average, whatever else is said of it.
 */
export function intensitiesOf(
  facts: Facts,
  release: Release | undefined,
  utc: (stamp: string) => string | undefined,
): RunIntensity[] {
  const { fetched, list, fallback, average } = facts
  const values = list ?? (fetched.length > 0 ? undefined : listOf(average ?? fallback?.gramsPerKWh))
  const source = facts.provider && { source: facts.provider }
  const live = ({ gramsPerKWh, stamp }: Facts['fetched'][number]): RunIntensity => {
    const start = stamp && utc(stamp)
    return { gramsPerKWh, status: 'measured', ...(start && { start }), ...source }
  }
  if (!values) return fetched.map(live)
  const left = [...fetched]
  return values.map((gramsPerKWh) => {
    const at = left.findIndex((told) => Math.abs(told.gramsPerKWh - gramsPerKWh) <= 0.0051)
    if (at >= 0) return { ...live(left.splice(at, 1)[0]!), gramsPerKWh }
    if (isFallback(facts, release)) return averageOf(gramsPerKWh, facts, release)
    return facts.isLive ? { gramsPerKWh, status: 'measured', ...source } : { gramsPerKWh }
  })
}

function listOf(value: number | undefined): number[] {
  return value === undefined ? [] : [value]
}

function isFallback({ fallback, isLive, fetched, version }: Facts, release: Release | undefined) {
  if (fallback || fetched.length > 0) return true
  return !isLive && release !== undefined && tellsFetching(version!)
}

/** From 2.3.0 on every live value has a line of its own. */
function tellsFetching(version: string): boolean {
  const [major, minor] = version.split('.').map(Number) as [number, number]
  return major > 2 || (major === 2 && minor >= 3)
}

function averageOf(
  gramsPerKWh: number,
  { fallback }: Facts,
  release: Release | undefined,
): RunIntensity {
  const world = release?.fallback
  const isWorld = world && Math.abs(world.gramsPerKWh - gramsPerKWh) < 0.005
  const { zone, year: told } = fallback?.zone ? fallback : isWorld ? world : {}
  const year = told ?? (zone && yearOf(zone, gramsPerKWh))
  return {
    gramsPerKWh,
    status: 'annual-average',
    ...(zone && { zone: zone.toUpperCase() }),
    ...(year && { year }),
  }
}

let countries: readonly TableRow[] | undefined

/** The logs of 2.4 do not say of which year it is, but its table has become ours. */
function yearOf(country: string, gramsPerKWh: number): number | undefined {
  countries ??= readTable('country-intensity').rows
  const row = countries.find(({ alpha2 }) => alpha2 === country)
  const isSame = row && Math.abs(Number(row.g_per_kwh) - gramsPerKWh) <= 0.0051
  return isSame ? Number(row.year) : undefined
}

/** The mean that the log reckons with. */
export function meanIntensity(
  { average }: Facts,
  intensities: readonly RunIntensity[],
): number | undefined {
  // Unrounded where all are there.
  if (intensities.length === 0) return average
  return intensities.reduce((sum, { gramsPerKWh }) => sum + gramsPerKWh, 0) / intensities.length
}
