/** What the bench may be told, and how often it does what. */
import { SOURCE_NAMES } from '../energy'
import { badOption } from '../errors'

/** Options of `bench`; every one may be left out. */
export interface BenchOptions {
  /**
   * Reads counters of a simulated host instead of this machine's: their truth is known, so that
   * precision can be told too. Needs a checkout of the repository. Default false.
   */
  simulate?: boolean
  /** The folder that stands for `/`. Default `JOULETAP_ROOT`, else `/`. Not with `simulate`. */
  root?: string
  /** Names of the sources whose rows are taken. Default: every one that is usable. */
  sources?: 'auto' | readonly string[]
  /** Takes minutes instead of less than one: more turns, more windows, a soak of a minute. Default false. */
  full?: boolean
  /** What the windows of `precision` are drawn with; the same gives the same. Default 1. */
  seed?: number
  /** Told now and then, in a few words, what is being done. */
  onProgress?: (text: string) => void
  /** Ends the bench early, with its reason as the error. */
  signal?: AbortSignal
  /** Other counts than the usual ones, part by part; a test's, for figures from few are worth little. */
  counts?: Partial<Counts>
}

/** How often each part does what it does; a part of which there is to be nothing is left out. */
export interface Counts {
  rows: { turns: number; rowsPerTurn: number; instructionTurns: number }
  timers: { seconds: number }
  drain: { warmUps: number; rounds: number; meterRounds: number; roundMs: number }
  slowdown: { pairs: number; floorPairs: number; sliceMs: number; floorSlices: number }
  startup: { runs: number }
  /**
   * Windows by their length in milliseconds: at constant power for each alignment; aligned under each
   * kind of moving load, and blind a tenth of that.
   */
  precision: {
    windows: Readonly<Record<number, number>>
    moving: Readonly<Record<number, number>>
  }
  soak: { seconds: number; floorSeconds: number }
}

/** Together some 55 s on a machine that has nothing else to do. */
export const USUAL: Counts = {
  rows: { turns: 20, rowsPerTurn: 25, instructionTurns: 3 },
  timers: { seconds: 0.7 },
  drain: { warmUps: 100, rounds: 8, meterRounds: 5, roundMs: 200 },
  slowdown: { pairs: 40, floorPairs: 20, sliceMs: 50, floorSlices: 10 },
  startup: { runs: 5 },
  precision: { windows: { 2: 100, 5: 50, 10: 40, 50: 6, 100: 3 }, moving: { 5: 670 } },
  soak: { seconds: 3.5, floorSeconds: 1 },
}

export const FULL: Counts = {
  rows: { turns: 60, rowsPerTurn: 200, instructionTurns: 10 },
  timers: { seconds: 8 },
  drain: { warmUps: 200, rounds: 60, meterRounds: 30, roundMs: 200 },
  slowdown: { pairs: 200, floorPairs: 100, sliceMs: 100, floorSlices: 50 },
  startup: { runs: 21 },
  precision: {
    windows: { 2: 2000, 5: 1000, 10: 1000, 50: 200, 100: 100 },
    moving: { 2: 1000, 5: 700, 10: 700 },
  },
  soak: { seconds: 60, floorSeconds: 20 },
}

/** Options with every default filled in. */
export interface Settings {
  simulate: boolean
  root: string | undefined
  sources: 'auto' | readonly string[]
  seed: number
  counts: Partial<Counts>
  progress: (text: string) => void
  signal: AbortSignal
}

const NAMES: readonly (keyof BenchOptions)[] = [
  'simulate',
  'root',
  'sources',
  'full',
  'seed',
  'onProgress',
  'signal',
  'counts',
]

/** @throws {JouletapError} BAD_OPTION, naming the field, the value and what is allowed. */
export function checkOptions(options: BenchOptions): Settings {
  if (typeof options !== 'object' || options === null) {
    throw badOption('options', options, 'an object')
  }
  for (const name of Object.keys(options)) {
    if (!NAMES.includes(name as keyof BenchOptions)) {
      throw badOption('an option', name, `one of ${NAMES.join(', ')}`)
    }
  }
  const { simulate = false, root, sources = 'auto', full = false, seed = 1 } = options
  const { onProgress = () => {}, signal = new AbortController().signal, counts } = options
  for (const [name, value] of Object.entries({ simulate, full })) {
    if (typeof value !== 'boolean') throw badOption(name, value, 'true or false')
  }
  if (simulate && root !== undefined) {
    throw badOption('root', root, 'left out together with simulate, which makes roots of its own')
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw badOption('seed', seed, 'a whole number from 0 to 4294967295')
  }
  if (typeof onProgress !== 'function') throw badOption('onProgress', onProgress, 'a function')
  if (!(signal instanceof AbortSignal)) throw badOption('signal', signal, 'an AbortSignal')
  return {
    simulate,
    root,
    sources: checkSources(sources),
    seed,
    counts: counts ?? (full ? FULL : USUAL),
    progress: onProgress,
    signal,
  }
}

function checkSources(sources: unknown): 'auto' | readonly string[] {
  if (sources === 'auto') return sources
  const allowed = `'auto' or a list of ${SOURCE_NAMES.join(', ')}`
  if (!Array.isArray(sources) || sources.length === 0) throw badOption('sources', sources, allowed)
  for (const name of sources) {
    if (!(SOURCE_NAMES as readonly unknown[]).includes(name)) {
      throw badOption('sources', name, allowed)
    }
  }
  return sources
}
