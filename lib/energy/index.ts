/** Measuring: meters, spans and what they give. */
export { measure } from './measure'
export { Meter } from './meter'
export { INTERVAL_MS, MAX_OVERHEAD, rootFolder, SOURCE_NAMES } from './options'
export { probe } from './probe'
export { channelOf, columnOf, energyBetween, isGpu, type Reading, weakest } from './reading'
export { Span } from './span'
export type {
  Device,
  DeviceShares,
  Domain,
  DomainEnergy,
  Energy,
  Flag,
  MeasureOptions,
  MeterOptions,
  Method,
  Overhead,
  PerCall,
  ProcessShare,
  Quality,
  Repeat,
  Rows,
  SourceReport,
} from './types'
