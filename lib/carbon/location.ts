/** Where this machine's electricity comes from, found without the network. */

import { readTable } from '../data'
import { badOption, JouletapError } from '../errors'
import { CLOUDS, cloudRegionOf, cloudRegions } from './clouds'
import { countryNames, countryOf, nearMatches } from './countries'
import type { FoundBy, Location } from './types'
import { allZones, zoneOf } from './zones'

/**
 * A place: a country (`DK`, `DNK`, `Denmark`), a grid zone by Electricity Maps' name (`DK-DK1`,
 * `US-CAL-CISO`), a US state or a province of Canada (`US-CA`, `CA-ON`), a region of a cloud
 * (`aws:eu-north-1`), or degrees (`55.7,12.6`: latitude, longitude).
 */
export type Place = string | { readonly latitude: number; readonly longitude: number }

export interface LocationOptions {
  /** Default: that of this process. */
  readonly environment?: NodeJS.ProcessEnv
  /** A place of the configuration. */
  readonly configuration?: { readonly zone?: string; readonly country?: string }
  /** Default: that of this process. */
  readonly timeZone?: string
}

/**
 * The place that is given, else that of the environment (`JOULETAP_ZONE`, `JOULETAP_COUNTRY`), of the
 * configuration, of a cloud's variables, of the time zone; else an unknown one. Never asks the network.
 * @throws {JouletapError} BAD_OPTION: there is no such place; the sentence names those that are near.
 */
export function resolveLocation(place?: Place, options: LocationOptions = {}): Location {
  if (place !== undefined) return placeOf(place, 'option', 'the place')
  const { environment = process.env, configuration = {} } = options
  const named: [string | undefined, FoundBy, string][] = [
    [environment.JOULETAP_ZONE, 'environment', 'JOULETAP_ZONE'],
    [environment.JOULETAP_COUNTRY, 'environment', 'JOULETAP_COUNTRY'],
    [configuration.zone, 'configuration', 'zone'],
    [configuration.country, 'configuration', 'country'],
  ]
  for (const [value, foundBy, detail] of named) {
    if (value) return placeOf(value, foundBy, detail)
  }
  return ofCloud(environment) ?? ofTimeZone(options.timeZone ?? systemTimeZone())
}

const ALLOWED =
  'a country (DK), a grid zone (DK-DK1), a US state or province of Canada (US-CA), a cloud region ' +
  '(aws:eu-north-1) or "latitude,longitude"'

function placeOf(place: Place, foundBy: FoundBy, detail: string): Location {
  const found = { foundBy, detail }
  if (typeof place === 'object' && place !== null) return ofDegrees(place, found, detail)
  if (typeof place !== 'string' || place.trim() === '') throw badOption(detail, place, ALLOWED)
  const text = place.trim()
  const [latitude, longitude, more] = text.split(',').map(Number)
  if (text.includes(',') && more === undefined) {
    return ofDegrees({ latitude: latitude!, longitude: longitude! }, found, detail)
  }
  const cloud = /^([a-z]+):(.+)$/i.exec(text)
  if (cloud) return ofRegion(cloud[1]!.toLowerCase(), cloud[2]!, found, detail)
  const location = ofCountry(text, found) ?? ofZone(text, found) ?? ofSubdivision(text, found)
  if (location) return location
  const near = nearMatches(text, [
    ...countryNames(),
    ...[...allZones().values()].map(({ id }) => id),
  ])
  const hint = near.length > 0 ? `; near it: ${near.join(', ')}` : ''
  throw new JouletapError(
    'BAD_OPTION',
    `${detail} must be ${ALLOWED}, not ${JSON.stringify(place)}${hint}.`,
  )
}

type Found = Pick<Location, 'foundBy' | 'detail'>

function ofDegrees(
  { latitude, longitude }: { latitude: number; longitude: number },
  found: Found,
  option: string,
): Location {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) {
    throw badOption(option, `${latitude},${longitude}`, 'latitude −90 … 90, longitude −180 … 180')
  }
  const warnings = [
    'No table knows degrees: only a live provider that takes them can tell of this place; name its ' +
      'country or zone for a table.',
  ]
  return { name: `${latitude}, ${longitude}`, latitude, longitude, ...found, warnings }
}

function ofRegion(provider: string, region: string, found: Found, option: string): Location {
  if (!(CLOUDS as readonly string[]).includes(provider)) {
    throw badOption(option, `${provider}:${region}`, `a region of ${CLOUDS.join(', ')}`)
  }
  const facts = cloudRegionOf(provider, region)
  if (!facts) {
    const known = cloudRegions().filter((one) => one.provider === provider)
    const near = nearMatches(
      region,
      known.map((one) => one.region),
    )
    throw new JouletapError(
      'BAD_OPTION',
      `${option} names ${provider}:${region}, a region that is not known here` +
        `${near.length > 0 ? `; near it: ${near.join(', ')}` : ''}; its country or zone will do.`,
    )
  }
  const { name, country, zone, latitude, longitude } = facts
  return {
    name: `${provider}:${facts.region} (${name})`,
    country,
    ...(zone && { zone }),
    ...(latitude !== undefined && { latitude, longitude }),
    cloud: { provider: facts.provider, region: facts.region },
    ...found,
    warnings: [],
  }
}

function ofZone(text: string, found: Found): Location | undefined {
  const zone = zoneOf(text)
  if (!zone) return undefined
  const { id, name, country } = zone
  return { name: `${name} (${id})`, zone: id, country, ...found, warnings: [] }
}

/** Grids of islands beside that of the country. */
const FEW = 2

function ofCountry(text: string, found: Found): Location | undefined {
  const country = countryOf(text)
  if (!country) return undefined
  const parts = [...allZones().values()].filter(
    (zone) => zone.country === country.code && zone.id !== country.code,
  )
  const some = parts.slice(0, 4).map(({ id }) => id)
  const warnings =
    parts.length > FEW
      ? [
          `${country.name} has ${parts.length} grid zones (${some.join(', ')}` +
            `${parts.length > some.length ? ' …' : ''}): naming one would be more exact.`,
        ]
      : []
  return { name: country.name, country: country.code, ...found, warnings }
}

/** A state, or a province that is no zone of its own. */
function ofSubdivision(text: string, found: Found): Location | undefined {
  const code = text.toUpperCase()
  for (const table of ['us-state-intensity', 'canada-province-mix']) {
    if (!code.startsWith(table.startsWith('us') ? 'US-' : 'CA-')) continue
    const row = readTable(table).rows.find((one) => one.code === code)
    if (!row) continue
    const country = code.slice(0, 2)
    return { name: row.name!, country, subdivision: code, ...found, warnings: [] }
  }
  return undefined
}

/** Variables that name a region, and those that the platform itself sets beside them. */
const CLOUD_VARIABLES = [
  {
    provider: 'aws',
    regions: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    proofs: ['AWS_EXECUTION_ENV', 'AWS_LAMBDA_FUNCTION_NAME', 'ECS_CONTAINER_METADATA_URI_V4'],
  },
  {
    provider: 'gcp',
    regions: ['GOOGLE_CLOUD_REGION', 'CLOUDSDK_COMPUTE_REGION', 'FUNCTION_REGION'],
    proofs: ['K_SERVICE', 'CLOUD_RUN_JOB', 'GAE_SERVICE', 'FUNCTION_NAME'],
  },
  {
    provider: 'azure',
    regions: ['AZURE_REGION', 'REGION_NAME'],
    proofs: ['WEBSITE_INSTANCE_ID', 'FUNCTIONS_WORKER_RUNTIME', 'CONTAINER_APP_NAME'],
  },
] as const

function ofCloud(environment: NodeJS.ProcessEnv): Location | undefined {
  for (const { provider, regions, proofs } of CLOUD_VARIABLES) {
    const variable = regions.find((name) => environment[name])
    const region = variable && environment[variable]
    if (!region || !cloudRegionOf(provider, region)) continue
    const location = ofRegion(provider, region, { foundBy: 'cloud region', detail: variable }, '')
    if (proofs.some((name) => environment[name])) return location
    const doubt =
      `${variable} says where ${provider}'s tools work: if this machine is elsewhere, set ` +
      'JOULETAP_ZONE or JOULETAP_COUNTRY.'
    return { ...location, warnings: [doubt] }
  }
  return undefined
}

function systemTimeZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** A zone's country; node knows old names, which are in the groups. */
function ofTimeZone(timeZone: string): Location {
  const { rawTimeZones } = require('@vvo/tzdb') as typeof import('@vvo/tzdb')
  const zone =
    rawTimeZones.find(({ name }) => name === timeZone) ??
    rawTimeZones.find(({ group }) => group.includes(timeZone))
  const location = zone && ofCountry(zone.countryCode, { foundBy: 'time zone', detail: timeZone })
  if (location) return location
  const why = `The time zone ${timeZone} tells no country`
  return {
    name: 'unknown',
    foundBy: 'nothing',
    detail: timeZone,
    warnings: [`${why}; set JOULETAP_ZONE or JOULETAP_COUNTRY, or name the place.`],
  }
}
