/** What a row costs: the meter's thread against a bare loop over the same system calls. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { INTERVAL_MS, Meter } from '../energy'
import { badOption, JouletapError } from '../errors'
import { type FloorGroup, native } from '../native'

/** Options of `cost`; every one may be left out. */
export interface CostOptions {
  /** The folder that stands for `/`. Default `/`. */
  root?: string
  /** What is read. Default `rapl-powercap`. */
  source?: 'rapl-powercap' | 'rapl-perf'
  /** Milliseconds between rows, 0.1 and more. Default 1. */
  intervalMs?: number
  /** Rows of each turn, 1 … 10 million. Default 2000. */
  rows?: number
  /** Turns of each side, 1 … 1000. Default 7. */
  pairs?: number
}

/** What a quantity was, turn by turn. */
export interface Spread {
  median: number
  min: number
  max: number
  /** Turns, or pairs of them. */
  count: number
}

/** What rows cost. CPU time is in seconds a row. */
export interface Cost {
  source: string
  /** The ids of the domains that are read. */
  domains: string[]
  /** System calls that read, in each row. */
  reads: number
  intervalMs: number
  /** Rows of each turn, at least. */
  rows: number
  /** Of the meter's thread. */
  meterSeconds: Spread
  /** Of the bare loop's thread. */
  floorSeconds: Spread
  /** Of the whole process while the meter runs and its rows are fetched; Node's own work included. */
  processSeconds: Spread
  /** meter ÷ floor, of turns that followed one another. */
  ratio: Spread
  /** Rows that each side really took, all turns together. */
  taken: { meter: number; floor: number }
  /** Grid times that the meter missed, all turns together. */
  overruns: number
  /** Whether each side ran under SCHED_FIFO. */
  realtime: { meter: boolean; floor: boolean }
}

/**
 * Takes turns, after one of each that does not count: a meter whose rows are fetched as they come,
 * then the bare loop over the same files or perf events. While the loop runs, this thread waits.
 * The counters stay open meanwhile, but no counter of CPU time is: it would make every wake-up dearer.
 * @throws {JouletapError} BAD_OPTION; NOT_AVAILABLE without the addon or outside Linux; where the
 *   source cannot be read, PERMISSION_DENIED or NO_SOURCE.
 */
export async function cost(options: CostOptions = {}): Promise<Cost> {
  const { root = '/', source = 'rapl-powercap', intervalMs = 1, rows = 2000, pairs = 7 } = options
  checkNumber('intervalMs', intervalMs, INTERVAL_MS.least, INTERVAL_MS.most, false)
  checkNumber('rows', rows, 1, 10_000_000, true)
  checkNumber('pairs', pairs, 1, 1000, true)
  const bare = native().floor
  if (!bare) throw new JouletapError('NOT_AVAILABLE', 'The cost of rows is known on Linux only.')

  const { domains } = new Meter({ sources: [source], root, estimate: false })
  const paths = domains.map(({ path = '' }) => path)
  const files = source === 'rapl-powercap' ? paths.map((path) => join(root, path)) : []
  const groups = source === 'rapl-perf' ? groupsOf(root, paths) : []

  const turns: { meter: MeterTurn; floor: ReturnType<typeof bare> }[] = []
  for (let turn = 0; turn <= pairs; turn++) {
    const meter = await meterTurn(root, source, intervalMs, rows)
    turns.push({ meter, floor: bare(files, groups, intervalMs, rows) })
  }
  turns.shift()
  const meterOf = turns.map(({ meter }) => meter.cpuSeconds / meter.rows)
  const floorOf = turns.map(({ floor }) => floor.cpuSeconds / floor.rows)
  return {
    source,
    domains: domains.map(({ id }) => id),
    reads: files.length + groups.length,
    intervalMs,
    rows,
    meterSeconds: spread(meterOf),
    floorSeconds: spread(floorOf),
    processSeconds: spread(turns.map(({ meter }) => meter.processSeconds / meter.rows)),
    ratio: spread(meterOf.map((seconds, turn) => seconds / floorOf[turn]!)),
    taken: {
      meter: sum(turns.map(({ meter }) => meter.rows)),
      floor: sum(turns.map(({ floor }) => floor.rows)),
    },
    overruns: sum(turns.map(({ meter }) => meter.overruns)),
    realtime: {
      meter: turns.every(({ meter }) => meter.realtime),
      floor: turns.every(({ floor }) => floor.realtime),
    },
  }
}

interface MeterTurn {
  rows: number
  cpuSeconds: number
  processSeconds: number
  overruns: number
  realtime: boolean
}

async function meterTurn(
  root: string,
  source: string,
  intervalMs: number,
  rows: number,
): Promise<MeterTurn> {
  const meter = new Meter({ sources: [source], intervalMs, root, estimate: false })
  const before = process.cpuUsage()
  meter.start()
  for await (const _ of meter.rows()) {
    if (meter.overhead().rows >= rows) break
  }
  meter.stop()
  const { user, system } = process.cpuUsage(before)
  return { ...meter.overhead(), processSeconds: (user + system) / 1e6 }
}

/** The perf events behind paths such as `power/energy-pkg/ on CPU 0`. */
function groupsOf(root: string, paths: readonly string[]): FloorGroup[] {
  const groups = new Map<number, { type: number; cpu: number; configs: number[] }>()
  for (const path of paths) {
    const [, pmu = '', event = '', number] = /^(.+)\/(.+)\/ on CPU (\d+)$/.exec(path) ?? []
    const folder = join(root, 'sys/bus/event_source/devices', pmu)
    const text = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
    const cpu = Number(number)
    const group = groups.get(cpu) ?? { type: Number(text('type')), cpu, configs: [] }
    group.configs.push(Number(text(`events/${event}`).replace('event=', '')))
    groups.set(cpu, group)
  }
  return [...groups.values()]
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const count = sorted.length
  const median = (sorted[(count - 1) >> 1]! + sorted[count >> 1]!) / 2
  return { median, min: sorted[0]!, max: sorted[count - 1]!, count }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

function checkNumber(name: string, value: unknown, least: number, most: number, whole: boolean) {
  const good = typeof value === 'number' && value >= least && value <= most
  if (!good || (whole && !Number.isInteger(value))) {
    throw badOption(name, value, `a ${whole ? 'whole ' : ''}number from ${least} to ${most}`)
  }
}
