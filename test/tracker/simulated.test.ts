/** CarbonTracker on hosts of known power: what its users are promised. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { predict } from '../../lib/predict'
import { readRecord, readRecords } from '../../lib/record'
import { CarbonTracker } from '../../lib/tracker'
import { type Host, hostUnavailable, startHost } from '../host/host'
import { type Stub, startStub, stubUnavailable } from '../nvml/stub'

const KWH = 3_600_000

describe('CarbonTracker on a host of known power', function () {
  this.timeout(60_000)
  let host: Host | undefined
  let stub: Stub | undefined
  let undo = () => {}
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-tracker-'))
  })
  afterEach(async () => {
    await host?.stop()
    undo()
    stub?.dispose()
    rmSync(folder, { recursive: true })
    ;[host, stub, undo] = [undefined, undefined, () => {}]
  })

  it('knows after 3 of 12 epochs what all will use, though the first is a warm-up of 2.7 times', async function () {
    const reason = hostUnavailable()
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    host = await startHost({ preset: 'intel-client', domains: { package: { watts: 0 } } })
    const tracker = new CarbonTracker({
      epochs: 12,
      epochsBeforePrediction: 3,
      verbose: 0,
      carbon: { live: 'fixed', gramsPerKWh: 250 },
      meter: { root: host.root, sources: ['rapl-powercap'], estimate: false },
    })
    // 150 W for a fifth of a second in each half of one, the first time 405 W; an epoch ends in between.
    const [PERIOD, PULSE, USUAL] = [0.5, 0.2, 150 * 0.2]
    const begun = host.truth().seconds + 0.2
    for (let epoch = 0; epoch < 12; epoch++) {
      const from = begun + PERIOD * epoch
      host.setWatts('package-0', epoch === 0 ? 2.7 * 150 : 150, from)
      host.setWatts('package-0', 0, from + PULSE)
    }
    const whole = 2.7 * USUAL + 11 * USUAL
    const report = await tracker.track((epoch) => {
      const end = begun + PERIOD * epoch - (PERIOD - PULSE) / 2
      return pause(1000 * (end - host!.truth().seconds))
    })
    expect(report.actual.joules).to.be.closeTo(whole, 0.001 * whole)
    const [first] = report.predictions
    expect(first).to.include({ seen: 3, epochs: 12, rough: false })
    const { value, low, high } = first!.joules
    expect(value).to.be.closeTo(whole, 0.03 * whole)
    expect(whole).to.be.within(low!, high!)
    expect(first!.warmUp?.ratio).to.be.closeTo(2.7, 0.01)
    expect(first!.grams?.value).to.be.closeTo((whole / KWH) * 250, 0.03 * (whole / KWH) * 250)
    // carbontracker’s formula: by default after one epoch, which is the warm-up.
    const { joules } = report.epochs[0]!.energy
    const mean = predict([{ seconds: 1, joules }], { epochs: 12, method: 'mean' })
    const error = 100 * (mean.joules.value / whole - 1)
    const [ours, theirs] = [100 * (value / whole - 1), error].map((one) => one.toFixed(1))
    console.log(`      after 3 epochs: ${ours} %; mean of epochs, after its usual 1: +${theirs} %`)
    expect(error).to.be.above(120)
  })

  it('adds up three epochs of 2 s on four cards of 200 W to 4800 J, in object, record and log', async function () {
    const reason = stubUnavailable()
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    stub = startStub({ gpus: [0, 1, 2, 3].map((n) => ({ watts: 200, ageS: 5 + 0.023 * n })) })
    undo = stub.install()
    const tracker = new CarbonTracker({
      epochs: 3,
      components: 'gpu',
      verbose: 0,
      logDir: folder,
      logFormat: 'both',
      pue: 1.58,
      carbon: { live: 'fixed', gramsPerKWh: 100 },
      meter: { sources: ['nvml'], estimate: false },
    })
    const { actual, epochs, files } = await tracker.track(() => pause(2000))
    const expected = 800 * actual.seconds
    expect(actual.seconds).to.be.within(6, 6.3)
    expect(expected).to.be.within(4800, 5040)
    expect(actual.joules).to.be.closeTo(expected, 0.01 * expected)
    for (const { energy, seconds } of epochs) {
      expect(energy.joules).to.be.closeTo(800 * seconds, 5 * energy.uncertaintyJoules)
      expect(energy.domains.filter(({ additive }) => additive).length).to.equal(4)
    }

    const record = await readRecord(files.find((file) => file.endsWith('.jsonl'))!)
    expect(record.actual!.joules).to.equal(actual.joules)
    expect(record.devices!.gpu!.length).to.equal(4)

    const { runs } = await readRecords(folder)
    const logged = runs.find(({ format }) => format === 'carbontracker')!
    // 800 W, not the 200 W that a mean over the cards would be; durations are of hundredths.
    for (const { watts } of logged.epochs) expect(watts!.gpu).to.be.closeTo(800, 8)
    expect(logged.actual!.kWh).to.be.closeTo((1.58 * actual.joules) / KWH, 1e-12)
  })
})
