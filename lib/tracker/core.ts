/** The life of a tracker: epochs begin and end, predictions follow, and at the end all is told. */
import type { Energy } from '../energy'
import { JouletapError } from '../errors'
import { type EpochUse, type Prediction, predict, realised } from '../predict'
import { toKWh } from '../units'
import { openGauge, type Stretch } from './gauge'
import { followGrid } from './grid'
import { openLogs } from './logs'
import { trackNothing } from './nothing'
import { checkOptions, gridOf, type Settings } from './options'
import { confirm } from './question'
import {
  betweenOf,
  doubtOf,
  type EpochSlice,
  fillGrams,
  type Look,
  pointsOf,
  slicesOf,
  trustOf,
  usedBy,
} from './sums'
import { epochText, predictionText, reportText } from './text'
import type { Epoch, EpochReport, TrackerOptions, TrackerReport } from './types'

/** Up to so many epochs each has a prediction; then only as far as they take no more of the time. */
const ALWAYS_PREDICTED = 20
const MOST_OF_THE_TIME = 0.01

const QUESTION = 'jouletap: shall the run go on?'
const UNANSWERED = 'Nobody answered whether the run shall go on, so it went on.'

const STANDS_IN =
  'The grams are by the annual mean of a table: no service has told of the hours to come yet.'

/** What `CarbonTracker` is made of; see there. */
export interface Core {
  /** `maybe`: it may turn out not to have been one, and be dropped. */
  epochStart(phase?: string, certainty?: 'maybe'): void
  /** `next` is called as soon as the next epoch may begin: not where the run ends. */
  epochEnd(next?: () => void): Promise<EpochReport | undefined>
  phase(name: string): void
  setApiKeys(apiKeys: Readonly<Record<string, string>>): void
  stop(): Promise<TrackerReport>
  /** Whether somebody has stopped it, so that a loop over epochs ends. */
  isStopped(): boolean
  isOpen(): boolean
  /** Whether somebody is being asked if the run shall go on. */
  isAsking(): boolean
  /** The open epoch, if there is one, was none: what it used lies between epochs. */
  drop(): void
  readonly epochs: number
}

/** An epoch that goes on. */
interface Open {
  epoch: number
  phase: string | undefined
  stretch: Stretch
  /** Milliseconds since the start. */
  ms: number
  startedAt: Date
  /** Joules since the start of the tracker, at its beginning. */
  totalJoules: number
  /** The logs know of it. */
  isLogged: boolean
  /** Looks in between, so that each joule meets the intensity of its time. */
  looks: Look[]
}

/**
 * Starts to track.
 * @param tellsWarnings whether it prints them at the end, or somebody else does
 * @throws {JouletapError} as `CarbonTracker` does.
 */
export function openTracker(options: TrackerOptions, tellsWarnings = true): Core {
  try {
    return track(checkOptions(options), tellsWarnings)
  } catch (error) {
    if (options?.ignoreErrors !== true) throw error
    const sentence = `Nothing is tracked: ${(error as Error).message}`
    if (options.verbose !== 0) print(options)(`jouletap: ${sentence}\n`)
    return trackNothing(options, sentence)
  }
}

const print = (options: TrackerOptions) =>
  options.print ?? ((text: string) => void process.stderr.write(text))

function track(settings: Settings, tellsWarnings: boolean): Core {
  const { epochs, monitorEpochs, epochsBeforePrediction, verbose, interpretable = true } = settings
  const gauge = openGauge(settings)
  const startedAt = new Date()
  const started = performance.now()
  const now = () => performance.now() - started
  let logs: ReturnType<typeof openLogs>
  try {
    logs = openLogs(settings, gauge, startedAt)
  } catch (error) {
    gauge.stop()
    throw error
  }
  const grid = followGrid(settings.grid, startedAt, look)
  grid.foresee()
  const ended: Epoch[] = []
  const slices: EpochSlice[] = []
  const predictions: Prediction[] = []
  const warnings = new Set<string>(gauge.notes.filter(() => verbose >= 3))
  let phase: string | undefined
  let open: Open | undefined
  let over: Promise<TrackerReport> | undefined
  let isStopped = false
  let isAsking = false
  /** Epochs whose grams are by the intensity as it is known. */
  let valued = 0
  let stoodIn = false
  /** Milliseconds since the start: until then there was enough of predicting. */
  let restsUntil = 0

  const rows =
    logs.length > 0
      ? setInterval(() => {
          const row = gauge.row()
          for (const log of logs) log.row?.(now(), row)
        }, 1000 * settings.interval).unref()
      : undefined
  const { signal } = settings
  const onAbort = () => void stop()
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) void stop()

  function look(): void {
    open?.looks.push({ time: new Date(), joules: open.stretch.joules() })
  }

  function say(level: number, text: string): void {
    if (verbose >= level && text) print(settings)(text)
  }

  function epochStart(named?: string, certainty?: 'maybe'): void {
    if (over) return
    if (open) {
      misused('epochStart', `epoch ${open.epoch} has not ended: call epochEnd() first`)
      return
    }
    const epoch = ended.length + 1
    phase = named ?? phase
    const ms = now()
    open = {
      epoch,
      phase,
      stretch: gauge.begin(),
      ms,
      startedAt: new Date(),
      totalJoules: logs.length > 0 ? gauge.total() : 0,
      isLogged: false,
      looks: [],
    }
    if (certainty !== 'maybe') logBeginning(open)
  }

  function logBeginning(one: Open): void {
    if (one.isLogged) return
    one.isLogged = true
    for (const log of logs) log.begin?.(one.epoch, one.phase, one.ms, one.totalJoules)
  }

  function close(opened: Open, partial: boolean): Epoch {
    const { epoch, phase, stretch, ms, startedAt, looks } = opened
    const energy = stretch.end()
    open = undefined
    logBeginning(opened)
    const { seconds } = energy
    const one: Epoch = {
      epoch,
      ...(phase !== undefined && { phase }),
      start: ms / 1000,
      seconds,
      energy,
      ...(partial && { partial }),
    }
    ended.push(one)
    const last = slices.at(-1)?.end ?? startedAt
    for (const slice of slicesOf(one, startedAt > last ? startedAt : last, looks))
      slices.push(slice)
    value()
    for (const log of logs) log.end(one, now(), gauge.total())
    say(2, epochText(one))
    return one
  }

  /** The intensity may come to be known later than the first epochs end. */
  function value(): void {
    const { gramsPerKWh: rate, standsIn = false } = grid.ahead(1)
    if (standsIn !== stoodIn) valued = 0
    stoodIn = standsIn
    for (; valued < ended.length; valued++) {
      const one = ended[valued]!
      if (one.energy.coverage > 0) one.grams = toKWh(one.energy.joules) * settings.pue * rate
    }
  }

  function isTimeToPredict(): boolean {
    const seen = ended.length
    if (epochsBeforePrediction === 0 || seen < epochsBeforePrediction) return false
    const must = seen <= ALWAYS_PREDICTED || seen === epochsBeforePrediction
    return must || seen === monitorEpochs || now() >= restsUntil
  }

  function foretell(): Prediction {
    const begun = now()
    const gramsSoFar = ended.reduce((total, { grams = 0 }) => total + grams, 0)
    const told = predict(ended.map(useOf), {
      epochs: Math.max(epochs, ended.length),
      method: settings.method,
      confidence: settings.confidence,
      pue: settings.pue,
      carbon: { gramsSoFar, ahead: grid.ahead },
    })
    const notes = [...told.notes, ...doubtOf(told, usedBy(ended)), ...(stoodIn ? [STANDS_IN] : [])]
    const prediction = { ...told, notes }
    restsUntil = now() + (now() - begun) / MOST_OF_THE_TIME
    predictions.push(prediction)
    for (const log of logs) log.predicted(prediction)
    return prediction
  }

  function epochEnd(next = () => {}): Promise<EpochReport | undefined> {
    if (over) return Promise.resolve(undefined)
    if (!open) {
      misused('epochEnd', 'no epoch is open: call epochStart() first')
      return Promise.resolve(undefined)
    }
    const one = close(open, false)
    const isFirst = ended.length === epochsBeforePrediction
    const asks = isFirst && ended.length < epochs ? settings.stopAndConfirm : false
    const isLast = ended.length === monitorEpochs
    if (!asks && !isLast) next()
    const prediction = isTimeToPredict() ? foretell() : undefined
    if (prediction && isFirst && ended.length < epochs)
      say(1, predictionText(prediction, interpretable))
    if (isLast && !asks) void finish('complete')
    const latest = predictions.at(-1)
    const report: EpochReport = { ...one, ...(latest && { prediction: latest }), proceed: true }
    const told = [
      call(() => settings.onEpoch?.(one)),
      prediction && call(() => settings.onPrediction?.(prediction)),
    ]
    const answered = asks ? ask(report, prediction!, next) : report
    return Promise.all([answered, ...told]).then(([answer]) => answer)
  }

  /** Calls a function of the user's: what it throws is theirs, unless they want to hear of no errors. */
  function call<T>(theirs: () => T | Promise<T>): T | Promise<T | undefined> | undefined {
    if (!settings.ignoreErrors) return theirs()
    try {
      const given = theirs()
      return given instanceof Promise ? given.catch(ignored) : given
    } catch (error) {
      return ignored(error)
    }
  }

  function ignored(error: unknown): undefined {
    const why = error instanceof Error ? error.message : String(error)
    warnings.add(`Ignored: ${why.replace(/\.$/, '')}.`)
  }

  function misused(method: string, why: string): void {
    const sentence = `${method}() cannot be called: ${why}.`
    if (!settings.ignoreErrors) throw new JouletapError('BAD_STATE', sentence)
    warnings.add(sentence)
  }

  async function ask(
    report: EpochReport,
    prediction: Prediction,
    next: () => void,
  ): Promise<EpochReport> {
    const { stopAndConfirm } = settings
    isAsking = true
    let asked: boolean | undefined
    try {
      asked =
        typeof stopAndConfirm === 'function'
          ? await call(() => stopAndConfirm(prediction))
          : await confirm(QUESTION, signal)
    } finally {
      isAsking = false
    }
    // It was stopped meanwhile, by a signal or by the program.
    if (over) return { ...report, proceed: !isStopped }
    if (asked === undefined) warnings.add(UNANSWERED)
    const proceed = asked ?? true
    if (!proceed) await finish('stopped')
    else if (ended.length === monitorEpochs) void finish('complete')
    else next()
    return { ...report, proceed }
  }

  function stop(): Promise<TrackerReport> {
    return finish(ended.length >= monitorEpochs && !open ? 'complete' : 'stopped')
  }

  function finish(status: TrackerReport['status']): Promise<TrackerReport> {
    if (over) return over
    isStopped = status === 'stopped'
    // The last epochs may have been too short for one each.
    const latest = predictions.at(-1)
    if (latest && latest.seen < ended.length) foretell()
    if (open) {
      const { epoch } = close(open, true)
      warnings.add(`Epoch ${epoch} was stopped before its end; what it used is counted.`)
    }
    clearInterval(rows)
    grid.close()
    signal?.removeEventListener('abort', onAbort)
    const row = gauge.row()
    for (const log of logs) log.row?.(now(), row)
    const total = gauge.stop()
    over = tell(status, total)
    // Whoever waits for it hears of what their `print` throws; it ends nobody's process.
    over.catch(() => {})
    return over
  }

  async function tell(status: TrackerReport['status'], total: Energy): Promise<TrackerReport> {
    const end = slices.at(-1)?.end ?? new Date()
    const told =
      slices.length > 0
        ? await grid.footprint(slices, end, settings.pue)
        : { carbon: null, warnings: [] }
    if (told.carbon) fillGrams(slices, told.carbon.parts)
    const actual = usedBy(ended)
    for (const { energy } of ended) for (const warning of energy.warnings) warnings.add(warning)
    for (const warning of told.warnings) warnings.add(warning)
    for (const log of logs) for (const warning of log.warnings) warnings.add(warning)
    const predicted = predictions.at(-1)
    const whole = ended.filter(({ partial }) => !partial).map(useOf)
    const report: TrackerReport = {
      status,
      plannedEpochs: epochs,
      epochs: ended,
      actual: {
        ...actual,
        epochs: ended.length,
        kWh: toKWh(actual.joules) * settings.pue,
        ...trustOf(ended, total),
      },
      between: betweenOf(total, actual),
      ...(predicted && { predicted }),
      predictions,
      realised: realised(predictions, whole),
      carbon: told.carbon,
      pue: settings.pue,
      files: logs.flatMap(({ files }) => [...files]),
      warnings: [...warnings],
    }
    const used = told.carbon ? pointsOf(told.carbon) : []
    for (const log of logs) log.finish(report, used)
    // What could not be written at the very end.
    for (const log of logs) for (const warning of log.warnings) warnings.add(warning)
    report.warnings = [...warnings]
    say(1, reportText(report, interpretable, tellsWarnings ? report.warnings : []))
    return report
  }

  return {
    epochs,
    epochStart,
    epochEnd,
    phase(name) {
      phase = name
      for (const log of logs) log.phase?.(name, now(), gauge.total())
    },
    setApiKeys(apiKeys) {
      if (!over) call(() => grid.use(gridOf({ ...settings, apiKeys })))
    },
    stop,
    isStopped: () => isStopped,
    isOpen: () => open !== undefined,
    isAsking: () => isAsking,
    drop() {
      open = undefined
    },
  }
}

/** Nothing was read: that is not zero. */
function useOf({ seconds, energy, phase }: Epoch): EpochUse {
  const joules = energy.coverage > 0 ? energy.joules : null
  return { seconds, joules, ...(phase !== undefined && { phase }) }
}
