/** Intensity of the grid, places, and what an energy means for the climate. */

export type { CloudRegionFacts } from './clouds'
export type { Equivalent, SocialCost } from './equivalents'
export type {
  EnergySlice,
  Footprint,
  FootprintOptions,
  FootprintPart,
  UsedIntensity,
} from './footprint'
export type { IntensityAnswer, IntensityOptions } from './intensity'
export type { LocationOptions, Place } from './location'
export type { LocateBy, LocateOptions } from './network'
export type { ProviderChoice, ProviderName, ProviderSettings } from './providers'
export type { IntensitySeries } from './series'
export type {
  Basis,
  CloudRegion,
  FoundBy,
  IntensityPoint,
  IntensityStatus,
  Location,
  Provider,
} from './types'

// Whoever loads the package to measure shall not wait for the modules of these.

/**
 * The intensity of the grid of a place: now, at a time, in a stretch of time or in the hours to come;
 * of a table of annual means, or of a live provider where one is asked for. One that fails gives way
 * to the table for all of that time, and a warning says so.
 * @throws {JouletapError} BAD_OPTION: an option is wrong, or names a provider that lacks its key or
 *   does not know of the place; BAD_INPUT: the user's file is wrong.
 */
export const intensity: typeof import('./intensity').intensity = (place, options) =>
  (require('./intensity') as typeof import('./intensity')).intensity(place, options)

/**
 * The provider that `intensity` would ask with these options: none where it would ask a table. Nothing
 * is asked of it yet.
 * @throws {JouletapError} BAD_OPTION as `intensity` does.
 */
export const providerFor: typeof import('./intensity').providerFor = (place, options) =>
  (require('./intensity') as typeof import('./intensity')).providerFor(place, options)

/**
 * The place that is given, else that of the environment (`JOULETAP_ZONE`, `JOULETAP_COUNTRY`), of the
 * configuration, of a cloud's variables, of the time zone; else an unknown one. Never asks the network.
 * @throws {JouletapError} BAD_OPTION: there is no such place; the sentence names those that are near.
 */
export const resolveLocation: typeof import('./location').resolveLocation = (place, options) =>
  (require('./location') as typeof import('./location')).resolveLocation(place, options)

/**
 * The place that the network tells: the metadata of the cloud, or a service that looks up the public
 * address. Never asked but by this.
 * @throws {JouletapError} BAD_OPTION; INTENSITY_UNAVAILABLE: nobody answers in time, or tells of a place
 *   that is not known.
 */
export const locateByNetwork: typeof import('./network').locateByNetwork = (options) =>
  (require('./network') as typeof import('./network')).locateByNetwork(options)

/**
 * Grams = PUE × Σ joules ÷ 3 600 000 × g/kWh over the pieces into which the intensity cuts the energy.
 * An `Energy` is spread evenly over its seconds.
 * @throws {JouletapError} BAD_OPTION: a factor is out of its range; BAD_INPUT: the intensities, or the
 *   slices of energy, cannot be added up.
 */
export const footprint: typeof import('./footprint').footprint = (energy, series, options) =>
  (require('./footprint') as typeof import('./footprint')).footprint(energy, series, options)

/**
 * The footprint of the same energy with other factors: those that are not given stay. Takes a
 * footprint, or what JSON has kept of one.
 * @throws {JouletapError} as `footprint` does.
 */
export const recompute: typeof import('./footprint').recompute = (from, factors) =>
  (require('./footprint') as typeof import('./footprint')).recompute(from, factors)

/**
 * What grams of CO2-equivalent are equivalent to: kilometres by car, charges of a phone, everyday
 * things. For intuition, not for accounting.
 * @throws {JouletapError} BAD_OPTION: `grams` is no number from 0.
 */
export const equivalents: typeof import('./equivalents').equivalents = (grams) =>
  (require('./equivalents') as typeof import('./equivalents')).equivalents(grams)

/**
 * What grams of CO2 cost society: tonnes × dollars per tonne, by default 190 (U.S. EPA, 2023).
 * @throws {JouletapError} BAD_OPTION: one of the two is no number from 0.
 */
export const socialCost: typeof import('./equivalents').socialCost = (grams, options) =>
  (require('./equivalents') as typeof import('./equivalents')).socialCost(grams, options)

/**
 * Intensities that may be added up, in order of time.
 * @throws {JouletapError} BAD_INPUT: there is none; they differ in kind, factors or boundary; two
 *   overlap; one is no number from 0 to 3000, or ends before it starts.
 */
export const seriesOf: typeof import('./series').seriesOf = (points) =>
  (require('./series') as typeof import('./series')).seriesOf(points)

/** The annual mean of a place, for any time; of the world where no table knows it, which a warning says. */
export const tableIntensity: typeof import('./tables').tableIntensity = (location, from, to) =>
  (require('./tables') as typeof import('./tables')).tableIntensity(location, from, to)

/** All regions of clouds that are known. */
export const cloudRegions: typeof import('./clouds').cloudRegions = () =>
  (require('./clouds') as typeof import('./clouds')).cloudRegions()

/** The names of all providers. */
export const providerNames = (): typeof import('./providers').PROVIDER_NAMES =>
  (require('./providers') as typeof import('./providers')).PROVIDER_NAMES
