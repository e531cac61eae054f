/** CarbonTracker: what epochs used, against powers that the test has set. */
import { EventEmitter } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { readRecord, readRecords } from '../../lib/record'
import { CarbonTracker, type TrackerOptions, type TrackerReport } from '../../lib/tracker'
import { ROOT, runNode } from '../support/process'

const KWH = 3_600_000
/** A made processor of 60 W and a made card of 240 W, half used. */
const MADE = { simCpu: 'Xeon', simCpuTdp: 120, simGpu: 'A100', simGpuWatts: 480 } as const
const WATTS = 300
const FIXED = { carbon: { live: 'fixed', gramsPerKWh: 360 } } as const

function tracker(options: Partial<TrackerOptions> = {}): CarbonTracker {
  return new CarbonTracker({ epochs: 3, verbose: 0, ...MADE, ...FIXED, ...options })
}

/** Time passes on the event loop, so that `seconds` are a few milliseconds. */
const work = () => pause(5)

describe('CarbonTracker', () => {
  it('tells the energy, the time and the grams of each epoch and of all', async () => {
    const { epochs, actual, carbon, status, pue } = await tracker({ pue: 1.5 }).track(work)
    expect(status).to.equal('complete')
    expect(epochs.map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3])
    for (const { energy, seconds, grams } of epochs) {
      expect(seconds).to.be.above(0.004)
      expect(energy.joules).to.be.closeTo(WATTS * seconds, 1e-9)
      expect(grams).to.be.closeTo(((1.5 * energy.joules) / KWH) * 360, 1e-12)
    }
    const joules = epochs.reduce((sum, { energy }) => sum + energy.joules, 0)
    expect(actual).to.include({ epochs: 3, quality: 'estimated', coverage: 1 })
    expect(actual.joules).to.be.closeTo(joules, 1e-9)
    expect(actual.kWh).to.be.closeTo((1.5 * joules) / KWH, 1e-12)
    expect(carbon?.grams).to.be.closeTo(((1.5 * joules) / KWH) * 360, 1e-9)
    expect(pue).to.equal(1.5)
  })

  it('keeps the time between epochs apart', async () => {
    const started = performance.now()
    const one = tracker({ epochs: 2 })
    await work()
    for (let epoch = 1; epoch <= 2; epoch++) {
      one.epochStart()
      await work()
      await one.epochEnd()
      await work()
    }
    const { actual, between } = await one.stop()
    // The second end was the end of all.
    const most = (performance.now() - started) / 1000
    expect(between.seconds).to.be.above(0.008)
    expect(actual.seconds + between.seconds).to.be.at.most(most)
    expect(between.joules).to.be.closeTo(WATTS * between.seconds, 1e-6)
  })

  it('counts an epoch that is stopped in its middle, and says so', async () => {
    const one = tracker()
    one.epochStart()
    await work()
    await one.epochEnd()
    one.epochStart()
    await work()
    const { status, epochs, actual, warnings } = await one.stop()
    expect(status).to.equal('stopped')
    expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false, true])
    expect(actual.joules).to.be.closeTo(WATTS * (epochs[0]!.seconds + epochs[1]!.seconds), 1e-9)
    expect(warnings.join()).to.match(/Epoch 2 was stopped before its end; what it used is counted/)
  })

  it('counts right when it is stopped before any epoch, and after one', async () => {
    expect((await tracker().stop()).actual).to.include({ epochs: 0, joules: 0, seconds: 0 })
    const one = tracker()
    one.epochStart()
    await one.epochEnd()
    expect((await one.stop()).actual.epochs).to.equal(1)
  })

  it('gives the same again and again, and ends by itself after the last epoch', async () => {
    const one = tracker({ epochs: 1 })
    one.epochStart()
    await one.epochEnd()
    expect(await one.epochEnd()).to.equal(undefined)
    one.epochStart()
    const report = await one.stop()
    expect(report.status).to.equal('complete')
    expect(await one.stop()).to.equal(report)
  })

  it('measures as many epochs as monitorEpochs says, and lets the others run', async () => {
    const one = tracker({ epochs: 4, monitorEpochs: 2 })
    const seen: number[] = []
    const report = await one.track((epoch) => seen.push(epoch))
    expect(seen).to.deep.equal([1, 2, 3, 4])
    expect(report).to.include({ status: 'complete' })
    expect(report.actual.epochs).to.equal(2)
  })

  it('predicts from the epoch on that was asked for, each epoch anew', async () => {
    const told: number[] = []
    const { predictions, predicted } = await tracker({
      epochs: 6,
      epochsBeforePrediction: 3,
      onPrediction: ({ seen }) => told.push(seen),
    }).track(work)
    expect(predictions.map(({ seen }) => seen)).to.deep.equal([3, 4, 5, 6])
    expect(told).to.deep.equal([3, 4, 5, 6])
    expect(predicted).to.equal(predictions.at(-1))
    expect(predictions[0]!.joules).to.include.keys('low', 'high')
    expect(predictions.every(({ grams }) => grams !== undefined)).to.equal(true)
  })

  it('says how uncertain what it rests on is, where an interval would hide that', async () => {
    const { predictions, epochs } = await new CarbonTracker({
      epochs: 3,
      verbose: 0,
      ...FIXED,
      components: 'cpu',
      meter: { sources: ['estimate'] },
    }).track(work)
    const sum = (field: 'joules' | 'uncertaintyJoules') =>
      epochs.reduce((total, { energy }) => total + energy[field], 0)
    const percent = Number(((100 * sum('uncertaintyJoules')) / sum('joules')).toPrecision(2))
    const sentence = `What is measured is itself uncertain by ${percent} %, which is not in the interval.`
    expect(predictions.at(-1)!.notes).to.include(sentence)
    const made = await tracker().track(work)
    expect(made.predictions.flatMap(({ notes }) => notes).join()).to.not.match(/uncertain by/)
  })

  it('never predicts with 0, and after all epochs with −1', async () => {
    expect((await tracker({ epochsBeforePrediction: 0 }).track(work)).predictions).to.deep.equal([])
    const { predictions } = await tracker({ epochsBeforePrediction: -1 }).track(work)
    expect(predictions.map(({ seen }) => seen)).to.deep.equal([3])
  })

  it('gives carbontracker’s formula by method mean', async () => {
    const { predictions, epochs } = await tracker({ epochs: 4, method: 'mean' }).track(work)
    const seen = epochs.slice(0, 2).map(({ energy }) => energy.joules)
    expect(predictions[1]!.joules.value).to.be.closeTo((4 * (seen[0]! + seen[1]!)) / 2, 1e-9)
  })

  describe('asking', () => {
    it('ends the tracking, not the process, where somebody says no', async () => {
      const one = tracker({ stopAndConfirm: () => false })
      const seen: number[] = []
      for await (const epoch of one.epochs()) seen.push(epoch)
      expect(seen).to.deep.equal([1])
      expect((await one.stop()).status).to.equal('stopped')
    })

    it('goes on where somebody says yes, and asks once', async () => {
      let asked = 0
      const answer = () => ++asked > 0
      const report = await tracker({ stopAndConfirm: answer, epochsBeforePrediction: 2 }).track(
        work,
      )
      expect(report.status).to.equal('complete')
      expect(asked).to.equal(1)
    })
  })

  describe('in a loop', () => {
    it('makes each turn of a loop over anything an epoch', async () => {
      async function* batches() {
        yield 'a'
        await work()
        yield 'b'
      }
      const one = tracker({ epochs: 2 })
      const seen: string[] = []
      for await (const batch of one.epochs(batches())) seen.push(batch)
      expect(seen).to.deep.equal(['a', 'b'])
      expect((await one.stop()).actual.epochs).to.equal(2)
    })

    it('stops when the loop is left, by break and by an error', async () => {
      const left = tracker()
      for await (const _ of left.epochs()) break
      const { status, epochs } = await left.stop()
      expect(status).to.equal('stopped')
      expect(epochs.map(({ partial }) => partial)).to.deep.equal([true])

      const torn = tracker()
      let message = ''
      await torn
        .track(() => {
          throw new Error('diverged')
        })
        .catch((error: Error) => {
          message = error.message
        })
      expect(message).to.equal('diverged')
      expect((await torn.stop()).actual.epochs).to.equal(1)
    })

    it('stops when the signal says so, and the loop ends after that turn', async () => {
      const abort = new AbortController()
      const one = tracker({ epochs: 5, signal: abort.signal })
      const seen: number[] = []
      for await (const epoch of one.epochs()) {
        seen.push(epoch)
        if (epoch === 2) abort.abort()
      }
      expect(seen).to.deep.equal([1, 2])
      expect((await one.stop()).status).to.equal('stopped')
    })

    it('stops with the block that it was made in', async () => {
      let report: Promise<TrackerReport>
      {
        await using one = tracker()
        one.epochStart()
        report = one.stop()
      }
      expect((await report).status).to.equal('stopped')
    })
  })

  it('measures the components that it is told to', async () => {
    for (const [components, watts] of [
      ['cpu', 60],
      ['GPU', 240],
      ['cpu, gpu, cpu', 300],
      ['all', 300],
    ] as const) {
      const { actual } = await tracker({ components }).track(work)
      expect(actual.joules / actual.seconds, components).to.be.closeTo(watts, 1e-9)
    }
  })

  it('says what is simulated', async () => {
    const { epochs, warnings } = await tracker().track(work)
    expect(epochs[0]!.energy).to.include({ quality: 'estimated' })
    expect(warnings).to.include('Simulated, not measured: Xeon at 60 W, A100 at 240 W.')
  })

  describe('its record', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'jouletap-tracker-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    it('holds what the object tells', async () => {
      const one = tracker({
        logDir: join(folder, 'new'),
        logFilePrefix: 'resnet',
        interval: 0.01,
        pue: 2,
      })
      one.phase('train')
      const report = await one.track(() => pause(30))
      const [file = ''] = report.files
      expect(file).to.match(/new\/resnet_\d{8}T\d{6}Z_.*\.jouletap\.jsonl$/)
      const run = await readRecord(file)
      expect(run).to.include({ status: 'complete', plannedEpochs: 3, pue: 2, quality: 'estimated' })
      expect(run.epochs).to.deep.equal(
        report.epochs.map(({ epoch, start, seconds, phase, energy }) => ({
          ...{ epoch, start, seconds, phase },
          ...{ joules: energy.joules, uncertaintyJoules: energy.uncertaintyJoules },
        })),
      )
      const { joules, seconds, kWh } = report.actual
      expect(run.actual).to.include({
        joules,
        seconds,
        kWh,
        grams: report.carbon!.grams,
        epochs: 3,
      })
      expect(run.predictions?.map(({ seen }) => seen)).to.deep.equal([1, 2, 3])
      expect(run.predicted?.joules).to.equal(report.predicted!.joules.value)
      expect(run.intensities.map(({ gramsPerKWh }) => gramsPerKWh)).to.deep.equal([360])
      expect(run.devices).to.deep.equal({ cpu: ['Xeon'], gpu: ['A100'] })
      expect(run.warnings).to.deep.equal(report.warnings)
      const last = run.rows!.joules.map((column) => column.at(-1)!)
      const total = report.actual.joules + report.between.joules
      expect(last[0]! + last[1]!).to.be.closeTo(total, 0.001 * WATTS)
    })

    it('is three logs of carbontracker where that is wanted, which tell the same', async () => {
      const one = tracker({
        logDir: folder,
        logFormat: 'both',
        epochs: 2,
        pue: 1.5,
        decimalPrecision: 9,
      })
      const report = await one.track(() => pause(30))
      expect(report.files.length).to.equal(4)
      const { runs, problems } = await readRecords(folder)
      expect(problems).to.deep.equal([])
      const [theirs, ours] = runs
      expect([theirs?.format, ours?.format]).to.deep.equal(['carbontracker', 'jouletap'])
      expect(theirs).to.deep.include({ pue: 1.5, status: 'complete', devices: ours!.devices })
      for (const { watts } of theirs!.epochs) {
        expect(watts!.cpu).to.be.closeTo(60, 1e-9)
        expect(watts!.gpu).to.be.closeTo(240, 1e-9)
      }
      // What they print: energy and grams with so many decimals, durations in hundredths of a second.
      expect(theirs!.actual!.kWh).to.be.closeTo(report.actual.kWh, 0.5e-9)
      expect(theirs!.actual!.grams).to.be.closeTo(report.carbon!.grams, 0.5e-9)
      for (const [index, { seconds }] of theirs!.epochs.entries()) {
        expect(seconds).to.be.closeTo(report.epochs[index]!.seconds, 0.005)
      }
      expect(theirs!.predicted!.kWh).to.be.closeTo(
        (1.5 * report.predictions[0]!.joules.value) / KWH,
        0.5e-9,
      )
      expect(theirs!.warnings.join()).to.not.match(/understated/)
    })

    it('is refused where its folder cannot be made', () => {
      writeFileSync(join(folder, 'file'), '')
      expect(() => tracker({ logDir: join(folder, 'file', 'x') }))
        .to.throw('file')
        .with.property('code', 'BAD_OPTION')
    })

    it('has the energy up to the last line where the process was killed', async () => {
      const source = `
        const { CarbonTracker } = require(${JSON.stringify(ROOT)})
        const one = new CarbonTracker({ epochs: 3, verbose: 0, logDir: ${JSON.stringify(folder)}, interval: 0.01,
          simCpu: 'x', simCpuTdp: 200, simCpuUtil: 1, components: 'cpu', carbon: { live: 'fixed', gramsPerKWh: 100 } })
        one.epochStart()
        setTimeout(() => { one.epochEnd(); one.epochStart(); setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100) }, 50)`
      const { signal } = await runNode(source)
      expect(signal).to.equal('SIGKILL')
      const [name = ''] = readdirSync(folder)
      const run = await readRecord(join(folder, name))
      expect(run.status).to.equal('unfinished')
      expect(run.epochs[0]!.joules).to.be.closeTo(200 * run.epochs[0]!.seconds!, 1e-6)
      expect(run.actual!.joules).to.be.at.least(run.epochs[0]!.joules!)
    })
  })

  describe('printing', () => {
    for (const [verbose, lines] of [
      [0, []],
      [1, ['3 epochs will use', '3 epochs used']],
      [2, ['epoch 1:', '3 epochs will use', 'epoch 2:', 'epoch 3:', '3 epochs used']],
    ] as const) {
      it(`tells ${lines.length} things with verbose ${verbose}`, async () => {
        const printed: string[] = []
        await tracker({ verbose, print: (text) => printed.push(text) }).track(work)
        const firsts = printed.map((text) => text.split('\n')[0]!)
        expect(firsts.map((line, index) => line.includes(lines[index] ?? '?'))).to.deep.equal(
          lines.map(() => true),
        )
        expect(printed.every((text) => text.endsWith('\n'))).to.equal(true)
      })
    }
  })

  describe('wrong use', () => {
    for (const [options, message] of [
      [{ epochs: 0 }, 'epochs must be a whole number from 1 to 1000000000, not 0.'],
      [{ epochs: 2.5 }, 'epochs must be a whole number from 1 to 1000000000, not 2.5.'],
      [{ monitorEpochs: 0 }, 'monitorEpochs must be −1 for all, or 1 and more, not 0.'],
      [{ monitorEpochs: 4 }, 'monitorEpochs must be no more than epochs, which is 3, not 4.'],
      [
        { components: 'cpu,bogus' },
        'components must be all, cpu, gpu, or cpu,gpu, not "cpu,bogus".',
      ],
      [{ simCpuTdp: undefined }, 'simCpuTdp must be the watts of simCpu, not undefined.'],
      [
        { simGpu: undefined },
        'simGpu must be the name of the device that simGpuWatts is of, not undefined.',
      ],
      [{ simGpuUtil: 1.5 }, 'simGpuUtil must be a number from 0 to 1, not 1.5.'],
      [{ place: 'Narnia' }, /Narnia/],
      [{ apiKeys: { co2signal: 'x' } }, /a name in apiKeys must be one of electricitymaps/],
      [{ update_interval: 10 }, /an option must be one of epochs, .*, not "update_interval"/],
    ] as const) {
      it(`is refused: ${JSON.stringify(options)}`, () => {
        const make = () => tracker(options as Partial<TrackerOptions>)
        expect(make).to.throw(message).with.property('code', 'BAD_OPTION')
      })

      it(`counts nothing, says why and lets the run go on with ignoreErrors: ${JSON.stringify(options)}`, async () => {
        const printed: string[] = []
        const one = tracker({
          ...(options as Partial<TrackerOptions>),
          ignoreErrors: true,
          verbose: 1,
          print: (text) => printed.push(text),
        })
        one.epochStart()
        expect(await one.epochEnd()).to.equal(undefined)
        const { warnings, actual } = await one.stop()
        expect(actual.joules).to.equal(0)
        expect(warnings[0]).to.match(/^Nothing is tracked: /)
        expect(printed).to.deep.equal([`jouletap: ${warnings[0]}\n`])
      })
    }

    it('is refused: an epoch in an epoch, and an end without a beginning', async () => {
      const one = tracker()
      expect(() => void one.epochEnd())
        .to.throw('no epoch is open')
        .with.property('code', 'BAD_STATE')
      one.epochStart()
      expect(() => one.epochStart())
        .to.throw('epoch 1 has not ended')
        .with.property('code', 'BAD_STATE')
      await one.stop()
    })

    it('is told by the user’s own functions, after the epoch was counted', async () => {
      const one = tracker({
        onEpoch: () => {
          throw new Error('mine')
        },
      })
      one.epochStart()
      expect(() => void one.epochEnd()).to.throw('mine')
      expect((await one.stop()).actual.epochs).to.equal(1)
    })
  })

  it('leaves no listener behind, a hundred times', async () => {
    const { signal } = new AbortController()
    const before = process.eventNames().map((name) => process.listenerCount(name as string))
    for (let round = 0; round < 100; round++) {
      const one = new CarbonTracker({ epochs: 1, verbose: 0, signal, ...FIXED })
      one.epochStart()
      await one.epochEnd()
      await one.stop()
    }
    const after = process.eventNames().map((name) => process.listenerCount(name as string))
    expect(after).to.deep.equal(before)
    expect(EventEmitter.getEventListeners(signal, 'abort').length).to.equal(0)
  })
})
