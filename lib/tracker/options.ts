/** Checks the options of a tracker, field by field. */
import { providerFor, resolveLocation } from '../carbon'
import { badOption } from '../errors'
import type { GridOptions } from './grid'
import type { TrackerOptions } from './types'

/** Options with every default filled in. */
export interface Settings extends TrackerOptions {
  epochsBeforePrediction: number
  /** −1 is filled in. */
  monitorEpochs: number
  interval: number
  verbose: number
  pue: number
  confidence: number
  method: 'interval' | 'mean'
  wanted: { cpu: boolean; gpu: boolean }
  simulated: Simulated[]
  grid: GridOptions
}

/** A device that is not there: a name and a constant power. */
export interface Simulated {
  component: 'cpu' | 'gpu'
  name: string
  watts: number
}

const NUMBERS: Readonly<
  Partial<Record<keyof TrackerOptions, readonly [least: number, most: number, whole?: 'whole']>>
> = {
  epochs: [1, 1e9, 'whole'],
  epochsBeforePrediction: [-1, 1e9, 'whole'],
  monitorEpochs: [-1, 1e9, 'whole'],
  interval: [0.01, 3600],
  verbose: [0, 3, 'whole'],
  decimalPrecision: [0, 16, 'whole'],
  pue: [1, 10],
  confidence: [0.5, 0.99],
  simCpuTdp: [0, 1e6],
  simCpuUtil: [0, 1],
  simGpuWatts: [0, 1e6],
  simGpuUtil: [0, 1],
}

const BOOLEANS: readonly (keyof TrackerOptions)[] = [
  'interpretable',
  'ignoreErrors',
  'devicesByPid',
]
const TEXTS: readonly (keyof TrackerOptions)[] = ['logFilePrefix', 'simCpu', 'simGpu']
const FUNCTIONS: readonly (keyof TrackerOptions)[] = ['onPrediction', 'onEpoch', 'print']
const OBJECTS: readonly (keyof TrackerOptions)[] = ['apiKeys', 'carbon', 'meter', 'signal']
const CHOICES: Readonly<Partial<Record<keyof TrackerOptions, readonly string[]>>> = {
  method: ['interval', 'mean'],
  logFormat: ['jouletap', 'carbontracker', 'both'],
}
const OTHERS: readonly (keyof TrackerOptions)[] = [
  'stopAndConfirm',
  'command',
  'components',
  'logDir',
  'place',
]
const NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  ...BOOLEANS,
  ...TEXTS,
  ...FUNCTIONS,
  ...OBJECTS,
  ...Object.keys(CHOICES),
  ...OTHERS,
]

/** carbontracker's names of services, and ours. */
const SERVICES = {
  electricitymaps: 'electricity-maps',
  carbonintensitygb: 'neso',
  energidataservice: 'energi-data-service',
} as const

/**
 * Fills in the defaults.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed.
 */
export function checkOptions(options: TrackerOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object with epochs')
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name)) throw badOption('an option', name, `one of ${NAMES.join(', ')}`)
  }
  if (options.epochs === undefined) throw badOption('epochs', undefined, 'a whole number from 1')
  checkTypes(options)
  const { epochs, epochsBeforePrediction = 1, monitorEpochs = -1 } = options
  if (monitorEpochs === 0) throw badOption('monitorEpochs', 0, '−1 for all, or 1 and more')
  if (monitorEpochs > epochs) {
    throw badOption('monitorEpochs', monitorEpochs, `no more than epochs, which is ${epochs}`)
  }
  const monitored = monitorEpochs === -1 ? epochs : monitorEpochs
  if (epochsBeforePrediction > monitored) {
    const most = `no more than the epochs that are measured, which are ${monitored}`
    throw badOption('epochsBeforePrediction', epochsBeforePrediction, most)
  }
  return {
    ...options,
    epochsBeforePrediction: epochsBeforePrediction === -1 ? monitored : epochsBeforePrediction,
    monitorEpochs: monitored,
    interval: options.interval ?? 1,
    verbose: options.verbose ?? 1,
    pue: options.pue ?? 1,
    confidence: options.confidence ?? 0.9,
    method: options.method ?? 'interval',
    wanted: checkComponents(options.components ?? 'all'),
    simulated: checkSimulated(options),
    grid: gridOf(options),
  }
}

function checkTypes(options: TrackerOptions): void {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const field = name as keyof TrackerOptions
    const range = NUMBERS[field]
    if (range) {
      const [least, most, whole] = range
      const isNumber = typeof value === 'number' && value >= least && value <= most
      if (!isNumber || (whole && !Number.isInteger(value))) {
        throw badOption(name, value, `a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
      }
    }
    const allowed = CHOICES[field]
    if (allowed && !allowed.includes(value as string)) {
      throw badOption(name, value, `one of ${allowed.join(', ')}`)
    }
    const type = BOOLEANS.includes(field)
      ? 'boolean'
      : TEXTS.includes(field)
        ? 'string'
        : FUNCTIONS.includes(field)
          ? 'function'
          : OBJECTS.includes(field)
            ? 'object'
            : undefined
    if (type && (typeof value !== type || value === null)) throw badOption(name, value, KINDS[type])
  }
  const { stopAndConfirm = false, logDir = null } = options
  if (typeof stopAndConfirm !== 'boolean' && typeof stopAndConfirm !== 'function') {
    throw badOption('stopAndConfirm', stopAndConfirm, 'true, false or a function')
  }
  if (logDir !== null && (typeof logDir !== 'string' || logDir === '')) {
    throw badOption('logDir', logDir, 'the path of a folder, or null')
  }
}

const KINDS = {
  boolean: 'true or false',
  string: 'a text',
  function: 'a function',
  object: 'an object',
} as const

function checkComponents(components: unknown): Settings['wanted'] {
  const names = String(components).toLowerCase().replace(/\s/g, '').split(',')
  if (typeof components !== 'string' || names.some((name) => !/^(all|cpu|gpu)$/.test(name))) {
    throw badOption('components', components, 'all, cpu, gpu, or cpu,gpu')
  }
  const all = names.includes('all')
  return { cpu: all || names.includes('cpu'), gpu: all || names.includes('gpu') }
}

function checkSimulated(options: TrackerOptions): Simulated[] {
  const made: Simulated[] = []
  for (const [component, name, watts, share, field] of [
    ['cpu', options.simCpu, options.simCpuTdp, options.simCpuUtil, 'simCpuTdp'],
    ['gpu', options.simGpu, options.simGpuWatts, options.simGpuUtil, 'simGpuWatts'],
  ] as const) {
    const of = component === 'cpu' ? 'simCpu' : 'simGpu'
    if (name === undefined) {
      if (watts === undefined && share === undefined) continue
      throw badOption(of, undefined, `the name of the device that ${field} is of`)
    }
    if (name === '') throw badOption(of, name, 'the name of a device')
    if (watts === undefined) throw badOption(field, undefined, `the watts of ${of}`)
    made.push({ component, name, watts: watts * (share ?? 0.5) })
  }
  return made
}

/**
 * A key for a service makes it be asked, unless another is named.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed.
 */
export function gridOf({
  place,
  carbon = {},
  apiKeys = {},
}: Pick<TrackerOptions, 'place' | 'carbon' | 'apiKeys'>): GridOptions {
  const keyed = Object.entries(apiKeys).map(([name, key]) => serviceOf(name, key))
  const [first] = keyed
  const grid = { place, live: first?.live ?? (false as const), ...first?.settings, ...carbon }
  // What is wrong with it is said before anything runs.
  if (grid.live) providerFor(place, grid)
  else resolveLocation(place, carbon)
  return grid
}

/** By a name of carbontracker's or of ours, and its key. */
function serviceOf(name: string, key: unknown) {
  const allowed = Object.keys(SERVICES).join(', ')
  const id = name.toLowerCase() as keyof typeof SERVICES
  if (!Object.hasOwn(SERVICES, id)) {
    throw badOption('a name in apiKeys', name, `one of ${allowed}`)
  }
  if (typeof key !== 'string') throw badOption(`apiKeys.${name}`, typeof key, 'a text')
  const settings = id === 'electricitymaps' ? { electricityMapsKey: key } : {}
  return { live: SERVICES[id], settings }
}
