/** Frameworks whose epochs can be tracked. */
export { type EpochCallbacks, epochCallbacks } from './tfjs'
