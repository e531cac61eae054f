/** What a program says of its progress: an epoch begins or ends, or a phase begins. */

/** `epoch` counts from 1 wherever the program's own way of counting is known. */
export type Mark =
  | { kind: 'begin' | 'end'; epoch?: number; epochs?: number }
  | { kind: 'phase'; name: string }

/** A mark of an epoch from the digits of its number and of the total, as far as there are any. */
export function epochMark(kind: 'begin' | 'end', epoch?: string, epochs?: string): Mark {
  const [one, all] = [count(epoch), count(epochs)]
  return {
    kind,
    ...(one !== undefined && { epoch: one }),
    ...(all !== undefined && { epochs: all }),
  }
}

function count(digits: string | undefined): number | undefined {
  const value = Number(digits || Number.NaN)
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined
}
