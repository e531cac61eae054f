/** Follows the intensity of the grid while a command runs, and tells its footprint at the end. */
import { type EnergySlice, footprint, type IntensityPoint, intensity, seriesOf } from '../carbon'
import type { Energy, Meter } from '../energy'
import type { RunCarbon } from '../record'
import type { LiveOptions } from './live'

/** How often the energy is looked at and, where a service tells, the intensity. */
const EVERY_MS = 15 * 60_000
/** What a service said so long before the start is better than nothing. */
const BEFORE_MS = 3_600_000

export interface CarbonWatch {
  /** Ends it. Waits for a service no longer than it may; never fails. */
  end(energy: Energy): Promise<{ carbon: RunCarbon | null; warnings: string[] }>
}

/** What of a meter is needed. */
type Meterlike = Pick<Meter, 'energy'>

/** Begins with the command; only what is live is asked in the meantime. */
export function watchCarbon(
  meter: Meterlike,
  startedAt: Date,
  { pue, place, ...options }: LiveOptions & { pue: number },
  everyMs = EVERY_MS,
): CarbonWatch {
  const slices: EnergySlice[] = []
  let known: readonly IntensityPoint[] = []
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

  /** From `from` to now; what is live is remembered. */
  async function ask(from: Date, to: Date) {
    const answer = await intensity(place, { ...options, from, to })
    const { points } = answer.series
    const isLive = points[0]!.status !== 'annual-average'
    if (isLive) known = [...known.filter((old) => !points.some(overlaps(old))), ...points]
    return { ...answer, isLive }
  }

  function look(): void {
    take(meter.energy(), new Date())
    // It may fail, as the last of them may: then what is known stands in.
    ask(new Date(Date.now() - BEFORE_MS), new Date()).catch(() => {})
  }
  // An annual mean is the same all the time.
  const timer = options.live ? setInterval(look, everyMs).unref() : undefined

  return {
    async end(energy) {
      clearInterval(timer)
      const end = new Date(startedAt.getTime() + Math.max(1, Math.round(1000 * energy.seconds)))
      take(energy, end)
      try {
        const from = options.live ? new Date(startedAt.getTime() - BEFORE_MS) : startedAt
        const answer = await ask(from, end)
        const recalled = !answer.isLive && known.length > 0
        // A service may have forgotten the beginning of a long run.
        const series = known.length > 0 ? seriesOf(known) : answer.series
        const {
          warnings,
          kWh: _,
          pue: __,
          ...told
        } = footprint(sure(slices, energy), series, { pue })
        const { name, zone, country, foundBy, detail } = answer.location
        const location = {
          name,
          foundBy,
          detail,
          ...(zone && { zone }),
          ...(country && { country }),
        }
        return {
          carbon: { ...told, location },
          warnings: [...(recalled ? [RECALLED] : answer.warnings), ...warnings],
        }
      } catch (error) {
        return { carbon: null, warnings: [`No footprint: ${(error as Error).message}`] }
      }
    },
  }
}

const overlaps = (a: IntensityPoint) => (b: IntensityPoint) => a.start < b.end && b.start < a.end

const RECALLED = 'The service failed at the end: what it said during the run was used.'

/** Each slice with its share of the uncertainty, whose causes are the same in all. */
function sure(slices: readonly EnergySlice[], { joules, uncertaintyJoules }: Energy) {
  return slices.map((slice) => ({
    ...slice,
    uncertaintyJoules: joules > 0 ? (uncertaintyJoules * slice.joules) / joules : uncertaintyJoules,
  }))
}
