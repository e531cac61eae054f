// Power curves and their integrals, as test/host/model.cc has them: the truth on TypeScript's side.
import type { Watts } from '../host/spec'

const kinds = ['constant', 'step', 'ramp', 'square'] as const

export interface Curve {
  kind: (typeof kinds)[number]
  /** Watts: constant; before the step; at the ramp's foot; square's high part. */
  first: number
  second: number
  /** The step's time, the ramp's length, the square's period. */
  seconds: number
  duty: number
}

export const kindNumber = (curve: Curve): number => kinds.indexOf(curve.kind)

export function curveOf(watts: Watts): Curve {
  const [name, ...rest] = typeof watts === 'number' ? [''] : watts.split(':')
  const kind = kinds.find((kind) => kind === name)
  const given = kind ? rest.map(Number) : [Number(watts)]
  if (given.some((number) => !(number >= 0))) throw new Error(`${watts} is no power curve`)
  const [first = 0, second = 0, seconds = 1, duty = 0.5] = given
  return { kind: kind ?? 'constant', first, second, seconds, duty }
}

/** Used in the first t seconds; before its beginning a curve is what it is then. */
export function curveJoules({ kind, first, second, seconds, duty }: Curve, t: number): number {
  if (t < 0) return (kind === 'square' && duty === 0 ? second : first) * t
  const before = Math.min(t, seconds)
  switch (kind) {
    case 'constant':
      return first * t
    case 'step':
      return first * before + second * (t - before)
    case 'ramp':
      return (
        first * before + ((second - first) * before ** 2) / (2 * seconds) + second * (t - before)
      )
    case 'square': {
      const high = duty * seconds
      const whole = Math.floor(t / seconds)
      const rest = t - whole * seconds
      const period = first * high + second * (seconds - high)
      return whole * period + first * Math.min(rest, high) + second * Math.max(0, rest - high)
    }
  }
}
