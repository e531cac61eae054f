/** Measuring: meters, spans and what they give. */
export { measure } from './measure'
export { Meter } from './meter'
export { INTERVAL_MS, rootFolder, SOURCE_NAMES } from './options'
export { probe } from './probe'
export { channelOf, columnOf, energyBetween, type Reading } from './reading'
export { Span } from './span'
export type {
  Device,
  DeviceShares,
  Domain,
  DomainEnergy,
  Energy,
  Flag,
  MeterOptions,
  Method,
  Overhead,
  ProcessShare,
  Quality,
  Rows,
  SourceReport,
} from './types'
