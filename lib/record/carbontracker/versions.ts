/** What the releases of carbontracker reckoned with, for logs that do not say it themselves. */

/** Constants of a release. */
export interface Release {
  /** Null: energy stands in the log without PUE. */
  pue: number | null
  gramsPerKm: number
  /** What it took where it knew of no country. */
  fallback: { gramsPerKWh: number; zone: string; year: number }
  /** Whether the power of a component is the mean of its devices. */
  averages: boolean
}

const EU = { gramsPerKWh: 294.21, zone: 'EU-28', year: 2017 }
const WORLD_2019 = { gramsPerKWh: 475, zone: 'WORLD', year: 2019 }
const LATER_WORLD_2019 = { gramsPerKWh: 481, zone: 'WORLD', year: 2019 }
const WORLD_2024 = { gramsPerKWh: 445, zone: 'WORLD', year: 2024 }

/** By the first release that had them, the newest first; read in the sources of the releases. */
const RELEASES: readonly (Release & { since: readonly [number, number, number] })[] = [
  { since: [2, 4, 0], pue: 1.58, gramsPerKm: 106.8, fallback: WORLD_2024, averages: true },
  { since: [2, 0, 0], pue: 1.58, gramsPerKm: 107.5, fallback: LATER_WORLD_2019, averages: true },
  { since: [1, 1, 7], pue: 1.55, gramsPerKm: 107.5, fallback: WORLD_2019, averages: false },
  { since: [1, 1, 5], pue: 1.59, gramsPerKm: 120.4, fallback: EU, averages: false },
  { since: [1, 1, 3], pue: 1.67, gramsPerKm: 120.4, fallback: EU, averages: false },
  { since: [1, 1, 0], pue: 1.58, gramsPerKm: 120.4, fallback: EU, averages: false },
  { since: [1, 0, 0], pue: null, gramsPerKm: 120.4, fallback: EU, averages: false },
]

/** The release of a version such as `2.4.3` or `2.3.4.dev1+g61759d185`; undefined: not known. */
export function releaseOf(version: string | undefined): Release | undefined {
  const found = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version ?? '')
  if (!found) return undefined
  const numbers = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)] as const
  return RELEASES.find(({ since }) => {
    const first = since.findIndex((number, index) => number !== numbers[index])
    return first < 0 || since[first]! < numbers[first]!
  })
}
