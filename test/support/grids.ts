// Hourly intensities of grids that are made up, each of another kind; the same for the same seed.
import { type IntensitySeries, seriesOf } from '../../lib/carbon'
import { pointOf } from './intensity'

/** g/kWh of an hour, counted from a Monday's midnight; `noise` is an autocorrelated deviate of scale 1. */
type Shape = (hour: number, noise: () => number) => number

const daylight = (hour: number) => Math.max(0, Math.sin(((hour % 24) - 6) * (Math.PI / 12)))
const evening = (hour: number) => Math.exp(-(((hour % 24) - 19) ** 2) / 8)
const isWeekend = (hour: number) => Math.floor(hour / 24) % 7 >= 5

export const GRIDS: Readonly<Record<string, Shape>> = {
  sunny: (h, noise) => 320 - 180 * daylight(h) + 60 * evening(h) + 18 * noise(),
  windy: (h, noise) => 260 + 25 * evening(h) - 20 * daylight(h) + 60 * noise(),
  coal: (h, noise) => (isWeekend(h) ? 640 : 700) + 40 * evening(h) + 12 * noise(),
  hydro: (h, noise) => 30 + 3 * daylight(h) + 2 * noise(),
  mixed: (h, noise) =>
    380 - 90 * daylight(h) + 50 * evening(h) - (isWeekend(h) ? 30 : 0) + 35 * noise(),
}

/** A grid for so many days: its noise keeps 0.93 of itself from hour to hour. */
export function gridOf(name: keyof typeof GRIDS, days: number, seed = 1): IntensitySeries {
  const random = uniform(seed)
  // Irwin and Hall's sum of twelve is as good as normal here.
  const deviate = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6
  let state = 0
  const noise = () => {
    state = 0.93 * state + Math.sqrt(1 - 0.93 ** 2) * deviate()
    return state
  }
  const shape = GRIDS[name]!
  return seriesOf(
    Array.from({ length: 24 * days }, (_, hour) =>
      pointOf(hour, hour + 1, Math.max(1, shape(hour, noise)), { zone: name }),
    ),
  )
}

/** Uniform in [0, 1): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
