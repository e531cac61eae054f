/** Epochs of TensorFlow.js: a small model is trained, and each epoch is one of the tracker. */
import { expect } from 'chai'
import { epochCallbacks } from '../../lib/integrations'
import { CarbonTracker, type TrackerOptions } from '../../lib/tracker'

/** A made processor of 60 W: half of its 120 W. */
const MADE = { simCpu: 'Xeon', simCpuTdp: 120, components: 'cpu', verbose: 0 } as const
const WATTS = 60
const FIXED = { carbon: { live: 'fixed', gramsPerKWh: 360 } } as const
const EPOCHS = 4

/** What is used of TensorFlow.js here: its own types need those of a browser. */
interface Model {
  stopTraining: boolean
  compile(options: { optimizer: string; loss: string }): void
  fit(x: unknown, y: unknown, options: object): Promise<{ epoch: number[] }>
}
interface Core {
  env(): { set(flag: string, value: boolean): void }
  ones(shape: number[]): unknown
  setBackend(name: string): Promise<boolean>
}
interface Layers {
  callbacks: { earlyStopping(options: { monitor: string; baseline: number }): object }
  CustomCallback: new (callbacks: object) => object
  layers: { dense(options: { units: number; inputShape: number[] }): object }
  sequential(options: { layers: object[] }): Model
}

function tracker(options: Partial<TrackerOptions> = {}): CarbonTracker {
  return new CarbonTracker({ epochs: EPOCHS, ...MADE, ...FIXED, ...options })
}

describe('epochCallbacks of TensorFlow.js', () => {
  let core: Core
  let tf: Layers
  let model: Model

  before(async () => {
    core = require('@tensorflow/tfjs-core')
    tf = require('@tensorflow/tfjs-layers')
    require('@tensorflow/tfjs-backend-cpu')
    // Else it advertises its other backend.
    core.env().set('PROD', true)
    await core.setBackend('cpu')
  })

  beforeEach(() => {
    model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [4] })] })
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
  })

  const train = (callbacks: object) =>
    model.fit(core.ones([32, 4]), core.ones([32, 1]), {
      ...{ epochs: EPOCHS, batchSize: 8, verbose: 0 },
      callbacks,
    })

  it('makes each epoch of the training one of the tracker, and ends with it', async () => {
    const one = tracker()
    const started = performance.now()
    await train(epochCallbacks(one, model))
    const most = (performance.now() - started) / 1000
    const { status, epochs, actual } = await one.stop()
    expect(status).to.equal('complete')
    expect(epochs.map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3, 4])
    for (const { energy, seconds } of epochs) {
      expect(seconds).to.be.above(0)
      expect(energy.joules).to.be.closeTo(WATTS * seconds, 1e-9)
    }
    expect(actual.seconds).to.be.at.most(most)
  })

  it('stops the training where somebody answers no', async () => {
    const one = tracker({ epochsBeforePrediction: 2, stopAndConfirm: async () => false })
    const { epoch } = await train(epochCallbacks(one, model))
    expect(epoch).to.deep.equal([0, 1])
    const { status, actual } = await one.stop()
    expect({ status, epochs: actual.epochs }).to.deep.equal({ status: 'stopped', epochs: 2 })
  })

  it('lets the training go on where somebody answers yes, and after all that is measured', async () => {
    const one = tracker({ monitorEpochs: 2, stopAndConfirm: () => true })
    expect((await train(epochCallbacks(one, model))).epoch).to.have.length(EPOCHS)
    expect((await one.stop()).actual.epochs).to.equal(2)
  })

  it('stops the tracker where the training stops early', async () => {
    const one = tracker()
    const onEpochEnd = (epoch: number) => {
      if (epoch === 1) model.stopTraining = true
    }
    await train([{ onEpochEnd }, epochCallbacks(one, model)])
    one.epochStart()
    expect(await one.epochEnd()).to.equal(undefined)
    const { status, epochs } = await one.stop()
    expect(status).to.equal('stopped')
    expect(epochs.map(({ partial = false }) => partial)).to.deep.equal([false, false])
  })

  it('leaves callbacks of others in the array as they are', async () => {
    const calls: string[] = []
    const others = {
      onTrainBegin: () => void calls.push('train'),
      onEpochBegin: (epoch: number) => void calls.push(`begin ${epoch}`),
      onEpochEnd: (epoch: number) => void calls.push(`end ${epoch}`),
      onTrainEnd: () => void calls.push('trained'),
    }
    const one = tracker()
    await train([epochCallbacks(one, model), others])
    const epochs = [0, 1, 2, 3].flatMap((epoch) => [`begin ${epoch}`, `end ${epoch}`])
    expect(calls).to.deep.equal(['train', ...epochs, 'trained'])
    expect((await one.stop()).actual.epochs).to.equal(EPOCHS)
  })

  it('goes with callbacks of TensorFlow.js itself as one of them', async () => {
    const one = tracker()
    // No loss is below zero: it stops after the first epoch.
    const early = tf.callbacks.earlyStopping({ monitor: 'loss', baseline: 0 })
    const { epoch } = await train([early, new tf.CustomCallback(epochCallbacks(one, model))])
    expect(epoch).to.deep.equal([0])
    expect((await one.stop()).actual.epochs).to.equal(1)
  })
})
