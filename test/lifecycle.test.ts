/** Every way a process, a worker or a meter can end, each in a child: the right code, and no noise. */
import { join } from 'node:path'
import { expect } from 'chai'
import { native } from '../lib/native'
import { type ChildResult, runProgram } from './support/child'
import { DIST, mustBeBuilt, ROOT, runNode, startNode } from './support/process'
import { cpuTree, makeTree, powercapTree, type Tree } from './support/tree'

/** What the children, and their workers, know: `make`, `steps` and `threads`. */
const prelude = (root: string, estimate = false) => `
const { readFileSync, readdirSync } = require('node:fs')
const { once } = require('node:events')
const { Meter } = require(${JSON.stringify(ROOT)})
const root = ${JSON.stringify(root)}
const make = () => new Meter({ root, intervalMs: 1, estimate: ${estimate} })
const steps = {
  async create() { return { meter: make() } },
  async start() { return { meter: make().start() } },
  async read() {
    const meter = make().start()
    const rows = meter.rows()
    const { value } = await rows.next()
    if (value.times.length === 0) throw new Error('no rows')
    return { meter, rows }
  },
  async stop() {
    const { meter } = await steps.read()
    if (!(meter.stop().seconds > 0)) throw new Error('no time')
    return { meter }
  },
}
/** The sampling threads of this process, by the name they give themselves. */
function threads() {
  const names = readdirSync('/proc/self/task').map((id) => {
    try { return readFileSync('/proc/self/task/' + id + '/comm', 'utf8') } catch { return '' }
  })
  return names.filter((name) => name === 'jouletap\\n').length
}
/** Resolves when so many of them run. */
async function sampling(count) {
  while (threads() !== count) await new Promise(setImmediate)
}
`

/** How a worker that has done its step ends, and what the main thread then hears. */
const inWorker = (prepared: string, step: string, ending: string) => `
const { Worker } = require('node:worker_threads')
const worker = new Worker(${JSON.stringify(`
  ${prepared}
  const { parentPort } = require('node:worker_threads')
  steps.${step}().then((done) => {
    parentPort.postMessage('ready')
    ${ending}
  })`)}, { eval: true })
const heard = []
worker.on('error', (error) => heard.push(error.message))
worker.on('exit', (code) => console.log([...heard, code, threads()].join()))
`

interface Ending {
  name: string
  source(prepared: string, step: string): string
  code?: number
  stdout?: string
  stderr?: RegExp
  flags?: string[]
}

/** Nearly all of the time of this loop is inside the addon, where there are counters. */
const BUSY = 'for (;;) done.meter.overhead()'
const THROWN = /^\[eval\]:\d+\n.*\n\s+\^\n\nError: on purpose\n( {4}at .*\n)+\nNode\.js v.*\n$/

const ENDINGS: Ending[] = [
  { name: 'the natural end', source: (prepared, step) => `${prepared} steps.${step}()` },
  {
    name: 'process.exit()',
    source: (prepared, step) => `${prepared}
      steps.${step}().then(({ rows }) => { rows?.next(); process.exit(7) })`,
    code: 7,
  },
  {
    name: 'an uncaught error',
    source: (prepared, step) => `${prepared}
      steps.${step}().then(({ rows }) => {
        rows?.next()
        setImmediate(() => { throw new Error('on purpose') })
      })`,
    code: 1,
    stderr: THROWN,
  },
  {
    name: 'the natural end of a worker',
    source: (prepared, step) => prepared + inWorker(prepared, step, ''),
    stdout: '0,0\n',
  },
  {
    name: 'process.exit() in a worker',
    source: (prepared, step) =>
      prepared + inWorker(prepared, step, 'done.rows?.next(); process.exit(7)'),
    stdout: '7,0\n',
  },
  {
    name: 'an uncaught error in a worker',
    source: (prepared, step) => `${prepared}
      ${inWorker(prepared, step, "setImmediate(() => { throw new Error('on purpose') })")}`,
    stdout: 'on purpose,1,0\n',
  },
  {
    name: 'worker.terminate() while it waits',
    source: (prepared, step) => `${prepared}
      ${inWorker(prepared, step, 'done.rows?.next(); setInterval(() => {}, 1e6)')}
      worker.on('message', () => worker.terminate())`,
    stdout: '1,0\n',
  },
  {
    // A native call that was under way when the worker died once ended the process.
    name: 'worker.terminate() in the middle of a call',
    source: (prepared, step) => `${prepared}
      ${inWorker(prepared, step, BUSY)}
      worker.on('message', () => worker.terminate())`,
    stdout: '1,0\n',
  },
  {
    name: 'the end of the process under a worker',
    source: (prepared, step) => `${prepared}
      ${inWorker(prepared, step, BUSY)}
      worker.on('message', () => process.exit(7))`,
    code: 7,
  },
  {
    // A running meter is kept, for its energy may still be asked for; any other one is not.
    name: 'the garbage collector',
    source: (prepared, step) => `${prepared}
      const forget = async () => new WeakRef((await steps.${step}()).meter)
      forget().then(async (meter) => {
        for (let turn = 0; turn < 50 && meter.deref(); turn++) {
          await new Promise(setImmediate)
          gc()
        }
        console.log(meter.deref() === undefined)
      })`,
    flags: ['--expose-gc'],
  },
]

function expectEnd(result: ChildResult, { code = 0, stdout = '', stderr = /^$/ }: Partial<Ending>) {
  expect(result.stderr).to.match(stderr)
  expect({ code: result.code, signal: result.signal }).to.deep.equal({ code, signal: null })
  expect(result.stdout).to.equal(stdout)
}

describe('the life of a meter', function () {
  this.timeout(60_000)
  let counters: Tree | undefined
  let nothing: Tree | undefined

  before(function () {
    mustBeBuilt()
    try {
      native()
    } catch (error) {
      console.log(`      ${(error as Error).message}`)
      this.skip()
    }
    const cpu = cpuTree({
      vendor: 'GenuineIntel',
      family: 6,
      model: 85,
      name: 'Intel(R) Xeon(R) Gold 6148 CPU @ 2.40GHz',
      packages: [0],
      cpusPerPackage: 2,
    })
    const zones = [
      { folder: 'intel-rapl:0', name: 'package-0', energy: 1_000_000 },
      { folder: 'intel-rapl:0:0', name: 'dram', energy: 0 },
    ]
    counters = makeTree({ ...cpu, ...powercapTree({ zones }) })
    nothing = makeTree(cpu)
  })
  after(() => {
    counters?.dispose()
    nothing?.dispose()
  })

  const kinds = [
    { name: 'on counters', prelude: () => prelude(counters!.root), threads: 1 },
    { name: 'on an estimate', prelude: () => prelude(nothing!.root, true), threads: 0 },
  ]

  for (const kind of kinds) {
    describe(kind.name, () => {
      for (const ending of ENDINGS) {
        describe(`at ${ending.name}`, () => {
          for (const step of ['create', 'start', 'read', 'stop']) {
            it(`after ${step}`, async () => {
              const source = ending.source(kind.prelude(), step)
              const result = await runNode(source, { flags: ending.flags ?? [] })
              const collected = `${step === 'create' || step === 'stop'}\n`
              expectEnd(result, ending.flags ? { stdout: collected } : ending)
            })
          }
        })
      }

      it('does not keep the process alive while it runs', async () => {
        const source = `${kind.prelude()}
          make().start()
          process.on('exit', () => console.log(process.uptime() < 10))`
        expectEnd(await runNode(source), { stdout: 'true\n' })
      })

      it('keeps it alive while rows are awaited, until it stops', async () => {
        const source = `${kind.prelude()}
          const meter = make().start()
          setTimeout(() => meter.stop(), 150).unref()
          const read = async () => { for await (const rows of meter.rows()) if (rows.times.length === 0) throw 0 }
          read().then(() => console.log('stopped'))`
        expectEnd(await runNode(source), { stdout: 'stopped\n' })
      })

      it('does so for a loop at the top of a module too', async () => {
        const source = `
          import { createRequire } from 'node:module'
          const require = createRequire(${JSON.stringify(__filename)})
          ${kind.prelude()}
          const meter = make().start()
          setTimeout(() => meter.stop(), 150).unref()
          for await (const { times } of meter.rows()) if (times.length === 0) throw new Error('empty')
          console.log('stopped')`
        const { code, stdout, stderr } = await runProgram(process.execPath, [
          '--input-type=module',
          '-e',
          source,
        ])
        expect({ code, stdout, stderr }).to.deep.equal({ code: 0, stdout: 'stopped\n', stderr: '' })
      })

      it('lets it end after a loop that was left, though it still runs', async () => {
        const source = `${kind.prelude()}
          const meter = make().start()
          const read = async () => { for await (const rows of meter.rows()) break }
          read().then(() => console.log('left'))`
        expectEnd(await runNode(source), { stdout: 'left\n' })
      })

      it('ends by process.exit() inside the loop over rows', async () => {
        const source = `${kind.prelude()}
          const meter = make().start()
          const read = async () => { for await (const rows of meter.rows()) process.exit(5) }
          read().then(() => console.log('not reached'))`
        expectEnd(await runNode(source), { code: 5 })
      })

      it('is stopped when the process exits, before later listeners', async () => {
        const source = `${kind.prelude()}
          const meter = make().start()
          process.on('exit', () => {
            try { meter.span() } catch ({ code }) { console.log(threads(), code) }
            if (!(meter.energy().seconds > 0)) throw new Error('no total')
          })
          sampling(${kind.threads}).then(() => process.exit(3))`
        const stdout = '0 BAD_STATE\n'
        expectEnd(await runNode(source), { code: 3, stdout })
      })

      it('needs one exit listener for all meters, and none after the last stop', async () => {
        const source = `${kind.prelude()}
          const counts = [process.listenerCount('exit')]
          const count = () => counts.push(process.listenerCount('exit'))
          const meters = Array.from({ length: 20 }, make)
          count()
          for (const meter of meters) meter.start()
          count()
          for (const meter of meters.slice(1)) meter.stop()
          count()
          meters[0].stop()
          count()
          make().start()
          count()
          console.log(counts.join())`
        expectEnd(await runNode(source), { stdout: '0,0,1,1,0,1\n' })
      })

      it('dies by SIGTERM while it samples, without a word', async () => {
        const child = startNode(`${kind.prelude()}
          const meter = make().start()
          const read = async () => {
            for await (const rows of meter.rows()) console.log('rows')
          }
          read()`)
        await child.seen('rows')
        child.process.kill('SIGTERM')
        const { code, signal, stderr } = await child.result
        expect({ code, signal, stderr }).to.deep.equal({
          code: null,
          signal: 'SIGTERM',
          stderr: '',
        })
      })

      it('survives the loading of the package by main and worker, and twice by each', async () => {
        const source = `${kind.prelude()}
          const { Worker } = require('node:worker_threads')
          const again = () => {
            for (const name of Object.keys(require.cache)) delete require.cache[name]
            return new (require(${JSON.stringify(ROOT)}).Meter)({ root, intervalMs: 1 }).start()
          }
          const work = prelude => new Worker(prelude +
            '; make().start(); (' + again + ')(); steps.read()', { eval: true })
          const prelude = ${JSON.stringify(kind.prelude())}
          const both = async () => {
            const { meter, rows } = await steps.read()
            const other = again()
            if (other instanceof Meter) throw new Error('the same copy')
            for (let turn = 0; turn < 3; turn++) {
              const workers = [work(prelude), work(prelude)]
              const codes = await Promise.all(workers.map((worker) => once(worker, 'exit')))
              if ((await rows.next()).value.times.length === 0) throw new Error('no rows')
              console.log(codes.join(), meter.energy().seconds > 0, other.stop().seconds > 0)
            }
          }
          both()`
        const line = '0,0 true true\n'
        expectEnd(await runNode(source), { stdout: line.repeat(3) })
      })
    })
  }

  describe('many workers', () => {
    const work = (prepared: string) => `${prepared}
      const { parentPort, workerData: { go, busy } } = require('node:worker_threads')
      steps.read().then(({ meter }) => {
        parentPort.postMessage('ready')
        if (go) Atomics.wait(go, 0, 0)
        while (busy) for (const domain of meter.domains) meter.energy().domains.includes(domain)
      })`
    const main = (body: string) => `${prelude(counters!.root)}
      const { Worker } = require('node:worker_threads')
      const source = ${JSON.stringify(work(prelude(counters!.root)))}
      const start = (workerData) => new Worker(source, { eval: true, workerData })
      ${body}`

    it('start meters, a hundred of them, and half are terminated in the middle of a read', async () => {
      const source = main(`
        async function life(index) {
          const busy = index % 2 === 0
          const worker = start({ busy })
          const exit = once(worker, 'exit')
          await once(worker, 'message')
          if (busy) worker.terminate()
          const [code] = await exit
          if (code !== (busy ? 1 : 0)) throw new Error('worker ' + index + ' ended with ' + code)
        }
        const all = async () => {
          make().start()
          for (let index = 0; index < 100; index += 10) {
            await Promise.all(Array.from({ length: 10 }, (_, more) => life(index + more)))
          }
          await sampling(1)
          console.log('all ended')
        }
        all()`)
      expectEnd(await runNode(source, { timeout: 50_000 }), { stdout: 'all ended\n' })
    })

    for (const [name, ending, end] of [
      ['process.exit()', 'process.exit(7)', { code: 7 }],
      ['an uncaught error', "throw new Error('on purpose')", { code: 1, stderr: THROWN }],
    ] as const) {
      it(`may be reading when the process ends by ${name}`, async () => {
        const source = main(`
          make().start()
          const go = new Int32Array(new SharedArrayBuffer(4))
          const ready = Array.from({ length: 6 }, () => once(start({ go, busy: true }), 'message'))
          Promise.all(ready).then(() => {
            Atomics.store(go, 0, 1)
            Atomics.notify(go, 0)
            setImmediate(() => { ${ending} })
          })`)
        expectEnd(await runNode(source, { timeout: 50_000 }), end)
      })
    }
  })

  describe('the native surface', () => {
    const onSampler = (body: string) => `${prelude(counters!.root)}
      const { native } = require(${JSON.stringify(join(DIST, 'native.js'))})
      const { Sampler, probe: look } = native()
      const gpus = { kind: 'visible', list: [], environment: process.env }
      const host = { root, nvml: '', gpus, pids: [], shares: false }
      const plan = { intervalMs: 1, capacity: 16, maxOverhead: 0, aligned: false }
      const sampler = new Sampler([], plan, host)
      const width = 3 + 16 * sampler.domains.length
      sampler.start(new Float64Array(width))
      ${body}`

    /** Runs each expression, and tells what it threw, or that it did not. */
    async function thrown(expressions: readonly string[]): Promise<string[]> {
      const source = onSampler(`
        const tell = (run) => { try { run(); return 'nothing' } catch (error) { return error.name } }
        const detached = new Float64Array(width)
        structuredClone(detached.buffer, { transfer: [detached.buffer] })
        const resized = (...view) => {
          const buffer = new ArrayBuffer(8 * width, { maxByteLength: 8 * width })
          const array = new Float64Array(buffer, ...view)
          buffer.resize(8)
          return array
        }
        console.log(JSON.stringify([${expressions.map((text) => `tell(() => ${text})`).join()}]))
        sampler.sample(new Float64Array(width))
        sampler.stop()`)
      const { code, signal, stdout, stderr } = await runNode(source)
      expect({ code, signal, stderr }).to.deep.equal({ code: 0, signal: null, stderr: '' })
      return JSON.parse(stdout) as string[]
    }

    const OTHERS = [
      '',
      'null',
      '1',
      'Array(99).fill(0)',
      'new Float32Array(width)',
      'new BigInt64Array(width)',
      'new DataView(new ArrayBuffer(8 * width))',
      'new ArrayBuffer(8 * width)',
      'new Proxy(new Float64Array(width), {})',
    ]
    const SHORT = [
      'new Float64Array(0)',
      'new Float64Array(width - 1)',
      'detached',
      'resized()',
      'resized(0, width)',
    ]

    it('takes no array but a Float64Array', async () => {
      const calls = OTHERS.flatMap((value) => [
        `sampler.start(${value})`,
        `sampler.sample(${value})`,
        `sampler.begin(${value})`,
        `sampler.end(${value})`,
        `sampler.readNow(${value})`,
        `sampler.read(${value})`,
      ])
      expect(await thrown(calls)).to.deep.equal(calls.map(() => 'TypeError'))
    })

    it('takes no snapshot into an array that is too short, detached or shrunk', async () => {
      const calls = SHORT.flatMap((value) =>
        ['sample', 'begin', 'end'].map((method) => `sampler.${method}(${value})`),
      )
      expect(await thrown(calls)).to.deep.equal(calls.map(() => 'TypeError'))
    })

    it('takes no row of now into one that is shorter than a row', async () => {
      const calls = [
        'new Float64Array(0)',
        'new Float64Array(sampler.domains.length)',
        'detached',
        'resized()',
      ].map((value) => `sampler.readNow(${value})`)
      expect(await thrown(calls)).to.deep.equal(calls.map(() => 'TypeError'))
      const least = 'sampler.readNow(new Float64Array(1 + sampler.domains.length))'
      expect(await thrown([least])).to.deep.equal(['nothing'])
    })

    it('reads no row into such an array', async () => {
      const source = onSampler(`
        sampler.record(true)
        const detached = new Float64Array(width)
        structuredClone(detached.buffer, { transfer: [detached.buffer] })
        const short = new Float64Array(sampler.domains.length)
        console.log(sampler.read(short), sampler.read(detached), sampler.read(new Float64Array(0)))
        console.log(sampler.read(new Float64Array(1 + sampler.domains.length)), short.join())`)
      expectEnd(await runNode(source), { stdout: '0 0 0\n1 0,0\n' })
    })

    it('takes part of a larger buffer, and writes nothing beside it', async () => {
      const source = onSampler(`
        const whole = new Float64Array(width + 2).fill(-9)
        sampler.sample(whole.subarray(1, 1 + width))
        console.log(whole[0], whole[width + 1], whole.subarray(1, -1).includes(-9))`)
      expectEnd(await runNode(source), { stdout: '-9 -9 false\n' })
    })

    it('takes no borrowed method', async () => {
      const methods = 'start stop record sample begin end readNow read overhead'.split(' ')
      const owners = ['undefined', '{}', 'Sampler', 'Sampler.prototype', 'Object.create(sampler)']
      const calls = methods.flatMap((method) =>
        owners.map((owner) => `sampler.${method}.call(${owner}, new Float64Array(width))`),
      )
      expect(await thrown(calls)).to.deep.equal(calls.map(() => 'TypeError'))
    })

    it('takes no borrowed property', async () => {
      const calls = ['domains', 'notes', 'refusals'].flatMap((name) => [
        `Sampler.prototype.${name}`,
        `Object.create(sampler).${name}`,
      ])
      expect(await thrown(calls)).to.not.include('nothing')
    })

    it('takes no wrong argument where it is made', async () => {
      const calls = [
        'Sampler([], plan, host)',
        'new Sampler()',
        "new Sampler('rapl-msr', plan, host)",
        'new Sampler([1], plan, host)',
        'new Sampler([,], plan, host)',
        'new Sampler([], undefined, host)',
        'new Sampler([], 1, host)',
        'new Sampler([], {}, host)',
        "new Sampler([], { ...plan, intervalMs: '1' }, host)",
        'new Sampler([], { ...plan, intervalMs: NaN }, host)',
        'new Sampler([], { ...plan, intervalMs: 0 }, host)',
        'new Sampler([], { ...plan, capacity: 0 }, host)',
        'new Sampler([], { ...plan, capacity: 2 ** 62 }, host)',
        'new Sampler([], { ...plan, maxOverhead: undefined }, host)',
        "new Sampler([], { ...plan, maxOverhead: '0' }, host)",
        'new Sampler([], plan)',
        'new Sampler([], plan, 5)',
        'new Sampler([], plan, null)',
        'new Sampler([], plan, {})',
        'new Sampler([], plan, { ...host, root: 1 })',
        'new Sampler([], plan, { ...host, nvml: undefined })',
        'new Sampler([], plan, { ...host, gpus: 7 })',
        'new Sampler([], plan, { ...host, gpus: { ...gpus, list: 7 } })',
        'new Sampler([], plan, { ...host, gpus: { ...gpus, list: [7] } })',
        'new Sampler([], plan, { ...host, gpus: { ...gpus, environment: undefined } })',
        "new Sampler([], plan, { ...host, pids: 'all' })",
        'look()',
        'look({})',
        'sampler.record()',
      ]
      const told = await thrown(calls)
      expect(calls.filter((_, index) => told[index] === 'nothing')).to.deep.equal([])
    })

    it('ends the thread of a sampler that nobody knows any more', async () => {
      const source = onSampler(`
        sampler.stop()
        let known = new Sampler([], plan, host)
        known.start(new Float64Array(width))
        sampling(1)
          .then(() => {
            known = undefined
            setInterval(gc, 1).unref()
            return sampling(0)
          })
          .then(() => console.log('ended'))`)
      expectEnd(await runNode(source, { flags: ['--expose-gc'] }), { stdout: 'ended\n' })
    })
  })
})
