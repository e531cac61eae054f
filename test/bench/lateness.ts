/** npm run bench:gpu: whether a slow GPU driver makes the rows of the processor late. See README.md. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Meter } from '../../lib'
import { startStub, stubUnavailable } from '../nvml/stub'
import { cpuTree, makeTree, powercapTree, type Tree } from '../support/tree'

/** Lateness of the rows of one run against their grid, in microseconds. */
export interface Lateness {
  rows: number
  overruns: number
  p50: number
  p99: number
  most: number
}

export interface Pair {
  alone: Lateness
  beside: Lateness
  /** Calls of the driver for each GPU meanwhile. */
  calls: number
}

/** Package, core, uncore and psys in files that stand still: nothing but our own work is dear. */
export function plainTree(): Tree {
  // In memory: a disk's cache would cost what it likes.
  if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm'
  const tree = makeTree({
    ...cpuTree({
      vendor: 'GenuineIntel',
      family: 6,
      model: 0x97,
      name: '12th Gen Intel(R) Core(TM) i7-12700',
      packages: [0],
      cpusPerPackage: 1,
    }),
    ...powercapTree({
      zones: ['package-0', 'core', 'uncore', 'psys'].map((name, zone) => ({
        folder: ['intel-rapl:0', 'intel-rapl:0:0', 'intel-rapl:0:1', 'intel-rapl:1'][zone]!,
        name,
        energy: 123_456_789_012,
      })),
    }),
  })
  delete process.env.TMPDIR
  return tree
}

/** Runs with and without two GPUs by turns, the driver taking `latencyMs` for every call. */
export async function lateness(pairs: number, rows: number, latencyMs: number): Promise<Pair[]> {
  using tree = plainTree()
  using stub = startStub({
    gpus: [{ watts: 200 }, { watts: 150 }],
    knobs: { latency_us: 1000 * latencyMs },
  })
  Object.assign(process.env, stub.env)
  const made: Pair[] = []
  // The first pair warms up and does not count.
  for (let pair = 0; pair <= pairs; pair++) {
    const alone = await run(tree.root, ['rapl-powercap'], rows)
    const before = stub.gpu(0).calls()
    const beside = await run(tree.root, ['rapl-powercap', 'nvml'], rows)
    if (pair > 0) made.push({ alone, beside, calls: stub.gpu(0).calls() - before })
  }
  return made
}

async function run(root: string, sources: string[], rows: number): Promise<Lateness> {
  using meter = new Meter({ root, sources, intervalMs: 1, estimate: false })
  meter.start()
  const times: number[] = []
  const reading = (async () => {
    for await (const batch of meter.rows()) times.push(...batch.times)
  })()
  await pause(rows)
  meter.stop()
  await reading
  // The grid is that of the earliest row; the first and the last are none of it.
  const phases = times.slice(1, -1).map((time) => time % 1)
  const origin = earliest(phases)
  const late = phases.map((phase) => 1000 * ((phase - origin + 1) % 1)).sort((a, b) => a - b)
  const at = (share: number) => late[Math.floor(share * (late.length - 1))]!
  const { overruns } = meter.overhead()
  return { rows: late.length, overruns, p50: at(0.5), p99: at(0.99), most: at(1) }
}

/** The phase before which there are fewest: the end of the widest gap on the circle. */
function earliest(phases: readonly number[]): number {
  const sorted = [...phases].sort((a, b) => a - b)
  let widest = sorted[0]! + 1 - sorted.at(-1)!
  let origin = sorted[0]!
  for (let index = 1; index < sorted.length; index++) {
    const gap = sorted[index]! - sorted[index - 1]!
    if (gap > widest) [widest, origin] = [gap, sorted[index]!]
  }
  return origin
}

const median = (values: readonly number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pairs: { type: 'string', default: '7' },
      rows: { type: 'string', default: '2000' },
      latency: { type: 'string', default: '11' },
      json: { type: 'boolean' },
    },
  })
  const reason = stubUnavailable()
  if (reason) throw new Error(reason)
  const made = await lateness(Number(values.pairs), Number(values.rows), Number(values.latency))
  if (values.json) {
    process.stdout.write(`${JSON.stringify(made, null, 2)}\n`)
    return
  }
  process.stdout.write(
    `Lateness of rows at 1 kHz in microseconds, median of ${made.length} runs (least … most), ` +
      `each of ${values.rows} ms, by turns;\ntwo GPUs whose driver takes ${values.latency} ms a ` +
      `call, called ${median(made.map(({ calls }) => calls))} times each.\n`,
  )
  for (const side of ['alone', 'beside'] as const) {
    const cells = (['p50', 'p99', 'most', 'overruns'] as const).map((name) => {
      const all = made.map((pair) => pair[side][name])
      const [least, most] = [Math.min(...all), Math.max(...all)].map((value) => value.toFixed(0))
      return `${name} ${median(all).toFixed(0)} (${least} … ${most})`
    })
    process.stdout.write(`  ${side.padEnd(7)} ${cells.join('   ')}\n`)
  }
}

if (require.main === module) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  })
}
