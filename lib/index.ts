/** The public names, nothing else. */
export {
  type BenchOptions,
  type BenchReport,
  bench,
  type DrainFigures,
  type OverheadFigures,
  type PrecisionFigures,
  type SoakFigures,
  type SourceCost,
  type StartupFigures,
  type TimerFigures,
} from './bench'
export {
  type Device,
  type DeviceShares,
  type Domain,
  type DomainEnergy,
  type Energy,
  type Flag,
  type MeasureOptions,
  Meter,
  type MeterOptions,
  type Method,
  measure,
  type Overhead,
  type PerCall,
  type ProcessShare,
  probe,
  type Quality,
  type Repeat,
  type Rows,
  type SourceReport,
  Span,
} from './energy'
export { type ErrorCode, JouletapError } from './errors'
export {
  type GpuFacts,
  type GpuInfo,
  type HostInfo,
  type HostOptions,
  hostInfo,
  type RunFacts,
  type RunRecord,
  runRecord,
} from './record'
export { JOULES_PER_KWH, toKWh } from './units'
