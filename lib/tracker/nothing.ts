/** The tracker that stands in, with `ignoreErrors`, where there is nothing to track with. */
import { realised } from '../predict'
import type { Core } from './core'
import type { TrackerOptions } from './types'

/** It counts nothing; the run goes on. */
export function trackNothing({ epochs }: TrackerOptions, warning: string): Core {
  const nothing = { seconds: 0, joules: 0, uncertaintyJoules: 0 }
  return {
    epochs: Number.isInteger(epochs) && epochs > 0 ? epochs : 1,
    epochStart() {},
    epochEnd: () => Promise.resolve(undefined),
    phase() {},
    setApiKeys() {},
    stop: () =>
      Promise.resolve({
        status: 'stopped',
        plannedEpochs: epochs,
        epochs: [],
        actual: { ...nothing, epochs: 0, kWh: 0, quality: 'estimated', coverage: 0 },
        between: nothing,
        predictions: [],
        realised: realised([], []),
        carbon: null,
        pue: 1,
        files: [],
        warnings: [warning],
      }),
    isStopped: () => false,
    isOpen: () => false,
    isAsking: () => false,
    drop() {},
  }
}
