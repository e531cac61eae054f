/** The texts of carbontracker 2.4 that have more than one line, letter by letter. */
import { longTime, pythonFixed, pythonFloat, shortTime } from './python'

/** What a block tells. */
export interface LoggedTotals {
  /** Of how many epochs; absent of a command, which has none. */
  epochs?: number
  seconds: number
  /** With PUE. */
  kWh: number
  /** Of CO2-equivalent, with PUE; null: not known. */
  grams: number | null
  /** Unit, such as `km travelled by car`, to number. */
  equivalents?: Readonly<Record<string, number>>
}

/** A block of the output log: tabs, and the blank that ends its first line's greeting, are theirs. */
export function blockText(
  kind: 'Predicted' | 'Actual',
  { epochs, seconds, kWh, grams, equivalents }: LoggedTotals,
  decimals: number,
  interpretable: boolean,
): string {
  const number = (value: number) => pythonFixed(value, decimals)
  const same = interpretable ? Object.entries(equivalents ?? {}) : []
  return [
    '',
    `${kind} consumption${epochs === undefined ? '' : ` for ${epochs} epoch(s)`}:`,
    `\tTime:\t${shortTime(seconds)}`,
    `\tEnergy:\t${number(kWh)} kWh`,
    `\tCO2eq:\t${number(grams ?? Number.NaN)} g`,
    ...(same.length > 0 ? ['\tThis is equivalent to:'] : []),
    ...same.map(([unit, count]) => `\t${number(count)} ${oneLine(unit)}`),
  ].join('\n')
}

/** What the standard log tells of an epoch. */
export function epochLines({
  epoch,
  seconds,
  watts,
}: {
  epoch: number
  seconds: number
  watts: Readonly<Record<string, number | null>>
}): string[] {
  return [
    `Epoch ${epoch}:`,
    `Duration: ${longTime(seconds)}`,
    ...Object.entries(watts).map(
      ([component, power]) =>
        `Average power usage (W) for ${component.toLowerCase()}: ` +
        (power === null ? 'None' : pythonFloat(power)),
    ),
  ]
}

/** A name without what would break the line. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ')
}
