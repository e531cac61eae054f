/** The files that a tracker writes: a record, carbontracker's logs, both or none. */
import { equivalents, resolveLocation } from '../carbon'
import { type Domain, type Energy, isGpu, rootFolder } from '../energy'
import { JouletapError } from '../errors'
import { gpuFacts, hostInfo, openCarbontrackerLogs, openRecord } from '../record'
import { toKWh } from '../units'
import type { Gauge } from './gauge'
import type { RunLog } from './log'
import type { Settings } from './options'
import { usedBy } from './sums'
import { epochOf, predictionOf, totalsOf } from './tracking'

/**
 * Those of the options.
 * @throws {JouletapError} BAD_OPTION: the folder cannot be written.
 */
export function openLogs(settings: Settings, gauge: Gauge, startedAt: Date): RunLog[] {
  const { logDir, logFormat = 'jouletap' } = settings
  if (!logDir) return []
  // Where the second fails, the first holds no file open.
  return [
    ...(logFormat === 'jouletap' ? [] : [carbontrackerLog(logDir, settings, gauge)]),
    ...(logFormat === 'carbontracker' ? [] : [recordLog(logDir, settings, gauge, startedAt)]),
  ]
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
    finish(report, intensities) {
      const { status, actual, warnings, realised } = report
      for (const point of intensities) record.intensity(point)
      for (const warning of warnings) record.warning(warning)
      record.summary({
        status,
        actual: totalsOf(report),
        quality: actual.quality,
        ...(realised.whole.intervals > 0 && { realised: realised.whole }),
      })
      record.close()
    },
  }
}

/** The three logs of carbontracker, for tools that read them. */
function carbontrackerLog(folder: string, settings: Settings, { domains }: Gauge): RunLog {
  const { logFilePrefix, decimalPrecision, pue, interpretable = true, monitorEpochs } = settings
  const warnings: string[] = []
  const logs = openCarbontrackerLogs({
    folder,
    ...(logFilePrefix && { prefix: logFilePrefix }),
    ...(decimalPrecision !== undefined && { decimals: decimalPrecision }),
    pue,
    interpretable,
    onWarning: (sentence) => warnings.push(sentence),
  })
  const place = resolveLocation(settings.grid.place, settings.grid).name
  const totals = (joules: number, seconds: number, grams: number | undefined, epochs: number) => {
    const like = grams === undefined ? undefined : kilometresOf(grams)
    const kWh = toKWh(joules) * pue
    return { kWh, seconds, grams: grams ?? null, epochs, ...(like && { equivalents: like }) }
  }
  if (warnings.length > 0) throw new JouletapError('BAD_OPTION', `logDir: ${warnings[0]}`)
  logs.components(devicesOf(domains))
  return {
    files: [logs.standard, logs.output, logs.err],
    warnings,
    end({ epoch, seconds, energy, partial }) {
      // Theirs leave out what an epoch that was interrupted has used.
      if (!partial) logs.epoch({ epoch, seconds, watts: wattsOf(energy, seconds) })
    },
    predicted({ seen, epochs, joules, seconds, grams }) {
      if (seen !== settings.epochsBeforePrediction) return
      logs.predicted(totals(joules.value, seconds.value, grams?.value, epochs))
    },
    finish({ status, epochs, carbon, warnings: told }, intensities) {
      const whole = epochs.filter(({ partial }) => !partial)
      const sum = usedBy(whole)
      for (const { gramsPerKWh, status } of intensities) {
        logs.intensity({ gramsPerKWh, place, isLive: status !== 'annual-average' })
      }
      if (status === 'stopped') logs.stopped(monitorEpochs)
      const grams = whole.reduce((total, one) => total + (one.grams ?? Number.NaN), 0)
      logs.actual(totals(sum.joules, sum.seconds, carbon ? grams : undefined, whole.length))
      for (const warning of told) logs.warning('WARNING', warning)
      logs.end()
    },
  }
}

/** The power of each component, summed over its devices; null where nothing was read. */
function wattsOf({ domains, coverage }: Energy, seconds: number): Record<string, number | null> {
  const watts: Record<string, number | null> = {}
  for (const domain of domains) {
    if (!domain.additive) continue
    const component = componentOf(domain)
    const before = watts[component] ?? 0
    watts[component] = coverage > 0 && seconds > 0 ? before + domain.joules / seconds : null
  }
  return watts
}

function kilometresOf(grams: number): Record<string, number> | undefined {
  const car = equivalents(grams).findLast(({ id }) => id.startsWith('car_km'))
  return car && { 'km travelled by car': car.count }
}

/** Component to the names of its devices, one for each domain that is added. */
function devicesOf(domains: readonly Domain[]): Record<string, string[]> {
  const devices: Record<string, string[]> = {}
  for (const { additive, kind, id, device } of domains) {
    if (!additive) continue
    const component = componentOf({ kind })
    devices[component] = [...(devices[component] ?? []), device?.name ?? id]
  }
  return devices
}

const componentOf = (domain: Pick<Domain, 'kind'>) => (isGpu(domain) ? 'gpu' : 'cpu')
