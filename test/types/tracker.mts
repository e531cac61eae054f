// Epochs and records, as those who import the package write them.
import {
  CarbonTracker,
  type Epoch,
  type Prediction,
  predict,
  type Run,
  readRecord,
  recomputeRun,
  type TrackerOptions,
  type TrackerReport,
} from 'jouletap'

const options: TrackerOptions = {
  epochs: 3,
  stopAndConfirm: async (prediction) => prediction.joules.value < 1e6,
  onEpoch: ({ energy }: Epoch) => void energy.joules,
  onPrediction: ({ grams }: Prediction) => void grams?.value,
  carbon: { live: 'auto' },
}
const tracker = new CarbonTracker(options)
for await (const epoch of tracker.epochs()) epoch.toFixed()
for await (const name of tracker.epochs(['a', 'b'])) name.toUpperCase()
const report: TrackerReport = await tracker.track(async (epoch: number) => epoch)
report.actual.joules.toFixed()
await using scoped = new CarbonTracker({ epochs: 1 })
scoped.epochStart('train')
const ended = await scoped.epochEnd()
if (ended?.proceed) ended.prediction?.assumption.trim()

const run: Run = await readRecord('runs/x.jouletap.jsonl')
recomputeRun(run, { pue: 1.2, gramsPerKWh: 50 })
predict([{ seconds: 1, joules: 10 }], { epochs: 5 }).seconds.value.toFixed()

// @ts-expect-error epochs are required
new CarbonTracker({})
