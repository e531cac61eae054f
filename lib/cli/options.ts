/** The options that commands share, checked so that a message names what was typed. */
import { statSync } from 'node:fs'
import { Option } from 'commander'
import { INTERVAL_MS, SOURCE_NAMES } from '../energy'
import { badOption, JouletapError } from '../errors'

/** Parsed values of the options that open a meter. */
export interface SourceOptions {
  interval: number
  sources: 'auto' | string[]
  estimate: boolean
  root?: string
}

const NUMBER = /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

/** A parser for a number of an option, `low` and `high` included. */
export function numberFrom(option: string, low: number, high: number, what = 'a number') {
  return (text: string): number => {
    const value = NUMBER.test(text) ? Number(text) : Number.NaN
    if (value >= low && value <= high) return value
    throw badOption(option, text, `${what} from ${low} to ${high}`)
  }
}

/** A parser for names of sources, separated by commas. */
export function parseSources(text: string): 'auto' | string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.length === 1 && names[0] === 'auto') return 'auto'
  for (const name of names) {
    if (!(SOURCE_NAMES as readonly string[]).includes(name)) {
      throw badOption('--sources', name, `auto, or names out of ${SOURCE_NAMES.join(', ')}`)
    }
  }
  return [...new Set(names)]
}

/** A parser for a folder that has to exist. */
export function folderFrom(option: string) {
  return (path: string): string => {
    if (isFolder(path)) return path
    throw badOption(option, path, 'a folder that exists')
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/** `--root`, and the environment that stands in for it. */
export function rootOption(): Option {
  return new Option(
    '--root <folder>',
    'folder that stands for / when /sys, /proc and /dev are read (default: JOULETAP_ROOT, else /)',
  ).argParser(folderFrom('--root'))
}

/** `--interval`, `--sources`, `--no-estimate` and `--root`. */
export function sourceOptions(): Option[] {
  const { least, most, usual } = INTERVAL_MS
  return [
    new Option('--interval <ms>', `milliseconds between rows, ${least} to ${most}`)
      .argParser(numberFrom('--interval', least, most, 'a number of milliseconds'))
      .default(usual),
    new Option('--sources <list>', `auto, or names separated by commas: ${SOURCE_NAMES.join(', ')}`)
      .argParser(parseSources)
      .default('auto'),
    new Option('--no-estimate', 'fail where no counter can be read, instead of estimating'),
    rootOption(),
  ]
}

/** Options of a meter; those that were not given are left to it. */
export function meterOptions(options: SourceOptions) {
  if (!options.estimate && options.sources.includes('estimate')) {
    throw new JouletapError(
      'BAD_OPTION',
      '--sources must not name "estimate" together with --no-estimate.',
    )
  }
  return {
    sources: options.sources,
    intervalMs: options.interval,
    estimate: options.estimate,
    ...(options.root === undefined ? {} : { root: options.root }),
  }
}
