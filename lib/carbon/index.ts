/** Intensity of the grid, places, and what an energy means for the climate. */
export { type Equivalent, equivalents, type SocialCost, socialCost } from './equivalents'
export {
  type EnergySlice,
  type Footprint,
  type FootprintOptions,
  type FootprintPart,
  footprint,
  recompute,
  type UsedIntensity,
} from './footprint'
export { type IntensityAnswer, type IntensityOptions, intensity } from './intensity'
export { type LocationOptions, type Place, resolveLocation } from './location'
export {
  PROVIDER_NAMES,
  type ProviderChoice,
  type ProviderName,
  type ProviderSettings,
} from './providers'
export { type IntensitySeries, pointAt, seriesOf } from './series'
export { tableIntensity, tableProvider } from './tables'
export type {
  Basis,
  CloudRegion,
  FoundBy,
  IntensityPoint,
  IntensityStatus,
  Location,
  Provider,
} from './types'
