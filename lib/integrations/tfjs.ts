/** Epochs of TensorFlow.js, by its callbacks: what each training used, told by a tracker. */
import type { CarbonTracker } from '../tracker'

/** What `model.fit` and `model.fitDataset` call, as a plain object. */
export interface EpochCallbacks {
  onEpochBegin(): void
  onEpochEnd(): Promise<void>
  onTrainEnd(): Promise<void>
}

/**
 * Callbacks that make each epoch of a training one of the tracker, its validation included: alone, in
 * an array with other plain objects, or as `new tf.CustomCallback(…)` with instances such as
 * `tf.callbacks.earlyStopping()`. The training stops where somebody answers no to `stopAndConfirm`; its
 * end stops the tracker. Where it fails, TensorFlow.js calls nobody: `await using` stops the tracker.
 *
 * @param model the one that is trained: TensorFlow.js does not tell plain objects which it is.
 * @example
 * await using tracker = new CarbonTracker({ epochs: 10 })
 * await model.fit(x, y, { epochs: 10, callbacks: epochCallbacks(tracker, model) })
 * const { actual, carbon } = await tracker.stop()
 */
export function epochCallbacks(
  tracker: CarbonTracker,
  model: { stopTraining: boolean },
): EpochCallbacks {
  return {
    onEpochBegin() {
      tracker.epochStart()
    },
    async onEpochEnd() {
      const report = await tracker.epochEnd()
      if (report?.proceed === false) model.stopTraining = true
    },
    async onTrainEnd() {
      await tracker.stop()
    },
  }
}
