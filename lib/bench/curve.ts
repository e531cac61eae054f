/** A power that changes over time, as a simulated host is told it, and its exact integral. */

/** Watts from `at` seconds on: from `watts` to `to` watts within `seconds`, then `to`. */
export interface Piece {
  at: number
  watts: number
  /** Default: `watts`, all the time. */
  to?: number
  seconds?: number
}

export interface Curve {
  /** Joules from the start of the first piece to `t` seconds; before that, 0. */
  joules(t: number): number
  /** The orders that make a domain of a simulated host use it. */
  orders(id: string): string[]
}

/** Pieces follow one another by their times; each lasts until the next begins. */
export function curveOf(pieces: readonly Piece[]): Curve {
  const bases: number[] = []
  for (const [index, { at }] of pieces.entries()) {
    const last = pieces[index - 1]
    bases.push(last ? bases[index - 1]! + joulesOf(last, at - last.at) : 0)
  }
  return {
    joules(t) {
      let [low, high] = [0, pieces.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (pieces[middle]!.at <= t) low = middle + 1
        else high = middle
      }
      const piece = pieces[low - 1]
      return piece ? bases[low - 1]! + joulesOf(piece, t - piece.at) : 0
    },
    orders: (id) =>
      pieces.map(({ at, watts, to, seconds }) => {
        const curve = to === undefined ? watts : `ramp:${watts}:${to}:${seconds}`
        return `power ${id} ${curve} at=${at}`
      }),
  }
}

/** Of one piece, `t` seconds after its beginning. */
function joulesOf({ watts, to = watts, seconds = 1 }: Piece, t: number): number {
  const rising = Math.min(t, seconds)
  const mean = watts + ((to - watts) * rising) / (2 * seconds)
  return mean * rising + to * (t - rising)
}

/** Kinds of load that a real machine has. */
export const SHAPES = ['steps', 'ramps', 'bursts'] as const
export type Shape = (typeof SHAPES)[number]

/** A load of that kind from `from` seconds on, drawn with `random`, for at least `seconds`. */
export function loadOf(shape: Shape, from: number, seconds: number, random: () => number): Piece[] {
  const between = (low: number, high: number) => low + (high - low) * random()
  const pieces: Piece[] = []
  let watts = between(10, 90)
  for (let at = from; at < from + seconds; ) {
    const next = between(10, 90)
    if (shape === 'steps') {
      pieces.push({ at, watts: next })
      at += between(0.004, 0.04)
    } else if (shape === 'ramps') {
      const length = between(0.004, 0.04)
      pieces.push({ at, watts, to: next, seconds: length })
      at += length
    } else {
      const [length, pause] = [between(0.001, 0.01), between(0.003, 0.03)]
      pieces.push({ at, watts: between(80, 120) }, { at: at + length, watts: between(8, 15) })
      at += length + pause
    }
    watts = next
  }
  return pieces
}
