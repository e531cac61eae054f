/** What a tracker prints: predictions, epochs and the end, in lines for a person. */
import { equivalents } from '../carbon'
import type { Estimate, Prediction } from '../predict'
import {
  aboutJoulesText,
  decimals,
  durationText,
  fixed,
  gramsText,
  joulesText,
  kWhText,
  wattsText,
} from '../text'
import type { Epoch, TrackerReport, Used } from './types'

/** `epoch 3: 800.0 ± 1.2 J in 2.003 s, 400.0 W, about 0.099 g CO2e`. */
export function epochText({ epoch, phase, partial, energy, seconds, grams }: Epoch): string {
  const { joules, uncertaintyJoules } = energy
  // Nothing was read: that is not zero.
  const isKnown = energy.coverage > 0
  const used = isKnown ? joulesText(joules, uncertaintyJoules) : 'an energy that is not known'
  const parts = [
    `${used} in ${durationText(seconds)}`,
    ...(isKnown && seconds > 0 ? [wattsText(joules / seconds, uncertaintyJoules / seconds)] : []),
    ...(grams === undefined ? [] : [`about ${massText(grams)} CO2e`]),
  ]
  const name = `epoch ${epoch}${phase === undefined ? '' : ` (${phase})`}`
  return `jouletap: ${name}${partial ? ', not complete' : ''}: ${parts.join(', ')}\n`
}

/** The whole run as it is expected, with its interval, the assumption and what was noticed. */
export function predictionText(prediction: Prediction, interpretable: boolean): string {
  const { epochs, seen, joules, seconds, grams, rough, confidence } = prediction
  if (!Number.isFinite(joules.value)) return ''
  const basis = `after ${countText(seen, 'epoch')}`
  const lines = [
    `jouletap: ${countText(epochs, 'epoch')} will use ${rough ? 'roughly ' : ''}${rangeText(joules, aboutJoulesText)} in ${rangeText(seconds, durationText)}, predicted ${basis}`,
  ]
  if (grams) {
    const like = interpretable ? likeText(grams.value) : ''
    lines.push(`  ${rangeText(grams, massText)} CO2e${like}`)
  }
  const isInterval = joules.low !== undefined
  if (isInterval) lines.push(`  in brackets: where it is with ${Math.round(100 * confidence)} %`)
  for (const line of [prediction.assumption, ...prediction.notes]) if (line) lines.push(`  ${line}`)
  return `${lines.join('\n')}\n`
}

/** What all epochs used, beside what was predicted first and last. */
export function reportText(
  report: TrackerReport,
  interpretable: boolean,
  warnings = report.warnings,
): string {
  const { actual, between, carbon, pue, plannedEpochs, status, files } = report
  const of = status === 'complete' ? '' : ` of ${plannedEpochs}`
  const { joules, uncertaintyJoules, seconds } = actual
  const kWh = kWhText(joules, uncertaintyJoules)
  const lines = [
    `jouletap: ${actual.epochs}${of} ${actual.epochs === 1 && !of ? 'epoch' : 'epochs'} used ` +
      `${joulesText(joules, uncertaintyJoules)}${kWh ? ` (${kWh})` : ''} in ${durationText(seconds)}, ${actual.quality}`,
  ]
  if (pue !== 1)
    lines.push(`  ${joulesText(joules * pue, uncertaintyJoules * pue)} with PUE ${pue}`)
  if (carbon) {
    const { grams, intensity } = carbon
    const like = interpretable ? likeText(grams) : ''
    const rate = `${Number(intensity.gramsPerKWh.toPrecision(3))} g/kWh`
    lines.push(`  about ${massText(grams)} CO2e at ${rate}, ${intensity.zone}${like}`)
  }
  if (isWorthTelling(between, actual))
    lines.push(`  ${usedText(between)} between epochs, not counted`)
  for (const file of files) lines.push(`  written: ${file}`)
  for (const warning of warnings) lines.push(`  ${warning}`)
  return `${lines.join('\n')}\n`
}

function isWorthTelling(between: Used, actual: Used): boolean {
  return between.joules > Math.max(actual.uncertaintyJoules, 0.001 * actual.joules)
}

function usedText({ joules, uncertaintyJoules, seconds }: Used): string {
  return `${joulesText(joules, uncertaintyJoules)} in ${durationText(seconds)}`
}

function countText(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

/** `16.1 kJ (15.9 kJ … 16.4 kJ)`. */
function rangeText({ value, low, high }: Estimate, text: (value: number) => string): string {
  if (low === undefined || high === undefined) return text(value)
  return `${text(value)} (${text(low)} … ${text(high)})`
}

const massText = (grams: number) => gramsText(Number(grams.toPrecision(2)), 0)

/** `, as 1.4 km by a new car of 2024`; empty where that is less than a metre. */
function likeText(grams: number): string {
  const car = equivalents(grams).findLast(({ id }) => id.startsWith('car_km'))
  if (!car || car.count < 0.001) return ''
  return `, as ${fixed(car.count, decimals(car.count, 0) - 2)} ${car.name}`
}
