/** Frameworks whose epochs can be tracked. */
export { type EpochCallbacks, epochCallbacks, type Stoppable } from './tfjs'
