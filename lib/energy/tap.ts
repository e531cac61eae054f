/** Joins the counters and, where they leave the processor unread, the estimate into one set of domains. */
import { type Native, type NativeRefusal, type NativeSampler, native } from '../native'
import { type Estimator, monotonicMs, openEstimator } from './estimator'
import type { Settings } from './options'
import { type Channel, channelOf, columnOf, emptyReading, joulesOf, type Reading } from './reading'
import { isProcessor, nothingToRead, remarksOn } from './remarks'
import type { DeviceShares, Overhead, Rows } from './types'

/** What a meter reads from. */
export interface Tap {
  readonly channels: readonly Channel[]
  /** Sentences about what was chosen and why. */
  readonly notes: readonly string[]
  /** Of those, the ones that belong beside every number. */
  readonly warnings: readonly string[]
  /** Starts; the baseline is the first reading. */
  start(): Reading
  stop(): void
  /** A reading of all channels now; after `stop()`, the last one. */
  sample(): Reading
  /** Keeps rows from now on, or no longer. */
  record(on: boolean): void
  /** The rows kept since the last call, oldest first; their times are of CLOCK_MONOTONIC. */
  read(): Rows
  overhead(): Overhead
  /** How the energy of GPUs was divided among processes so far. */
  shares(): DeviceShares[]
}

/** Seconds of rows that are kept for a reader who is late. */
const KEPT_SECONDS = 4
const KEPT_ROWS = { least: 1024, most: 65_536 }

/**
 * Opens what the settings ask for.
 * @throws {JouletapError} NO_SOURCE or PERMISSION_DENIED if nothing can be read and no estimate is wanted.
 */
export function openTap(settings: Settings): Tap {
  const { sources, estimate } = settings
  const auto = sources === 'auto'
  const named = auto ? [] : sources.filter((name) => name !== 'estimate')
  const tried = auto || named.length > 0
  const { sampler, refusals, missing } = tried ? openSampler(settings, named) : NOTHING
  const counters = (sampler?.domains ?? []).map(channelOf)
  const unread = !counters.some(isProcessor)
  const asked = !auto && sources.includes('estimate')
  const fallback = estimate && (auto || counters.length === 0)
  const estimator = unread && (asked || fallback) ? openEstimator(settings, counters) : undefined
  if (counters.length === 0 && !estimator) throw nothingToRead(refusals, missing)

  const { notes, warnings } = remarksOn({ settings, sampler, estimator, refusals, missing })
  const gated = counters.some(({ source }) => source === 'nvml')
  if (settings.host.pids.length > 0 && !gated) notes.push(NOTHING_TO_GATE)
  return join(sampler, estimator, notes, warnings)
}

const NOTHING_TO_GATE = 'byPid changes nothing: no NVIDIA GPU is read.'

interface Opened {
  sampler?: NativeSampler
  refusals: readonly NativeRefusal[]
  /** Why there is no addon. */
  missing?: string
}

const NOTHING: Opened = { refusals: [] }

function openSampler({ intervalMs, host }: Settings, named: readonly string[]): Opened {
  const { least, most } = KEPT_ROWS
  const capacity = Math.min(most, Math.max(least, Math.ceil((KEPT_SECONDS * 1000) / intervalMs)))
  let addon: Native
  try {
    addon = native()
  } catch (error) {
    return { refusals: [], missing: (error as Error).message }
  }
  const sampler = new addon.Sampler(named, intervalMs, capacity, host)
  const { refusals, domains } = sampler
  return domains.length > 0 ? { sampler, refusals } : { refusals }
}

/** One set of domains from either or both: the counters first, then the estimate. */
function join(
  sampler: NativeSampler | undefined,
  estimator: Estimator | undefined,
  notes: readonly string[],
  warnings: readonly string[],
): Tap {
  const counters = (sampler?.domains ?? []).map(channelOf)
  const channels = [...counters, ...(estimator?.channels ?? [])]
  const offset = columnOf(counters.length)
  const width = 1 + counters.length
  let buffer = new Float64Array(0)
  let last: Reading | undefined

  function look(how: 'start' | 'sample' = 'sample'): Reading {
    const reading = emptyReading(channels.length)
    if (sampler) sampler[how](reading)
    else reading[0] = monotonicMs()
    estimator?.sample(reading, offset)
    return reading
  }

  /** The sampler's rows, with the estimate at their times. */
  function readSampler(from: NativeSampler): Rows {
    if (buffer.length === 0) buffer = new Float64Array(KEPT_ROWS.least * width)
    const count = from.read(buffer)
    const times = new Float64Array(count)
    const joules = channels.map(() => new Float64Array(count))
    for (let row = 0; row < count; row++) {
      const time = buffer[row * width]!
      times[row] = time
      for (let column = 0; column < channels.length; column++) {
        joules[column]![row] =
          column < counters.length
            ? buffer[row * width + 1 + column]!
            : estimator!.joulesAt(time, column - counters.length)
      }
    }
    return { times, joules }
  }

  function readEstimator(from: Estimator): Rows {
    const points = from.drain()
    return {
      times: Float64Array.from(points, (point) => point[0]!),
      joules: channels.map((_, index) =>
        Float64Array.from(points, (point) => joulesOf(point, index)),
      ),
    }
  }

  return {
    channels,
    notes,
    warnings,
    start() {
      const baseline = look('start')
      estimator?.start()
      return baseline
    },
    stop() {
      sampler?.stop()
      estimator?.stop()
      last = look()
    },
    sample: () => last ?? look(),
    record(on) {
      sampler?.record(on)
      if (on) estimator?.record()
    },
    read: () => (sampler ? readSampler(sampler) : readEstimator(estimator!)),
    overhead() {
      const model = estimator?.overhead() ?? { cpuSeconds: 0, rows: 0, overwritten: 0 }
      if (!sampler) return { ...model, overruns: 0, realtime: false }
      const { cpuSeconds, rows, overwritten, overruns, realtime } = sampler.overhead()
      return { cpuSeconds: cpuSeconds + model.cpuSeconds, rows, overwritten, overruns, realtime }
    },
    shares: () =>
      (sampler?.shares() ?? []).map(({ processes, ...device }) => ({
        ...device,
        processes: [...processes],
        quality: 'modelled',
      })),
  }
}
