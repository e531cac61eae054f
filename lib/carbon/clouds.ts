/** Regions of clouds: where they are, and what is known of their grids. */
import { readTable } from '../data'
import { countryOf } from './countries'
import type { CloudRegion } from './types'

export interface CloudRegionFacts extends CloudRegion {
  /** `Frankfurt`. */
  readonly name: string
  /** Degrees, of a city or a state. */
  readonly latitude?: number
  readonly longitude?: number
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  /** The grid by Electricity Maps' name, where that is certain. */
  readonly zone?: string
  /** The provider's own figure: average, life-cycle. */
  readonly gramsPerKWh?: number
  readonly year?: number
}

export const CLOUDS = ['aws', 'azure', 'gcp'] as const

export const CLOUDS_CREDIT = {
  source: 'Google Cloud, region-carbon-info',
  attribution: 'Google, region-carbon-info',
} as const

let regions: readonly CloudRegionFacts[] | undefined

/** All that are known, by provider and name. */
export function cloudRegions(): readonly CloudRegionFacts[] {
  regions ??= readTable('cloud-regions').rows.map((row) => ({
    provider: row.provider as CloudRegion['provider'],
    region: row.region!,
    name: row.name!,
    country: countryOf(row.country!)!.code,
    ...(row.latitude && { latitude: Number(row.latitude), longitude: Number(row.longitude) }),
    ...(row.zone && { zone: row.zone }),
    ...(row.g_per_kwh && { gramsPerKWh: Number(row.g_per_kwh), year: Number(row.year) }),
  }))
  return regions
}

/** The region of that name; Azure's may be given as `West Europe`. */
export function cloudRegionOf(provider: string, region: string): CloudRegionFacts | undefined {
  const name = region.trim().toLowerCase()
  const wanted = provider === 'azure' ? name.replaceAll(' ', '') : name
  return cloudRegions().find((one) => one.provider === provider && one.region === wanted)
}
