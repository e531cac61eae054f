/** The files that a tracker writes: a record, carbontracker's logs, both or none. */
import { resolveLocation } from '../carbon'
import { type Domain, rootFolder } from '../energy'
import type { Estimate, Prediction } from '../predict'
import { gpuFacts, hostInfo, openRecord, type RunTotals } from '../record'
import { toKWh } from '../units'
import type { Gauge } from './gauge'
import type { RunLog } from './log'
import type { Settings } from './options'

/**
 * Those of the options.
 * @throws {JouletapError} BAD_OPTION: the folder cannot be written.
 */
export function openLogs(settings: Settings, gauge: Gauge, startedAt: Date): RunLog[] {
  const { logDir, logFormat = 'jouletap' } = settings
  if (!logDir) return []
  return logFormat === 'carbontracker' ? [] : [recordLog(logDir, settings, gauge, startedAt)]
}

/** A record, as `readRecord` reads it. */
function recordLog(folder: string, settings: Settings, gauge: Gauge, startedAt: Date): RunLog {
  const { logFilePrefix, epochs, pue, grid, command, meter } = settings
  const { name, zone, country, foundBy, detail } = resolveLocation(grid.place, grid)
  const record = openRecord({
    folder,
    ...(logFilePrefix && { prefix: logFilePrefix }),
    startedAt,
    ...(command && { command }),
    plannedEpochs: epochs,
    pue,
    domains: gauge.domains,
    devices: devicesOf(gauge.domains),
    location: { name, foundBy, detail, ...(zone && { zone }), ...(country && { country }) },
    host: hostInfo({ root: rootFolder(meter?.root), gpus: gpuFacts(gauge.domains) }),
  })
  return {
    files: [record.path],
    warnings: record.warnings,
    row: (ms, joules) => record.row(ms, joules),
    begin(epoch, phase, ms, totalJoules) {
      record.mark({ at: 'begin', epoch, ms, totalJoules, ...(phase !== undefined && { phase }) })
    },
    phase: (phase, ms, totalJoules) => record.mark({ at: 'phase', phase, ms, totalJoules }),
    end({ energy, grams: _, ...epoch }, ms, totalJoules) {
      const { joules, uncertaintyJoules, coverage } = energy
      // Nothing was read: that is not zero.
      const known = coverage > 0 ? joules : null
      record.mark({ at: 'end', ...epoch, ms, totalJoules, joules: known, uncertaintyJoules })
    },
    predicted: (prediction) => record.prediction(totalsOf(prediction, pue)),
    finish({ status, actual, carbon, warnings, epochs, realised }, intensities) {
      for (const point of intensities) record.intensity(point)
      for (const warning of warnings) record.warning(warning)
      const quality = epochs.at(-1)?.energy.quality
      record.summary({
        status,
        actual: { ...actual, grams: carbon?.grams ?? null },
        ...(quality && { quality }),
        ...(realised.whole.intervals > 0 && { realised: realised.whole }),
      })
      record.close()
    },
  }
}

/** Component to the names of its devices, one for each domain that is added. */
function devicesOf(domains: readonly Domain[]): Record<string, string[]> {
  const devices: Record<string, string[]> = {}
  for (const { additive, kind, id, device } of domains) {
    if (!additive) continue
    const component = /^gpu(-|$)/.test(kind) ? 'gpu' : 'cpu'
    devices[component] = [...(devices[component] ?? []), device?.name ?? id]
  }
  return devices
}

type Limits = { low?: number; high?: number }

function totalsOf(
  { seen, confidence, epochs, assumption, ...prediction }: Prediction,
  pue: number,
) {
  const { joules, seconds, grams } = prediction
  const limits = (end: keyof Limits): Partial<Record<keyof Limits, Omit<RunTotals, 'kWh'>>> => {
    const one = (estimate?: Estimate) => known(estimate?.[end])
    if (joules[end] === undefined) return {}
    return { [end]: { joules: one(joules), seconds: one(seconds), grams: one(grams) } }
  }
  return {
    ...{ seen, confidence, epochs, assumption },
    seconds: known(seconds.value),
    joules: known(joules.value),
    kWh: known(toKWh(joules.value) * pue),
    grams: known(grams?.value),
    ...limits('low'),
    ...limits('high'),
  }
}

/** A number, or null where there is none. */
const known = (value: number | undefined) =>
  value !== undefined && Number.isFinite(value) ? value : null
