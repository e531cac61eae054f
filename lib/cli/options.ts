/** The options that commands share, checked so that a message names what was typed. */
import { type Stats, statSync } from 'node:fs'
import { Option } from 'commander'
import { INTERVAL_MS, MAX_OVERHEAD, type MeterOptions, SOURCE_NAMES } from '../energy'
import { badOption, JouletapError } from '../errors'

/** Parsed values of the options that open a meter. */
export interface SourceOptions {
  interval: number
  align: 'none' | 'edge'
  maxOverhead?: number
  sources: 'auto' | string[]
  gpus: Gpus
  estimate: boolean
  root?: string
  nvml?: string
}

/** Which GPUs are followed, as a meter takes it. */
export type Gpus = NonNullable<MeterOptions['gpus']>

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

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

/** `3`, with a MIG instance `3:0`; `GPU-…`, `MIG-…`; `0000:65:00.0`, `65:00.0`. */
const GPU =
  /^(\d+(:\d+)?|(GPU|MIG)-\S+|([\da-fA-F]{1,8}:)?[\da-fA-F]{2}:[\da-fA-F]{2}\.[\da-fA-F])$/

/** A parser for which GPUs are followed: a word, or names of GPUs, separated by commas. */
export function parseGpus(text: string): Gpus {
  const names = text.split(',').map((name) => name.trim())
  const [word] = names
  if (names.length === 1 && (word === 'visible' || word === 'all' || word === 'none')) return word
  for (const name of names) {
    if (!GPU.test(name)) {
      throw badOption(
        '--gpus',
        name,
        'visible, all, none, or indices, UUIDs, MIG ids or PCI addresses of GPUs',
      )
    }
  }
  return names.map((name) => (/^\d+$/.test(name) ? Number(name) : name))
}

/** A parser for a folder that has to exist. */
export function folderFrom(option: string) {
  return (path: string): string => {
    if (found(path)?.isDirectory()) return path
    throw badOption(option, path, 'a folder that exists')
  }
}

function parseNvml(path: string): string {
  if (found(path)?.isFile()) return path
  throw badOption('--nvml', path, 'a file that exists')
}

function found(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/** `--gpus`, whose words are those of `MeterOptions`. */
export function gpusOption(): Option {
  return new Option(
    '--gpus <which>',
    'visible (as CUDA_VISIBLE_DEVICES and its kin have it), all, none, or a list separated by ' +
      'commas of indices, UUIDs, MIG ids, PCI addresses',
  )
    .argParser(parseGpus)
    .default('visible')
}

/** `--nvml`, and the environment that stands in for it. */
export function nvmlOption(): Option {
  return new Option(
    '--nvml <file>',
    "NVIDIA's management library (default: JOULETAP_NVML, else the system's)",
  ).argParser(parseNvml)
}

/** `--root`, and the environment that stands in for it. */
export function rootOption(): Option {
  return new Option(
    '--root <folder>',
    'folder that stands for / when /sys, /proc and /dev are read (default: JOULETAP_ROOT, else /)',
  ).argParser(folderFrom('--root'))
}

function parseAlign(text: string): 'none' | 'edge' {
  if (text === 'none' || text === 'edge') return text
  throw badOption('--align', text, 'none or edge')
}

function alignOption(): Option {
  return new Option(
    '--align <how>',
    'edge: begin and end at updates of the counters, and take rows just after them; none: anywhere',
  )
    .argParser(parseAlign)
    .default('none')
}

function maxOverheadOption(): Option {
  const { least, most } = MAX_OVERHEAD
  return new Option(
    '--max-overhead <share>',
    `take rows more rarely where they would cost more than this share of one CPU, ${least} to ${most}`,
  ).argParser(numberFrom('--max-overhead', least, most, "a share of one CPU's time"))
}

/** `--interval`, `--align`, `--max-overhead`, `--sources`, `--gpus`, `--no-estimate`, `--root` and `--nvml`. */
export function sourceOptions(): Option[] {
  const { least, most, usual } = INTERVAL_MS
  return [
    new Option('--interval <ms>', `milliseconds between rows, ${least} to ${most}`)
      .argParser(numberFrom('--interval', least, most, 'a number of milliseconds'))
      .default(usual),
    alignOption(),
    maxOverheadOption(),
    new Option('--sources <list>', `auto, or names separated by commas: ${SOURCE_NAMES.join(', ')}`)
      .argParser(parseSources)
      .default('auto'),
    gpusOption(),
    new Option('--no-estimate', 'fail where no counter can be read, instead of estimating'),
    rootOption(),
    nvmlOption(),
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
    align: options.align,
    gpus: options.gpus,
    estimate: options.estimate,
    ...(options.maxOverhead === undefined ? {} : { maxOverhead: options.maxOverhead }),
    ...(options.root === undefined ? {} : { root: options.root }),
    ...(options.nvml === undefined ? {} : { nvml: options.nvml }),
  }
}
