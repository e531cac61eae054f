/** Grid zones by the names of Electricity Maps, and their yearly means, from the package that carries them. */

/** One zone in one year. */
export interface Zone {
  readonly id: string
  /** `West Denmark`. */
  readonly name: string
  readonly country: string
  /** Grams of CO2-equivalent per kWh: average, life-cycle, of consumption. */
  readonly gramsPerKWh: number
  readonly year: number
}

/** What `@tgwf/co2` has of a year. */
interface Yearly {
  data: Record<
    string,
    {
      zone: { zoneName: string; countryName: string }
      carbonIntensity: { value: number; unit: string }
    }
  >
}

export const ZONES_CREDIT = {
  source: 'Electricity Maps yearly averages in @tgwf/co2',
  licence: 'ODbL 1.0',
  attribution: 'Electricity Maps, through the Green Web Foundation’s CO2.js',
} as const

let zones: ReadonlyMap<string, Zone> | undefined

/** All of the newest year, by their names. */
export function allZones(): ReadonlyMap<string, Zone> {
  zones ??= load()
  return zones
}

/** The zone of that name, in any case. */
export function zoneOf(name: string): Zone | undefined {
  return allZones().get(name.trim().toUpperCase())
}

function load(): Map<string, Zone> {
  const years = require('@tgwf/co2/data/electricity-maps') as Record<string, Yearly>
  const newest = Object.keys(years)
    .filter((key) => /^yearly\d{4}$/.test(key))
    .sort()
    .at(-1)!
  const year = Number(newest.slice('yearly'.length))
  return new Map(
    Object.entries(years[newest]!.data)
      .filter(([, { carbonIntensity }]) => carbonIntensity.value > 0)
      .map(([id, { zone, carbonIntensity }]) => [
        id.toUpperCase(),
        {
          id,
          name: zone.zoneName,
          country: id.split('-')[0]!,
          gramsPerKWh: carbonIntensity.value,
          year,
        },
      ]),
  )
}
