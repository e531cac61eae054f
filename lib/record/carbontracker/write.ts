/** Writes the log files of carbontracker 2.4, so that what reads those can read our runs. */
import { appendFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { badOption } from '../../errors'
import { makeFolder } from '../name'
import { version } from '../version'
import { pythonFixed, pythonFloat } from './python'
import { blockText, epochLines, type LoggedTotals, oneLine } from './text'

export interface CarbontrackerLogOptions {
  /** Made where it is missing. */
  folder: string
  /** What the names of the files begin with, followed by `_`. Default: nothing. */
  prefix?: string
  /** 1 … 10, as it is in the energy of the blocks. Default 1.58, carbontracker's. */
  pue?: number
  /** Where it comes from, in words. */
  pueSource?: string
  /** Of energy, grams and equivalents: 0 … 100. Default 12. */
  decimals?: number
  /** Whether the blocks tell equivalents. Default true. */
  interpretable?: boolean
  /** How often the intensity is asked for, in seconds. Default 900. */
  refreshSeconds?: number
  /** Whether times are UTC, and not local as carbontracker has them. Default false. */
  utc?: boolean
  /** Is told, once, that nothing can be written any more. */
  onWarning?: (warning: string) => void
  /** The clock. */
  now?: () => Date
}

/** The three files of a run; what cannot be written is lost, and never throws. */
export interface CarbontrackerLogs {
  readonly standard: string
  readonly output: string
  readonly err: string
  /** Component, such as `gpu`, to the names of its devices. */
  components(devices: Readonly<Record<string, readonly string[]>>): void
  /** One that is used from now on; `isLive`: a service tells it now, it is no annual average. */
  intensity(told: { gramsPerKWh: number; place?: string; isLive?: boolean }): void
  /** `watts`: of each component the sum of its devices; null: not known. */
  epoch(epoch: {
    epoch: number
    seconds: number
    watts: Readonly<Record<string, number | null>>
  }): void
  predicted(totals: LoggedTotals): void
  /** Before all so many epochs, by the program; or `user`, by who was asked after the prediction. */
  stopped(epochs: number | 'user'): void
  actual(totals: LoggedTotals): void
  /** `text` may have several lines. */
  warning(level: 'INFO' | 'WARNING' | 'CRITICAL', text: string): void
  end(): void
}

/** Whose dialect it is: their readers look for it. */
const THEIR_VERSION = '2.4.3'
const THEIR_PUE = 1.58
const THEIR_SOURCE = 'Daniel Bizo, 2023, Uptime Institute Global Data Center Survey'

/**
 * Begins the logs of a run: `[<prefix>_]<pid>.<number>_<time>Z_carbontracker.log`, `…_output.log` and
 * `…_err.log`. Their readers take power × duration for the energy of a component, so a power is the sum of
 * the component's devices here, where carbontracker itself writes their mean; the err log says so.
 * @throws {JouletapError} BAD_OPTION.
 */
export function openCarbontrackerLogs(options: CarbontrackerLogOptions): CarbontrackerLogs {
  const { folder, prefix, pue, pueSource, decimals, interpretable, refreshSeconds, utc, ...rest } =
    checkOptions(options)
  const { onWarning = () => {}, now = () => new Date() } = rest
  const stampOf = (time: Date) => stampIn(time, utc)
  const begun = stampOf(now())
  const random = Math.floor(Math.random() * 999_999) + 1
  const name = `${prefix && `${prefix}_`}${process.pid}.${random}_${begun.replace(' ', 'T').replaceAll(/:/g, '')}Z`
  const [standard, output, err] = ['', '_output', '_err'].map((kind) =>
    join(folder, `${name}_carbontracker${kind}.log`),
  ) as [string, string, string]
  const intensities: number[] = []
  let place = 'Unknown'
  let isBroken = false

  function append(path: string, text: string): void {
    if (isBroken) return
    try {
      appendFileSync(path, text)
    } catch (error) {
      fail(error)
    }
  }

  function fail(error: unknown): void {
    isBroken = true
    const why = (error as Error).message
    onWarning(`The logs in ${folder} could not be written, and end here: ${why}.`)
  }

  const log = (text: string) => append(standard, `${stampOf(now())} - ${text}\n`)
  const print = (text: string) => append(output, `${stampOf(now())} - CarbonTracker: ${text}\n`)
  const remark = (level: string, text: string) => {
    const time = now()
    const fraction = String(time.getMilliseconds()).padStart(3, '0')
    append(err, `${stampOf(time)},${fraction} - MainThread - ${level} - ${text}\n`)
  }
  const block = (kind: 'Predicted' | 'Actual', totals: LoggedTotals) =>
    print(blockText(kind, totals, decimals, interpretable))

  try {
    makeFolder(resolve(folder))
  } catch (error) {
    fail(error)
  }
  log(`carbontracker version ${THEIR_VERSION}`)
  log(
    'Only predicted and actual consumptions are multiplied by a PUE coefficient of ' +
      `${pythonFloat(pue)} (${oneLine(pueSource)}).`,
  )
  // Theirs is there from the start too.
  append(output, '')
  remark('INFO', `Written by jouletap ${version()}: powers are sums over devices.`)

  return {
    standard,
    output,
    err,
    components(devices) {
      const all = Object.entries(devices).map(
        ([component, names]) =>
          `${component.toUpperCase()} with device(s) ${names.map(oneLine).join(', ')}.`,
      )
      const text = `The following components were found: ${all.join(' ')}`
      log(text)
      print(text)
      log('Monitoring thread started.')
    },
    intensity({ gramsPerKWh, place: where, isLive = false }) {
      intensities.push(gramsPerKWh)
      if (where !== undefined) place = oneLine(where)
      if (isLive) {
        log(`Carbon intensity fetched: ${pythonFixed(gramsPerKWh, 2)} gCO2/kWh at ${place}`)
      }
    },
    epoch(epoch) {
      for (const line of epochLines(epoch)) log(line)
    },
    predicted(totals) {
      block('Predicted', totals)
    },
    stopped(epochs) {
      if (epochs === 'user') log('Session ended by user.')
      else log(`Training was interrupted before all ${epochs} epochs were monitored.`)
    },
    actual(totals) {
      if (intensities.length > 0) {
        const list = intensities.map((value) => pythonFloat(Number(pythonFixed(value, 2))))
        const mean = intensities.reduce((a, b) => a + b, 0) / intensities.length
        const average = `Average carbon intensity during training was ${pythonFixed(mean, 2)} gCO2eq/kWh. `
        log(
          `Carbon intensities (gCO2eq/kWh) fetched every ${refreshSeconds} s at detected location: ` +
            `${place}: [${list.join(', ')}]`,
        )
        log(average)
        print(average)
      }
      block('Actual', totals)
    },
    warning: remark,
    end() {
      log('Monitoring thread ended.')
      print('Finished monitoring.')
    },
  }
}

function stampIn(time: Date, utc: boolean): string {
  const local = utc ? time : new Date(time.getTime() - time.getTimezoneOffset() * 60_000)
  return local.toISOString().slice(0, 19).replace('T', ' ')
}

function checkOptions(options: CarbontrackerLogOptions) {
  const { pue = THEIR_PUE, decimals = 12, refreshSeconds = 900, prefix = '' } = options
  const { folder, interpretable = true, utc = false, ...rest } = options
  if (typeof folder !== 'string' || folder === '' || folder.includes('\0')) {
    throw badOption('folder', folder, 'the path of a folder')
  }
  if (typeof prefix !== 'string' || /[/\\\0]/.test(prefix)) {
    throw badOption('prefix', prefix, 'what a name of a file may begin with')
  }
  if (!(typeof pue === 'number' && pue >= 1 && pue <= 10)) {
    throw badOption('pue', pue, 'a number from 1 to 10')
  }
  if (!(Number.isInteger(decimals) && decimals >= 0 && decimals <= 100)) {
    throw badOption('decimals', decimals, 'a whole number from 0 to 100')
  }
  if (!(typeof refreshSeconds === 'number' && refreshSeconds > 0)) {
    throw badOption('refreshSeconds', refreshSeconds, 'a number of seconds above 0')
  }
  const { pueSource = pue === THEIR_PUE ? THEIR_SOURCE : 'as it was set' } = options
  return { ...rest, folder, prefix, pue, pueSource, decimals, interpretable, refreshSeconds, utc }
}
