/** npm run bench: what a row costs, on counters that need no hardware. See README.md. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Cost, type CostOptions, cost, costText } from '../../lib/bench'
import { hostUnavailable, perfUnavailable, startHost } from '../host/host'
import { cpuTree, makeTree, powercapTree, type Tree } from '../support/tree'

type Options = Pick<CostOptions, 'intervalMs' | 'rows' | 'pairs'>

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

export async function plainFiles(options: Options): Promise<Cost> {
  using tree = plainTree()
  return await cost({ ...options, root: tree.root })
}

/** The same domains, live: each read goes to the host's process and back. */
export async function liveFiles(options: Options): Promise<Cost> {
  await using host = await startHost({ preset: 'intel-client', sources: { msr: false } })
  return await cost({ ...options, root: host.root })
}

/** Four events of one package in one group: the system call of life, on the TSC. */
export async function perfEvents(options: Options): Promise<Cost> {
  const sources = { powercap: false, msr: false, perf: true }
  await using host = await startHost({ preset: 'intel-client', cpusPerPackage: 1, sources })
  return await cost({ ...options, root: host.root, source: 'rapl-perf' })
}

export const places: readonly {
  name: string
  unavailable: () => string | undefined
  measure: (options: Options) => Promise<Cost>
}[] = [
  { name: 'plain files', unavailable: () => undefined, measure: plainFiles },
  { name: 'live files', unavailable: hostUnavailable, measure: liveFiles },
  { name: 'perf events', unavailable: () => perfUnavailable(), measure: perfEvents },
]

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean' },
      interval: { type: 'string', default: '1' },
      rows: { type: 'string', default: '2000' },
      pairs: { type: 'string', default: '7' },
    },
  })
  const options = {
    intervalMs: Number(values.interval),
    rows: Number(values.rows),
    pairs: Number(values.pairs),
  }
  const costs: Record<string, Cost> = {}
  for (const { name, unavailable, measure } of places) {
    const reason = unavailable()
    if (reason) process.stderr.write(`${name}: ${reason}\n`)
    else costs[name] = await measure(options)
  }
  process.stdout.write(values.json ? `${JSON.stringify(costs, null, 2)}\n` : costText(costs))
}

if (require.main === module) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  })
}
