/** What the carbon side speaks of: places, intensities and footprints. Plain values, no behaviour. */

/** What an intensity counts. Those that differ in any of it are never added, averaged or compared. */
export interface Basis {
  /** `average`: of all that generates; `marginal`: of what would generate one kilowatt-hour more. */
  readonly kind: 'average' | 'marginal'
  /** `lifecycle`: with plants, fuel and waste; `direct`: what leaves the stack. */
  readonly factors: 'lifecycle' | 'direct' | 'unknown'
  /** `consumption`: with imports and without exports; `production`: what is generated there. */
  readonly boundary: 'production' | 'consumption' | 'unknown'
}

/** How an intensity is known, best first. */
export type IntensityStatus = 'measured' | 'estimated' | 'forecast' | 'annual-average'

/** Grams of CO2-equivalent per kilowatt-hour of one grid for a stretch of time. */
export interface IntensityPoint extends Basis {
  /** The stretch is half-open: [start, end). */
  readonly start: Date
  readonly end: Date
  /** Grams of CO2, or CO2-equivalent, per kilowatt-hour: 0 … 3000. */
  readonly gramsPerKWh: number
  readonly status: IntensityStatus
  /** Of a forecast: values that are not exceeded with probability `p`, ascending. */
  readonly quantiles?: readonly { readonly p: number; readonly gramsPerKWh: number }[]
  /** The grid: `DK-DK1`, `GB`, `US-CAL-CISO`, `WORLD` … */
  readonly zone: string
  /** Who says so: the id of a provider, or the name of a table. */
  readonly source: string
  /** Of an annual average: of which year. */
  readonly year?: number
  /** Of a forecast: when it was made. */
  readonly issuedAt?: Date
  /** When it was fetched from a service. */
  readonly fetchedAt?: Date
  /** The service has failed since then: this is the last that it said. */
  readonly stale?: true
  readonly licence?: string
  /** The sentence that the licence asks for. */
  readonly attribution?: string
  /** What the service itself warns of, in its words. */
  readonly warnings?: readonly string[]
}

/** How a place was found, strongest first. */
export type FoundBy =
  | 'option'
  | 'environment'
  | 'configuration'
  | 'cloud region'
  | 'network'
  | 'time zone'
  | 'nothing'

/** A region of a cloud. */
export interface CloudRegion {
  readonly provider: 'aws' | 'azure' | 'gcp'
  /** As the provider names it: `eu-north-1`. */
  readonly region: string
}

/** Where electricity comes from, as far as it is known. */
export interface Location {
  /** For a person: `West Denmark`, `Google Cloud europe-north1 (Hamina, Finland)`. */
  readonly name: string
  /** The grid by Electricity Maps' name, where that is known: `DK-DK1`, `FR`, `US-CAL-CISO`. */
  readonly zone?: string
  /** ISO 3166-1 alpha-2. */
  readonly country?: string
  /** ISO 3166-2, of a state or a province: `US-CA`, `CA-ON`. */
  readonly subdivision?: string
  readonly cloud?: CloudRegion
  /** Degrees, −90 … 90 and −180 … 180. */
  readonly latitude?: number
  readonly longitude?: number
  readonly foundBy: FoundBy
  /** What exactly told: `JOULETAP_ZONE`, `AWS_REGION`, `Europe/Copenhagen`. */
  readonly detail: string
  /** Sentences: what would be better, what was assumed. */
  readonly warnings: readonly string[]
}

/**
 * Something that answers for intensity: a service, a table, a file, or an object of the user's.
 * What it cannot answer it rejects with INTENSITY_UNAVAILABLE.
 */
export interface Provider {
  /** `neso`, `energi-data-service` … */
  readonly id: string
  /** Whether it knows of this place. Never asks the network. */
  covers(location: Location): boolean
  /**
   * What it knows of [from, to), measured or forecast, in order of time, without overlaps, all of one
   * basis; holes are left out. Points may reach beyond either end.
   */
  range(location: Location, from: Date, to: Date): Promise<readonly IntensityPoint[]>
  /** What it expects from now on, for so many hours or as many as it has. */
  forecast?(location: Location, hours: number): Promise<readonly IntensityPoint[]>
}
