/** How well-known programs print their epochs. */
import { epochMark, type Mark } from './mark'

/** The programs whose output is known, and `auto` for the first of them that speaks. */
export const PRESETS = {
  auto: 'whichever of these is recognised first; tqdm only where --epochs is given',
  keras: 'Keras: "Epoch 3/10"',
  lightning: 'PyTorch Lightning: "Epoch 2:  45%|████▌     | 9/20 […]", counted from 0',
  tqdm: 'a tqdm bar over the epochs: "30%|███       | 3/10 [00:06<00:14,  2.00s/it]"',
  huggingface: `the Trainer of Hugging Face: "{'loss': 0.41, …, 'epoch': 3.0}"`,
  tfjs: 'TensorFlow.js: "Epoch 3 / 10"',
} as const

export type PresetName = keyof typeof PRESETS

/**
 * The mark in a line, if there is one. Where the line is not whole, only one that holds however it
 * goes on.
 */
export type Recognise = (line: string, whole: boolean) => Mark | undefined

/** Recognises the epochs of a program; `epochs`, if it is known, is how many there are. */
export function presetFor(name: PresetName, epochs: number | undefined): Recognise {
  return MAKERS[name](epochs)
}

const MAKERS: Record<PresetName, (epochs: number | undefined) => Recognise> = {
  // keras/src/utils/progbar.py, by callbacks/progbar_logger.py: one line at the beginning of each.
  keras: () => beginning(/^Epoch (?<epoch>\d+)\/(?<epochs>\d+)/),
  // tfjs-node/src/callbacks.ts, ProgbarLogger.
  tfjs: () => beginning(/^Epoch (?<epoch>\d+) \/ (?<epochs>\d+)/),
  lightning,
  tqdm: (epochs) => tqdm(epochs),
  huggingface,
  auto,
}

/** Where a pattern is found so that nothing that may follow changes it. */
export function found(
  pattern: RegExp,
  line: string,
  whole: boolean,
): Record<string, string | undefined> | undefined {
  const match = pattern.exec(line)
  if (!match || (!whole && match.index + match[0].length === line.length)) return undefined
  return match.groups ?? {}
}

function beginning(pattern: RegExp): Recognise {
  return (line, whole) => {
    const groups = found(pattern, line, whole)
    return groups && epochMark('begin', groups.epoch, groups.epochs)
  }
}

/** lightning/pytorch/callbacks/progress/tqdm_progress.py: a bar an epoch, redrawn after each batch. */
function lightning(): Recognise {
  // Without a percentage where the number of batches is not known.
  const bar = /^Epoch (?<epoch>\d+): +(?:\d+%)?\|/
  return (line, whole) => {
    const groups = found(bar, line, whole)
    return groups && epochMark('begin', String(Number(groups.epoch) + 1))
  }
}

/**
 * tqdm/std.py, format_meter: `{desc}: {percentage}%|{bar}| {n}/{total} [{elapsed}<{remaining}, …]`.
 * Bars of other totals are loops inside an epoch. Where the total is not known it is that of the
 * first bar: the outer loop begins first.
 */
function tqdm(epochs: number | undefined): Recognise {
  const bar = /\d+%\|[^|]*\| *(?<done>\d+)\/(?<total>\d+) \[/
  let wanted = epochs
  let most = -1
  return (line, whole) => {
    const groups = found(bar, line, whole)
    if (!groups) return undefined
    const [done, total] = [Number(groups.done), Number(groups.total)]
    wanted ??= total
    if (total !== wanted || done <= most) return undefined
    most = done
    return done === 0
      ? { kind: 'begin', epoch: 1, epochs: total }
      : { kind: 'end', epoch: done, epochs: total }
  }
}

/**
 * transformers/trainer.py, log: a dictionary with the epoch as a fraction, of training, evaluation
 * and the whole. An epoch has ended when the first line tells so.
 */
function huggingface(): Recognise {
  const logged = /\{'\w+': .*'epoch': '?(?<epoch>\d+(?:\.\d+)?)'?[,}]/
  let ended = 0
  return (line) => {
    const epoch = Math.floor(Number(found(logged, line, true)?.epoch ?? 0))
    if (epoch <= ended) return undefined
    ended = epoch
    return { kind: 'end', epoch }
  }
}

function auto(epochs: number | undefined): Recognise {
  const names = ['keras', 'tfjs', 'lightning', 'huggingface'] as const
  let all = names.map((name) => MAKERS[name](epochs))
  // Any bar would do otherwise: the Trainer shows one over its steps.
  if (epochs !== undefined) all.push(tqdm(epochs))
  return (line, whole) => {
    for (const recognise of all) {
      const mark = recognise(line, whole)
      if (!mark) continue
      all = [recognise]
      return mark
    }
    return undefined
  }
}
