/** Finds the epochs of a program in what it prints. */
import { lineCutter } from './lines'
import { epochMark, type Mark } from './mark'
import { found, type PresetName, presetFor, type Recognise } from './presets'

/** How epochs are recognised: a program that is known, or an expression for a line of it. */
export type Pattern =
  | {
      preset: PresetName
      /** How many epochs there are, if that is known. */
      epochs?: number
    }
  | {
      /** `(?<epoch>\d+)` is the number of the epoch, `(?<epochs>\d+)` how many there are. */
      regex: RegExp
      /** What has just happened when such a line is printed. */
      at: 'begin' | 'end'
    }

/**
 * Takes the output of a program, one stream of it, chunk by chunk, and gives the marks in it as soon
 * as they are certain: in a line that has not ended too, but no number twice in a row. Lines end at
 * `\n` or `\r`; escape sequences of terminals and what a line holds after 4096 bytes are left out.
 */
export function epochScanner(pattern: Pattern): (chunk: Uint8Array) => Mark[] {
  const recognise =
    'preset' in pattern
      ? presetFor(pattern.preset, pattern.epochs)
      : expression(pattern.regex, pattern.at)
  let marks: Mark[] = []
  let last: string | undefined
  const lines = lineCutter((line, whole) => {
    const mark = recognise(line, whole)
    if (!mark || mark.kind === 'phase') return false
    const name = `${mark.kind} ${mark.epoch}`
    if (mark.epoch === undefined || name !== last) marks.push(mark)
    last = name
    return true
  })
  return (chunk) => {
    marks = []
    lines.add(chunk)
    return marks
  }
}

function expression(regex: RegExp, at: 'begin' | 'end'): Recognise {
  // With g or y an expression goes on where it last matched.
  const own = new RegExp(regex.source, regex.flags.replace(/[gy]/g, ''))
  return (line, whole) => {
    const groups = found(own, line, whole)
    return groups && epochMark(at, groups.epoch, groups.epochs)
  }
}
