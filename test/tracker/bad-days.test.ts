/** CarbonTracker on bad days: short epochs, clocks that are set, people who stop at odd moments. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { CarbonTracker, type TrackerOptions } from '../../lib/tracker'
import { ROOT, runNode } from '../support/process'
import { type Service, startService } from '../support/service'
import { makeTree, powercapTree, type Tree } from '../support/tree'

const KWH = 3_600_000
const WATTS = 100
const GRAMS_PER_KWH = 360

function tracker(options: Partial<TrackerOptions> = {}): CarbonTracker {
  return new CarbonTracker({
    epochs: 3,
    verbose: 0,
    place: 'FI',
    components: 'cpu',
    simCpu: 'x',
    simCpuTdp: WATTS,
    simCpuUtil: 1,
    carbon: { live: 'fixed', gramsPerKWh: GRAMS_PER_KWH },
    ...options,
  })
}

const gramsOf = (joules: number) => (joules / KWH) * GRAMS_PER_KWH
const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0)

/** Sets the clock, as `Date` tells it, until it is called again with 0. */
const { now: trueNow } = Date
const TrueDate = Date
function setClock(hours: number): void {
  if (hours === 0) {
    globalThis.Date = TrueDate
    return
  }
  const now = () => trueNow() + hours * 3_600_000
  globalThis.Date = class extends TrueDate {
    constructor(...all: []) {
      super(...(all.length === 0 ? ([now()] as unknown as []) : all))
    }
    static override now = now
  } as DateConstructor
}

describe('CarbonTracker on bad days', () => {
  afterEach(() => setClock(0))

  it('counts a thousand epochs of no time at all: their sum is the whole', async () => {
    const one = tracker({ epochs: 1000 })
    for (let epoch = 1; epoch <= 1000; epoch++) {
      one.epochStart()
      await one.epochEnd()
    }
    const { epochs, actual, carbon, warnings, status } = await one.stop()
    expect(status).to.equal('complete')
    expect(epochs.length).to.equal(1000)
    expect(sum(epochs.map(({ energy }) => energy.joules))).to.be.closeTo(actual.joules, 1e-9)
    expect(carbon?.grams).to.be.closeTo(gramsOf(actual.joules), 1e-12)
    for (const { energy, grams } of epochs)
      expect(grams).to.be.closeTo(gramsOf(energy.joules), 1e-15)
    expect(warnings).to.deep.equal([`Simulated, not measured: x at ${WATTS} W.`])
  })

  it('predicts short epochs more rarely, but the first, the chosen and the last of them', async () => {
    const told: number[] = []
    const one = tracker({
      epochs: 500,
      epochsBeforePrediction: 2,
      onPrediction: ({ seen }) => told.push(seen),
    })
    for (let epoch = 1; epoch <= 500; epoch++) {
      one.epochStart()
      const report = await one.epochEnd()
      // In between the latest stands.
      expect(report!.prediction?.seen).to.equal(told.at(-1))
    }
    const { predictions, predicted } = await one.stop()
    expect(predictions.map(({ seen }) => seen)).to.deep.equal(told)
    expect(told.slice(0, 19)).to.deep.equal(Array.from({ length: 19 }, (_, index) => index + 2))
    expect(predicted!.seen).to.equal(500)
    expect(told.length).to.be.below(250)
  })

  it('has a prediction by all whole epochs where it is stopped', async () => {
    const one = tracker({ epochs: 500 })
    for (let epoch = 1; epoch <= 100; epoch++) {
      one.epochStart()
      await one.epochEnd()
    }
    one.epochStart()
    expect((await one.stop()).predicted!.seen).to.equal(100)
  })

  for (const hours of [1, -1]) {
    it(`is not misled by a clock that is set by ${hours} h in the middle of an epoch`, async () => {
      const started = performance.now()
      const one = tracker()
      for (let epoch = 1; epoch <= 3; epoch++) {
        one.epochStart()
        await pause(5)
        if (epoch === 2) setClock(hours)
        await one.epochEnd()
      }
      const { epochs, actual, carbon, warnings } = await one.stop()
      expect(actual.seconds).to.be.below((performance.now() - started) / 1000)
      expect(actual.joules).to.be.closeTo(WATTS * actual.seconds, 1e-9)
      expect(carbon?.grams).to.be.closeTo(gramsOf(actual.joules), 1e-12)
      for (const { grams, energy } of epochs) {
        expect(grams).to.be.closeTo(gramsOf(energy.joules), 1e-12)
      }
      expect(warnings.join()).to.not.match(/footprint/)
    })
  }

  describe('with functions that fail', () => {
    const fail = () => {
      throw new Error('mine')
    }
    const failLater = async () => {
      await pause(1)
      fail()
    }
    const outcome = (what: Promise<unknown>) =>
      what.then(
        () => 'nothing',
        (error: Error) => error.message,
      )

    for (const name of ['onEpoch', 'onPrediction', 'stopAndConfirm'] as const) {
      it(`tells whoever waits for the end of the epoch what ${name} rejects with`, async () => {
        const one = tracker({ [name]: failLater })
        one.epochStart()
        expect(await outcome(one.epochEnd())).to.equal('mine')
        expect((await one.stop()).actual.epochs).to.equal(1)
      })

      for (const [how, theirs] of [
        ['throws', fail],
        ['rejects', failLater],
      ] as const) {
        it(`goes on where ${name} ${how}, with ignoreErrors`, async () => {
          const one = tracker({ [name]: theirs, ignoreErrors: true })
          const { warnings, actual } = await one.track(() => {})
          expect(actual.epochs).to.equal(3)
          expect(warnings).to.include('Ignored: mine.')
        })
      }
    }

    it('ends no process by a print that throws after the last epoch', async () => {
      const one = tracker({ epochs: 1, epochsBeforePrediction: 0, verbose: 1, print: fail })
      one.epochStart()
      await one.epochEnd()
      // An unhandled rejection would come before this.
      await pause(5)
      expect(await outcome(one.stop())).to.equal('mine')
    })
  })

  it('takes wrong use as a warning, with ignoreErrors', async () => {
    const one = tracker({ ignoreErrors: true })
    expect(await one.epochEnd()).to.equal(undefined)
    one.epochStart()
    one.epochStart()
    await one.epochEnd()
    const { warnings, actual } = await one.stop()
    expect(actual.epochs).to.equal(1)
    expect(warnings.join()).to.match(/epochEnd\(\) cannot be called: no epoch is open/)
    expect(warnings.join()).to.match(/epochStart\(\) cannot be called: epoch 1 has not ended/)
  })

  describe('stopped while somebody is asked', () => {
    it('says that the run shall not go on, whatever is answered then', async () => {
      const abort = new AbortController()
      const one = tracker({
        signal: abort.signal,
        async stopAndConfirm() {
          abort.abort()
          return true
        },
      })
      const seen: number[] = []
      for await (const epoch of one.epochs()) seen.push(epoch)
      expect(seen).to.deep.equal([1])
      const { status, warnings } = await one.stop()
      expect(status).to.equal('stopped')
      expect(warnings.join()).to.not.match(/answered/)
    })
  })

  it('gives one report to all who stop it at once', async () => {
    const one = tracker()
    one.epochStart()
    const reports = await Promise.all([one.stop(), one.stop(), one[Symbol.asyncDispose]()])
    expect(reports[0]).to.equal(reports[1])
    expect(reports[0]!.actual.epochs).to.equal(1)
  })

  it('tells of a record that was deleted while it ran', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-bad-days-'))
    const one = tracker({ logDir: folder, logFormat: 'both' })
    one.epochStart()
    rmSync(folder, { recursive: true })
    await one.epochEnd()
    const { warnings } = await one.stop()
    expect(warnings.filter((text) => text.startsWith('The record')).length).to.equal(1)
    expect(warnings.filter((text) => text.startsWith('The logs')).length).to.equal(1)
  })

  describe('with a GPU that is part of the processor', () => {
    let tree: Tree
    beforeEach(() => {
      const chip = 'sys/class/hwmon/hwmon3'
      tree = makeTree({
        ...powercapTree({ zones: [{ folder: 'intel-rapl:0', name: 'package-0', energy: 1000 }] }),
        [`${chip}/name`]: 'amdgpu\n',
        [`${chip}/power1_label`]: 'slowPPT\n',
        [`${chip}/power1_average`]: '15000000\n',
      })
    })
    afterEach(() => tree.dispose())

    async function energyOf(components: string) {
      const meter = { root: tree.root, sources: ['rapl-powercap', 'hwmon'] } as const
      const one = new CarbonTracker({ epochs: 1, verbose: 0, place: 'FI', components, meter })
      const { epochs, warnings } = await one.track(() => pause(200))
      return { ...epochs[0]!.energy, all: warnings }
    }

    it('counts it where only GPUs are wanted, and says nothing of the processor', async () => {
      const { joules, seconds, coverage, all } = await energyOf('gpu')
      expect(joules).to.be.closeTo(15 * seconds, 0.1 * 15 * seconds)
      expect(coverage).to.equal(1)
      expect(all.join()).to.not.match(/package-0 /)
    })

    it('counts it once where both are wanted', async () => {
      const { domains, joules } = await energyOf('all')
      expect(domains.filter(({ additive }) => additive).map(({ id }) => id)).to.deep.equal([
        'package-0',
      ])
      // Its counter stands still.
      expect(joules).to.equal(0)
    })
  })

  describe('with a service', () => {
    let service: Service
    beforeEach(async () => {
      service = await startService()
    })
    afterEach(() => service.close())

    const carbon = () => ({
      urls: { 'electricity-maps': service.url },
      timeoutSeconds: 0.2,
      cacheFolder: null,
    })
    const TABLE = /^The grams are by the annual mean of a table/

    it('that never answers: waits for it at the end alone, and says what stood in', async () => {
      service.answer({ how: 'never' })
      const one = tracker({ apiKeys: { electricitymaps: 'key' }, carbon: carbon() })
      one.epochStart()
      let isEnded = false
      const ended = one.epochEnd().then((report) => {
        isEnded = true
        return report!
      })
      // No turn of the loop in which an answer could come.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve()
      expect(isEnded).to.equal(true)
      const { prediction, grams } = await ended
      expect(grams).to.be.a('number')
      expect(prediction!.grams).to.be.an('object')
      expect(prediction!.notes.filter((note) => TABLE.test(note)).length).to.equal(1)
      const { carbon: told, warnings } = await one.stop()
      expect(told!.intensity.status).to.equal('annual-average')
      expect(warnings.join()).to.match(/electricity-maps told nothing/)
    })

    it('whose key is set later: asks it from then on', async () => {
      const one = tracker({ carbon: carbon() })
      one.epochStart()
      await one.epochEnd()
      expect(service.asked).to.deep.equal([])
      one.setApiKeys({ electricityMaps: 'SECRET' })
      await one.stop()
      expect(service.asked.length).to.be.above(0)
      for (const { headers } of service.asked) expect(headers['auth-token']).to.equal('SECRET')
    })

    it('that is not known, or cannot be asked: says so before anything runs', () => {
      const make = (live: unknown) => () => tracker({ carbon: { live } } as Partial<TrackerOptions>)
      expect(make('narnia')).to.throw('narnia').with.property('code', 'BAD_OPTION')
      expect(make('neso')).to.throw('neso').with.property('code', 'BAD_OPTION')
      expect(() => tracker().setApiKeys({ co2signal: 'x' })).to.throw('a name in apiKeys')
    })
  })

  for (const logFormat of ['jouletap', 'carbontracker'] as const) {
    it(`is refused where the system will have no folder, for ${logFormat}`, function () {
      if (process.platform !== 'linux') this.skip()
      expect(() => tracker({ logDir: '/proc/nothing', logFormat }))
        .to.throw('/proc/nothing')
        .with.property('code', 'BAD_OPTION')
    })
  }

  it('leaves nothing behind a hundred times, with files and a meter', async function () {
    if (process.platform !== 'linux') this.skip()
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-bad-days-'))
    // In a process of its own, where nothing else comes and goes.
    const { code, stdout, stderr } = await runNode(`
      const { readdirSync } = require('node:fs')
      const { CarbonTracker } = require(${JSON.stringify(ROOT)})
      const { signal } = new AbortController()
      const files = { logDir: ${JSON.stringify(folder)}, logFormat: 'both' }
      const round = () =>
        new CarbonTracker({ epochs: 1, verbose: 0, place: 'FI', signal, ...files }).track(() => {})
      const held = () => ({
        descriptors: readdirSync('/proc/self/fd').length,
        threads: readdirSync('/proc/self/task').length,
        resources: process.getActiveResourcesInfo().length,
        listeners: process.eventNames().map((name) => process.listenerCount(name)),
      })
      const main = async () => {
        // The first opens what stays: libraries, tables.
        await round()
        const before = held()
        for (let count = 0; count < 100; count++) await round()
        console.log(JSON.stringify([before, held()]))
      }
      main()`)
    rmSync(folder, { recursive: true })
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const [before, after] = JSON.parse(stdout) as unknown[]
    expect(after).to.deep.equal(before)
  })
})
