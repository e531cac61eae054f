/** Where this machine's electricity comes from, found without the network. */

import { readTable, type TableRow } from '../data'
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
  const cloud = ofCloud(environment)
  if (typeof cloud === 'object') return cloud
  const location = ofTimeZone(options.timeZone ?? systemTimeZone())
  return cloud === undefined ? location : { ...location, warnings: [cloud, ...location.warnings] }
}

const ALLOWED =
  'a country (DK), a grid zone (DK-DK1), a US state or province of Canada (US-CA), a cloud region ' +
  '(aws:eu-north-1) or "latitude,longitude"'

function placeOf(place: Place, foundBy: FoundBy, detail: string): Location {
  const found = { foundBy, detail }
  if (typeof place === 'object' && place !== null) return ofDegrees(place, place, found)
  if (typeof place !== 'string' || place.trim() === '') throw badOption(detail, place, ALLOWED)
  const text = place.trim()
  // Number('') is 0, which would be a place.
  const [latitude, longitude, more] = text.split(',').map((part) => Number(part.trim() || 'none'))
  if (longitude !== undefined && more === undefined) {
    return ofDegrees({ latitude: latitude!, longitude }, text, found)
  }
  const cloud = /^([a-z]+):(.+)$/i.exec(text)
  if (cloud) return ofRegion(cloud[1]!.toLowerCase(), cloud[2]!, found, detail)
  const location = ofCountry(text, found) ?? ofZone(text, found) ?? ofSubdivision(text, found)
  if (location) return location
  const near = nearMatches(text, [
    ...countryNames(),
    ...[...allZones().values()].map(({ id }) => id),
    ...subdivisions().map(({ code }) => code!),
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
  given: Place,
  found: Found,
): Location {
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) {
    throw badOption(found.detail, given, 'latitude −90 … 90, longitude −180 … 180')
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
  const row = subdivisions().find((one) => one.code === code)
  if (!row) return undefined
  return {
    name: row.name!,
    country: code.slice(0, 2),
    subdivision: code,
    ...found,
    warnings: [],
  }
}

function subdivisions(): TableRow[] {
  return ['us-state-intensity', 'canada-province-mix'].flatMap((table) => readTable(table).rows)
}

const BY_AWS = ['AWS_EXECUTION_ENV', 'AWS_LAMBDA_FUNCTION_NAME', 'ECS_CONTAINER_METADATA_URI_V4']

/** Variables that name a region; and where platforms set them themselves, what they set beside. */
const CLOUD_VARIABLES = [
  { variable: 'AWS_REGION', provider: 'aws', proofs: BY_AWS },
  { variable: 'AWS_DEFAULT_REGION', provider: 'aws', proofs: BY_AWS },
  { variable: 'FUNCTION_REGION', provider: 'gcp', proofs: ['FUNCTION_NAME'] },
  { variable: 'GOOGLE_CLOUD_REGION', provider: 'gcp', proofs: [] },
  { variable: 'CLOUDSDK_COMPUTE_REGION', provider: 'gcp', proofs: [] },
  {
    variable: 'REGION_NAME',
    provider: 'azure',
    proofs: ['WEBSITE_SITE_NAME', 'WEBSITE_INSTANCE_ID'],
  },
  { variable: 'AZURE_REGION', provider: 'azure', proofs: [] },
] as const

/** The place that the first of them names, or what is to be said of it. */
function ofCloud(environment: NodeJS.ProcessEnv): Location | string | undefined {
  for (const { variable, provider, proofs } of CLOUD_VARIABLES) {
    const region = environment[variable]
    if (!region) continue
    const isProven = proofs.some((name) => environment[name])
    if (cloudRegionOf(provider, region)) {
      const location = ofRegion(provider, region, { foundBy: 'cloud region', detail: variable }, '')
      const doubt =
        `${variable} says where ${provider}'s tools work: if this machine is elsewhere, set ` +
        'JOULETAP_ZONE or JOULETAP_COUNTRY.'
      return isProven ? location : { ...location, warnings: [doubt] }
    }
    // Others use this name as well.
    if (variable === 'REGION_NAME' && !isProven) continue
    return (
      `${variable} names ${provider}:${region}, a region that is not known here: set JOULETAP_ZONE ` +
      'or JOULETAP_COUNTRY.'
    )
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
