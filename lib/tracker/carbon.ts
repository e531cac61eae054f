/** The footprint of a meter's energy, each joule at the intensity of its time. */
import type { EnergySlice } from '../carbon'
import type { Energy, Meter } from '../energy'
import { EVERY_MS, followGrid, type GramsTold, type GridOptions } from './grid'

export interface CarbonWatch {
  /** Ends it. Waits for a service no longer than it may; never fails. */
  end(energy: Energy): Promise<GramsTold>
}

/** What of a meter is needed. */
type Meterlike = Pick<Meter, 'energy'>

/** Begins with the run; only what is live is asked in the meantime. */
export function watchCarbon(
  meter: Meterlike,
  startedAt: Date,
  { pue, ...options }: GridOptions & { pue: number },
  everyMs = EVERY_MS,
): CarbonWatch {
  const slices: EnergySlice[] = []
  let [since, used] = [startedAt, 0]

  function take({ joules, domains }: Energy, time: Date): void {
    // A date has no fractions of a millisecond, and nothing that was used is left out.
    const end = new Date(Math.max(time.getTime(), since.getTime() + 1))
    const before = slices.map((slice) => slice.domains ?? {})
    const added = domains.filter(({ additive }) => additive)
    const ofDomains = added.map(({ id, joules }): [string, number] => [
      id,
      Math.max(
        0,
        before.reduce((left, slice) => left - (slice[id] ?? 0), joules),
      ),
    ])
    slices.push({
      start: since,
      end,
      joules: Math.max(0, joules - used),
      domains: Object.fromEntries(ofDomains),
    })
    ;[since, used] = [end, joules]
  }

  const grid = followGrid(options, startedAt, () => take(meter.energy(), new Date()), everyMs)
  return {
    end(energy) {
      grid.close()
      take(energy, new Date(startedAt.getTime() + Math.round(1000 * energy.seconds)))
      // Not what was told to it, where the clock was set meanwhile.
      return grid.footprint(sure(slices, energy), since, pue)
    },
  }
}

/** Each slice with its share of the uncertainty, whose causes are the same in all. */
function sure(slices: readonly EnergySlice[], { joules, uncertaintyJoules }: Energy) {
  return slices.map((slice) => ({
    ...slice,
    uncertaintyJoules: joules > 0 ? (uncertaintyJoules * slice.joules) / joules : uncertaintyJoules,
  }))
}
