/** Annual means: what is known of a place when nobody is asked. */
import { readTable, type TableRow } from '../data'
import { CLOUDS_CREDIT, cloudRegionOf } from './clouds'
import type { Basis, IntensityPoint, Location, Provider } from './types'
import { allZones, ZONES_CREDIT } from './zones'

/** What a table has of a place. */
interface Entry extends Basis {
  readonly gramsPerKWh: number
  readonly zone: string
  readonly source: string
  readonly year: number
  readonly licence?: string
  readonly attribution?: string
}

const LIFECYCLE = { kind: 'average', factors: 'lifecycle' } as const

/** The mean over all generation of the world. */
const WORLD: Entry = {
  kind: 'average',
  factors: 'unknown',
  boundary: 'production',
  gramsPerKWh: 445,
  zone: 'WORLD',
  source: 'IEA, world average',
  year: 2024,
  attribution: 'IEA, 2024, as carbontracker 2.4.3 cites it',
}

/**
 * The annual mean of a place, for any time: of its zone, else its state or province, its cloud region,
 * its country; else of the world, which a warning says. Never fails.
 */
export function tableIntensity(
  location: Location,
  from: Date,
  to: Date,
): { point: IntensityPoint; warnings: string[] } {
  const { entry, warnings } = look(location)
  return { point: { start: from, end: to, status: 'annual-average', ...entry }, warnings }
}

/** The tables as a provider: one point for any stretch of time. */
export const tableProvider: Provider = {
  id: 'table',
  covers: () => true,
  range: async (location, from, to) => [tableIntensity(location, from, to).point],
}

function look(location: Location): { entry: Entry; warnings: string[] } {
  const known = ofZone(location.zone) ?? ofSubdivision(location) ?? ofCloud(location)
  if (known) return { entry: known, warnings: remarksOn(known) }
  const { country, name } = location
  const row = country === undefined ? undefined : rowOf(country)
  if (row && Number(row.g_per_kwh) > 0) return { entry: ofCountry(row), warnings: [] }
  // A grid without any emissions would be news: it is a hole.
  const hole = row && `The 0 g/kWh of ${row.name} in ${OWID.source}'s table counts as missing`
  const zone = ofZone(country)
  if (zone) {
    const { gramsPerKWh, year, source } = zone
    const standIn = `${gramsPerKWh} g/kWh, of ${year} and by ${source}, stands in`
    return { entry: zone, warnings: hole ? [`${hole}: ${standIn}.`] : [] }
  }
  const why = hole ?? (country === undefined ? 'The place is not known' : `No table knows ${name}`)
  const feeder = country === undefined ? undefined : FED_BY[country]
  const fed = feeder === undefined ? undefined : rowOf(feeder)
  if (fed) {
    const warning = `${why}: the figure of ${fed.name}, whose grid feeds it, stands in.`
    return { entry: ofCountry(fed), warnings: [warning] }
  }
  const standIn = `the world's average of ${WORLD.year}, ${WORLD.gramsPerKWh} g/kWh, stands in`
  return { entry: WORLD, warnings: [`${why}: ${standIn}.`] }
}

/**
 * Without a row, and fed by a neighbour's grid (almost) alone: not so the islands, which burn what no
 * figure of their mother country shows. Jersey: 95 %, Jersey Electricity; Liechtenstein: in the control
 * area of Swissgrid.
 */
const FED_BY: Readonly<Record<string, string>> = {
  JE: 'FR',
  LI: 'CH',
  MC: 'FR',
  SM: 'IT',
  VA: 'IT',
}

function remarksOn({ source, year, factors }: Entry): string[] {
  if (factors !== 'direct') return []
  return [`The figure of ${source} is of ${year}, and of what leaves the stack alone.`]
}

function ofZone(id: string | undefined): Entry | undefined {
  const zone = id === undefined ? undefined : allZones().get(id.toUpperCase())
  if (!zone) return undefined
  const { gramsPerKWh, year } = zone
  return {
    ...LIFECYCLE,
    boundary: 'consumption',
    gramsPerKWh,
    zone: zone.id,
    ...ZONES_CREDIT,
    year,
  }
}

function ofSubdivision({ subdivision, country }: Location): Entry | undefined {
  if (subdivision === undefined) return undefined
  return country === 'US' ? ofState(subdivision) : ofProvince(subdivision)
}

function ofState(code: string): Entry | undefined {
  const row = readTable('us-state-intensity').rows.find((one) => one.code === code)
  if (!row) return undefined
  return {
    kind: 'average',
    factors: 'direct',
    boundary: 'production',
    gramsPerKWh: Number(row.g_per_kwh),
    zone: code,
    source: 'U.S. EPA eGRID2016',
    year: 2016,
    licence: 'public domain',
    attribution: 'U.S. EPA eGRID2016',
  }
}

/** Life-cycle medians, g/kWh: IPCC, 5th assessment report, working group III, annex III (2014). */
const IPCC: Readonly<Record<string, number>> = {
  coal_percent: 820,
  petroleum_percent: 650,
  natural_gas_percent: 490,
  nuclear_percent: 12,
  hydroelectricity_percent: 24,
  wind_percent: 11,
  solar_percent: 45,
  biomass_percent: 230,
  tidal_percent: 17,
  other_percent: 700,
}

function ofProvince(code: string): Entry | undefined {
  const row = readTable('canada-province-mix').rows.find((one) => one.code === code)
  if (!row) return undefined
  const parts = Object.entries(IPCC).map(([fuel, grams]) => Number(row[fuel]) * grams)
  return {
    ...LIFECYCLE,
    boundary: 'production',
    gramsPerKWh: parts.reduce((total, one) => total + one) / Number(row.total_percent),
    zone: code,
    source: "CodeCarbon's mix of generation × IPCC 2014 life-cycle medians",
    year: Number(row.year),
    licence: 'MIT',
    attribution: 'CodeCarbon; IPCC 2014',
  }
}

function ofCloud({ cloud }: Location): Entry | undefined {
  const region = cloud && cloudRegionOf(cloud.provider, cloud.region)
  if (region?.gramsPerKWh === undefined) return undefined
  return {
    ...LIFECYCLE,
    boundary: 'unknown',
    gramsPerKWh: region.gramsPerKWh,
    zone: `${region.provider}:${region.region}`,
    ...CLOUDS_CREDIT,
    year: region.year!,
  }
}

function rowOf(country: string): TableRow | undefined {
  return readTable('country-intensity', (line) => line.startsWith(`${country},`)).rows[0]
}

const OWID = {
  source: 'Our World in Data',
  licence: 'CC BY 4.0',
  attribution: 'Our World in Data, based on Ember and the Energy Institute',
} as const

function ofCountry(row: TableRow): Entry {
  return {
    ...LIFECYCLE,
    boundary: 'production',
    gramsPerKWh: Number(row.g_per_kwh),
    zone: row.alpha2!,
    ...OWID,
    year: Number(row.year),
  }
}
