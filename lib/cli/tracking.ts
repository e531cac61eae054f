/** The options of `run` for epochs, and the tracker that follows those of the command. */
import type { ChildProcess } from 'node:child_process'
import { Option } from 'commander'
import type { MeterOptions } from '../energy'
import { badOption, JouletapError } from '../errors'
import type { RunTracking } from '../record'
import {
  epochScanner,
  type Inlet,
  openInlet,
  type Pattern,
  type PresetName,
  presets,
  type TrackerOptions,
  trackingOf,
  trackMarks,
} from '../tracker'
import { askStanding } from './ask-standing'
import type { ChildEnd, Onlookers } from './child'
import type { LiveOptions } from './live'
import { numberFrom } from './options'
import { remark } from './output'

/** Parsed values of the options. */
export interface TrackingFlags {
  epochs?: number
  epochPattern?: string
  epochAt?: 'begin' | 'end'
  marks?: 'descriptor' | 'socket'
  epochsBeforePrediction?: number
  monitorEpochs?: number
  stopAndConfirm?: true
  components?: string
  interpretable: boolean
  logDir?: string
  logPrefix?: string
  logFormat?: TrackerOptions['logFormat']
  decimals?: number
  verbose?: number
  method?: TrackerOptions['method']
  confidence?: number
  simCpu?: string
  simCpuTdp?: number
  simCpuUtil?: number
  simGpu?: string
  simGpuWatts?: number
  simGpuUtil?: number
}

const MOST = 1e9

export function trackingFlags(): Option[] {
  const names = Object.keys(presets()).join(', ')
  const number = (option: string, what: string, least: number, most: number) =>
    new Option(`${option} <n>`, what).argParser(numberFrom(option, least, most))
  const flags = [
    number('--epochs', 'epochs of the command: predict what all of them will use', 1, MOST),
    new Option(
      '--epoch-pattern <pattern>',
      `how its output shows an epoch: ${names}, or a regular expression for a line`,
    ),
    new Option('--epoch-at <moment>', 'when it prints a line that the expression matches')
      .choices(['begin', 'end'])
      .default('end'),
    new Option(
      '--marks <way>',
      'how it may send marks: JOULETAP_MARKS names a descriptor, or a socket',
    )
      .choices(['descriptor', 'socket'])
      .default('descriptor'),
    number(
      '--epochs-before-prediction',
      'predict after so many; 0: never, -1: all (default: 3)',
      -1,
      MOST,
    ),
    number('--monitor-epochs', 'follow so many epochs; -1: all (default: -1)', -1, MOST),
    new Option('--stop-and-confirm', 'ask after the prediction whether the command shall go on'),
    new Option('--components <list>', 'of epochs: all, cpu, gpu, or cpu,gpu (default: all)'),
    new Option('--no-interpretable', 'do not tell grams of epochs as kilometres by car as well'),
    new Option('--log-dir <folder>', 'write a record of the run there'),
    new Option('--log-prefix <text>', 'what the names of its files begin with'),
    new Option(
      '--log-format <format>',
      'write a record, the logs of carbontracker, or both',
    ).choices(['jouletap', 'carbontracker', 'both']),
    number('--decimals', "decimals in carbontracker's logs (default: 12)", 0, 16),
    number(
      '--verbose',
      '0: tell nothing of epochs, 1: predictions, 2: each epoch, 3: more (default: 1)',
      0,
      3,
    ),
    new Option(
      '--method <name>',
      'predict by interval, or by mean as carbontracker does (default: interval)',
    ).choices(['interval', 'mean']),
    number('--confidence', 'how often predicted intervals shall hold (default: 0.9)', 0.5, 0.99),
    new Option('--sim-cpu <name>', 'take a made processor of --sim-cpu-tdp watts for epochs'),
    number('--sim-cpu-tdp', 'its watts', 0, 1e6),
    number('--sim-cpu-util', 'its load, 0 to 1 (default: 0.5)', 0, 1),
    new Option('--sim-gpu <name>', 'take a made GPU of --sim-gpu-watts for epochs'),
    number('--sim-gpu-watts', 'its watts', 0, 1e6),
    number('--sim-gpu-util', 'its load, 0 to 1 (default: 0.5)', 0, 1),
  ]
  return flags.map((flag) => flag.helpGroup('Epochs and records:'))
}

export interface Tracking {
  onlookers: Onlookers
  end(end: ChildEnd): Promise<RunTracking>
}

/** What the tracker measures, by the other options of `run`. */
export interface Measured {
  command: readonly string[]
  quiet: boolean
  pue: number
  live: LiveOptions
  meter: MeterOptions
}

/**
 * The tracker, where an option asks for one: without `--epochs` the whole command is one epoch.
 * @throws {JouletapError} BAD_OPTION, as `CarbonTracker` does.
 */
export async function openTracking(
  flags: TrackingFlags,
  measured: Measured,
): Promise<Tracking | undefined> {
  const { epochs, epochPattern, epochAt = 'end', marks: via = 'descriptor' } = flags
  for (const [needed, what, options] of NEEDS) {
    if (flags[needed] !== undefined) continue
    for (const [name, option] of options) {
      if (flags[name] === undefined) continue
      throw new JouletapError('BAD_OPTION', `${option} needs ${what}.`)
    }
  }
  if (ASKING.every((name) => flags[name] === undefined)) return undefined
  const pattern = epochPattern === undefined ? undefined : patternOf(epochPattern, epochAt, epochs)
  let child: ChildProcess | undefined
  const options = {
    ...optionsOf(flags, measured),
    ...(flags.stopAndConfirm && { stopAndConfirm: () => !child || askStanding(child) }),
  }
  // Its warnings stand in the summary of the run.
  const tracker = trackMarks(options, false)
  let inlet: Inlet | undefined
  if (epochs !== undefined) {
    inlet = await openInlet({
      via,
      mark: tracker.mark,
      remark: (sentence) => remark(`jouletap: ${sentence}\n`),
    })
  }
  return {
    onlookers: {
      ...(pattern && { watch: scan(pattern, tracker.mark) }),
      ...(inlet && { marks: inlet }),
      started(one) {
        child = one
        tracker.begin()
        if (epochs === undefined) tracker.mark({ kind: 'begin' })
      },
    },
    async end({ exitCode }) {
      await inlet?.end()
      const report = await tracker.end(exitCode === 0)
      if (child?.pid !== undefined && report.epochs.length === 0) report.warnings.push(NONE_SEEN)
      return trackingOf(report)
    },
  }
}

const NONE_SEEN =
  'No epoch was seen: the command has sent no marks, and no line of its output matched --epoch-pattern.'

/** Of devices that are only made up. */
const MADE = ['simCpu', 'simCpuTdp', 'simCpuUtil', 'simGpu', 'simGpuWatts', 'simGpuUtil'] as const

/** Any of these asks for a tracker. */
const ASKING = ['epochs', 'components', 'logDir', ...MADE] as const

/** Options that say nothing without another. */
const NEEDS = [
  [
    'epochs',
    '--epochs, the number of epochs',
    [
      ['epochPattern', '--epoch-pattern'],
      ['epochsBeforePrediction', '--epochs-before-prediction'],
      ['monitorEpochs', '--monitor-epochs'],
      ['stopAndConfirm', '--stop-and-confirm'],
      ['method', '--method'],
      ['confidence', '--confidence'],
    ],
  ],
  [
    'logDir',
    '--log-dir, the folder that is written to',
    [
      ['logPrefix', '--log-prefix'],
      ['logFormat', '--log-format'],
      ['decimals', '--decimals'],
    ],
  ],
] as const

/** Between rows of a record, which a timer takes. */
const LEAST_INTERVAL_MS = 10

/** Epochs after which the first interval can be told. */
const USUAL_BEFORE_PREDICTION = 3

function optionsOf(flags: TrackingFlags, measured: Measured): TrackerOptions {
  const { epochs = 1, logPrefix, decimals, verbose = 1 } = flags
  const { command, quiet, pue, live, meter } = measured
  const { place, ...carbon } = live
  const { byPid, intervalMs = 1000, ...source } = meter
  const before = Math.min(USUAL_BEFORE_PREDICTION, epochs - 1)
  const same = [
    'monitorEpochs',
    'components',
    'interpretable',
    'logDir',
    'logFormat',
    'method',
    'confidence',
    ...MADE,
  ] as const
  const given = same.filter((name) => flags[name] !== undefined)
  return {
    epochs,
    epochsBeforePrediction: flags.epochsBeforePrediction ?? before,
    ...Object.fromEntries(given.map((name) => [name, flags[name]])),
    ...(logPrefix !== undefined && { logFilePrefix: logPrefix }),
    ...(decimals !== undefined && { decimalPrecision: decimals }),
    ...(place !== undefined && { place }),
    carbon,
    pue,
    command,
    meter: source,
    interval: Math.max(LEAST_INTERVAL_MS, intervalMs) / 1000,
    devicesByPid: byPid === true,
    verbose: quiet ? 0 : verbose,
    print: remark,
  }
}

function patternOf(text: string, at: 'begin' | 'end', epochs: number | undefined): Pattern {
  if (Object.hasOwn(presets(), text)) {
    return { preset: text as PresetName, ...(epochs !== undefined && { epochs }) }
  }
  try {
    return { regex: new RegExp(text, 'u'), at }
  } catch (error) {
    const why = (error as Error).message.replace(/^.*: /, '')
    const allowed = `one of ${Object.keys(presets()).join(', ')}, or a regular expression (${why})`
    throw badOption('--epoch-pattern', text, allowed)
  }
}

/** Each stream has lines of its own. */
function scan(pattern: Pattern, mark: Parameters<typeof openInlet>[0]['mark']) {
  const scanners = { stdout: epochScanner(pattern), stderr: epochScanner(pattern) }
  return (chunk: Uint8Array, stream: 'stdout' | 'stderr') => {
    for (const one of scanners[stream](chunk)) mark(one)
  }
}
