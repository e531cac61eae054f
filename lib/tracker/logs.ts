/** The files that a tracker writes: a record, carbontracker's logs, both or none. */
import { resolveLocation } from '../carbon'
import { type Domain, rootFolder } from '../energy'
import { gpuFacts, hostInfo, openRecord } from '../record'
import type { Gauge } from './gauge'
import type { RunLog } from './log'
import type { Settings } from './options'
import { epochOf, predictionOf } from './tracking'

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
    end: (epoch, ms, totalJoules) => record.mark({ at: 'end', ...epochOf(epoch), ms, totalJoules }),
    predicted: (prediction) => record.prediction(predictionOf(prediction, pue)),
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
