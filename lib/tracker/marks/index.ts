/** Epochs of another program: read off its output, or sent by it. */
export { type Inlet, type InletOptions, MARKS_VARIABLE, openInlet, parseMark } from './inlet'
export type { Mark } from './mark'
export { epochScanner, type Pattern } from './pattern'
export { PRESETS, type PresetName } from './presets'
