/** Checks the options of a meter, field by field. */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { badOption } from '../errors'
import { type NativeGpus, type NativeHost, native } from '../native'
import type { MeasureOptions, MeterOptions, Repeat } from './types'

/** Options with every default filled in. */
export interface Settings
  extends Required<Pick<MeterOptions, 'sources' | 'intervalMs' | 'align' | 'estimate'>> {
  /** Share of one CPU's time; 0: no limit. */
  maxOverhead: number
  host: NativeHost
}

/** Milliseconds between rows that a meter takes. */
export const INTERVAL_MS = { least: 0.1, most: 3_600_000, usual: 100 }

/** Shares of one CPU's time that rows may be limited to. */
export const MAX_OVERHEAD = { least: 0.00001, most: 1 }

/** Every name that `sources` may hold, best first; a table of its own, for it must not need the addon. */
export const SOURCE_NAMES = [
  'rapl-perf',
  'rapl-powercap',
  'rapl-msr',
  'nvml',
  'hwmon',
  'rapl-perf-core',
  'powermetrics',
  'estimate',
] as const

const NAMES: readonly (keyof MeterOptions)[] = [
  'sources',
  'intervalMs',
  'maxOverhead',
  'align',
  'root',
  'gpus',
  'byPid',
  'shares',
  'nvml',
  'estimate',
]

/**
 * Fills in the defaults.
 * @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed.
 */
export function checkOptions(options: MeterOptions = {}): Settings {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object')
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name as keyof MeterOptions)) {
      throw badOption('an option', name, `one of ${NAMES.join(', ')}`)
    }
  }
  const { sources = 'auto', intervalMs = INTERVAL_MS.usual, estimate = true, maxOverhead } = options
  const { least, most } = INTERVAL_MS
  if (!isWithin(intervalMs, least, most)) {
    throw badOption('intervalMs', intervalMs, `a number of milliseconds from ${least} to ${most}`)
  }
  if (typeof estimate !== 'boolean') throw badOption('estimate', estimate, 'true or false')
  return {
    sources: checkSources(sources),
    intervalMs,
    maxOverhead: checkMaxOverhead(maxOverhead),
    align: checkAlign(options.align),
    host: hostOf(options),
    estimate,
  }
}

function checkMaxOverhead(share: number | undefined): number {
  if (share === undefined) return 0
  const { least, most } = MAX_OVERHEAD
  if (isWithin(share, least, most)) return share
  throw badOption('maxOverhead', share, `a share of one CPU's time from ${least} to ${most}`)
}

/**
 * Where a span begins and ends; `usual` where its options do not say.
 * @throws {JouletapError} BAD_OPTION.
 */
export function checkSpan(
  options: Pick<MeterOptions, 'align'>,
  usual: 'none' | 'edge',
): 'none' | 'edge' {
  if (typeof options !== 'object' || options === null) {
    throw badOption("a span's options", options, 'an object')
  }
  const unknown = Object.keys(options).find((name) => name !== 'align')
  if (unknown !== undefined) throw badOption('an option of a span', unknown, 'align')
  return checkAlign(options.align, usual)
}

function checkAlign(align: unknown, usual: 'none' | 'edge' = 'none'): 'none' | 'edge' {
  if (align === undefined) return usual
  if (align === 'none' || align === 'edge') return align
  throw badOption('align', align, "'none' or 'edge'")
}

/** What `repeat` may hold. */
const REPEAT = { seconds: { least: 0.1, most: 3600 }, calls: { least: 4 } }

/**
 * The options of a meter, which it checks itself, and what is asked of `measure` beside them.
 * @throws {JouletapError} BAD_OPTION.
 */
export function checkRepeat(options: MeasureOptions): MeterOptions & { repeat?: Repeat } {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object')
  }
  const { repeat = false, ...others } = options
  if (repeat === false) return others
  if (repeat === true) return { ...others, repeat: {} }
  const { seconds, calls } = REPEAT
  const isObject = typeof repeat === 'object' && repeat !== null && !Array.isArray(repeat)
  if (!isObject || Object.keys(repeat).some(isNoRepeat)) {
    throw badOption('repeat', repeat, 'true, false, { seconds } or { calls }')
  }
  if (repeat.seconds !== undefined && repeat.calls !== undefined) {
    throw badOption('repeat', repeat, '{ seconds } or { calls }, one of them')
  }
  if (repeat.seconds !== undefined && !isWithin(repeat.seconds, seconds.least, seconds.most)) {
    const allowed = `a number of seconds from ${seconds.least} to ${seconds.most}`
    throw badOption('repeat.seconds', repeat.seconds, allowed)
  }
  if (
    repeat.calls !== undefined &&
    !(Number.isSafeInteger(repeat.calls) && repeat.calls >= calls.least)
  ) {
    throw badOption('repeat.calls', repeat.calls, `a whole number from ${calls.least}`)
  }
  return { ...others, repeat }
}

function isNoRepeat(name: string): boolean {
  return !Object.hasOwn(REPEAT, name)
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

/**
 * The host that is read, by its options.
 * @throws {JouletapError} BAD_OPTION.
 */
export function hostOf(options: MeterOptions): NativeHost {
  const { root, nvml, gpus = 'visible', byPid = false, shares = false } = options
  if (typeof shares !== 'boolean') throw badOption('shares', shares, 'true or false')
  return {
    root: rootFolder(root),
    nvml: nvmlLibrary(nvml),
    gpus: checkGpus(gpus),
    pids: checkPids(byPid),
    shares,
  }
}

/** The largest number that Linux gives a process (PID_MAX_LIMIT). */
const LARGEST_PID = 2 ** 22

function checkPids(byPid: unknown): readonly number[] {
  if (byPid === false) return []
  if (byPid === true) return [process.pid]
  const allowed = `true, false or a list of process ids, 1 to ${LARGEST_PID}`
  if (!Array.isArray(byPid) || byPid.length === 0) throw badOption('byPid', byPid, allowed)
  for (const pid of byPid) {
    if (!Number.isInteger(pid) || pid < 1 || pid > LARGEST_PID) {
      throw badOption('byPid', pid, allowed)
    }
  }
  return [...new Set<number>(byPid)]
}

function checkGpus(gpus: unknown): NativeGpus {
  const allowed = "'visible', 'all', 'none' or a list of indices, UUIDs, MIG ids or PCI addresses"
  const environment = process.env
  if (gpus === 'visible' || gpus === 'all' || gpus === 'none') {
    return { kind: gpus, list: [], environment }
  }
  if (!Array.isArray(gpus)) throw badOption('gpus', gpus, allowed)
  for (const one of gpus) {
    const index = typeof one === 'number' && Number.isInteger(one) && one >= 0
    const id = typeof one === 'string' && one.trim() !== ''
    if (!index && !id) throw badOption('gpus', one, allowed)
  }
  return { kind: gpus.length > 0 ? 'list' : 'none', list: gpus.map(String), environment }
}

/** The option, else `JOULETAP_NVML` where that may be trusted, else nothing: the system's. */
function nvmlLibrary(option: unknown): string {
  if (option !== undefined) {
    // Without a folder the loader would look for it elsewhere.
    if (typeof option === 'string' && /^[^\0]+$/.test(option)) return resolve(option)
    throw badOption('nvml', option, 'the path of a library')
  }
  const value = process.env.JOULETAP_NVML ?? ''
  return value !== '' && isElevated() ? '' : value
}

function checkSources(sources: unknown): 'auto' | readonly string[] {
  if (sources === 'auto') return sources
  const allowed = `'auto' or a list of ${SOURCE_NAMES.join(', ')}`
  if (!Array.isArray(sources) || sources.length === 0) throw badOption('sources', sources, allowed)
  for (const name of sources) {
    if (!(SOURCE_NAMES as readonly unknown[]).includes(name))
      throw badOption('sources', name, allowed)
  }
  return sources
}

/**
 * The folder that stands for `/`: the option, else `JOULETAP_ROOT`, else `/`. The environment is
 * ignored where the program has more rights than its user.
 * @throws {JouletapError} BAD_OPTION if it is not a folder.
 */
export function rootFolder(option?: string): string {
  const [name, value] =
    option !== undefined ? ['root', option] : ['JOULETAP_ROOT', process.env.JOULETAP_ROOT || '/']
  if (typeof value !== 'string' || value === '' || !isFolder(value)) {
    throw badOption(name, value, 'a folder that exists')
  }
  const overridden = option === undefined && value !== '/'
  return overridden && isElevated() ? '/' : resolve(value)
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isElevated(): boolean {
  try {
    return native().elevated
  } catch {
    return false
  }
}
