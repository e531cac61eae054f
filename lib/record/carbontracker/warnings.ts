/** Says of a run what in its figures is not what it seems. */
import type { Run } from '../types'
import type { Facts } from './facts'

/** What is said depends on whether the zone of the times was given. */
interface Zone {
  timeZone: string
  zoneAssumed: boolean
}

/** The sentences; `averaged`: the components whose power is the mean of several devices. */
export function warningsOf(
  { epochs, actual, predicted, recomputed, status, devices, intensities }: Run,
  { stamp, interrupted, ...told }: Facts,
  averaged: readonly string[],
  { timeZone, zoneAssumed }: Zone,
): string[] {
  const count = epochs.length
  const left = count - (recomputed?.epochs ?? 0)
  const isLive = intensities.every(({ status }) => status !== 'annual-average')
  const known = actual ?? predicted ?? recomputed
  const all: [boolean, () => string][] = [
    [
      zoneAssumed && stamp !== undefined,
      () => `Its log does not name the time zone of its times: ${timeZone} was assumed.`,
    ],
    [
      told.actual.length > 1 || told.predicted.length > 1,
      () => 'Its log tells a consumption more than once: the last one was taken.',
    ],
    [left > 0, () => `The energy of ${left} of its ${count} epochs is not known.`],
    [
      status === 'stopped' && (interrupted ?? 0) > count,
      () =>
        `It was stopped after ${count} of ${interrupted} epochs: what the next one used is not in its log.`,
    ],
    [
      actual !== null && actual === recomputed,
      () => 'Its log does not tell what it used: this was summed up from its epochs.',
    ],
    [
      averaged.length > 0 && known !== undefined && known !== null,
      () => understated(averaged.map((one) => `${devices![one]!.length} of ${one}`)),
    ],
    [!isLive, () => 'Its intensity, or a part of it, is an annual average, not a live one.'],
  ]
  return all.filter(([holds]) => holds).map(([, sentence]) => sentence())
}

function understated(which: readonly string[]): string {
  return (
    'Its energy is understated: carbontracker took the mean of the devices of a component ' +
    `(${which.join(', ')}) for all of them; "corrected" counts each.`
  )
}
