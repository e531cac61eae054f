/** What a tracker measures: the wanted domains of a meter, and devices that are only made up. */
import {
  type Domain,
  type DomainEnergy,
  type Energy,
  isGpu,
  Meter,
  type Span,
  weakest,
} from '../energy'
import { JouletapError } from '../errors'
import type { Settings, Simulated } from './options'

/** A stretch of time that is being measured. */
export interface Stretch {
  /** What was used so far; the stretch goes on. */
  joules(): number
  end(): Energy
}

export interface Gauge {
  readonly domains: Domain[]
  readonly notes: string[]
  begin(): Stretch
  /** A row: joules since the start of each domain. */
  row(): Float64Array
  /** Joules since the start of all domains that are added, as of the last reading of slow devices. */
  total(): number
  /** The energy since it was made: again and again the same. */
  stop(): Energy
}

/**
 * Starts to measure.
 * @throws {JouletapError} as `Meter` does; NO_SOURCE: there is none of the wanted components.
 */
export function openGauge({ wanted, simulated, interval, meter, devicesByPid }: Settings): Gauge {
  const made = simulated.filter(({ component }) => wanted[component])
  const real = {
    cpu: wanted.cpu && !made.some(({ component }) => component === 'cpu'),
    gpu: wanted.gpu && !made.some(({ component }) => component === 'gpu'),
  }
  const isReal = (domain: Domain) => (isGpu(domain) ? real.gpu : real.cpu)
  if (!real.cpu && !real.gpu) return gaugeOf(undefined, made, isReal)
  const device = new Meter({
    ...meter,
    ...(!real.gpu && { gpus: 'none' }),
    intervalMs: 1000 * interval,
    byPid: devicesByPid ?? false,
  })
  if (device.domains.some(isReal)) return gaugeOf(device.start(), made, isReal)
  device[Symbol.dispose]()
  if (made.length > 0) return gaugeOf(undefined, made, isReal)
  const lacks = real.cpu ? 'processor to measure' : 'GPU whose power can be read'
  throw new JouletapError('NO_SOURCE', `There is no ${lacks}: "jouletap doctor" says why.`)
}

function gaugeOf(
  meter: Meter | undefined,
  made: readonly Simulated[],
  isReal: (domain: Domain) => boolean,
): Gauge {
  const startedAt = performance.now()
  const secondsSince = (ms: number) => (performance.now() - ms) / 1000
  const only = (energy: Energy): Energy =>
    energy.domains.every((domain) => !domain.additive || isReal(domain))
      ? { ...energy, domains: energy.domains.filter(isReal) }
      : partOf(energy, isReal)
  const measured = (span: Pick<Span, 'end'> | undefined, since: number): Energy => {
    const energy = span ? only(span.end()) : NOTHING
    const seconds = span ? energy.seconds : secondsSince(since)
    return withMade(energy, made, seconds)
  }
  const real = added(meter?.domains.filter(isReal) ?? [])
  const columns =
    meter?.domains.flatMap((domain, index) => (isReal(domain) ? [1 + index] : [])) ?? []
  const domains = [...real, ...made.map((one) => madeDomain(one))]
  let total: Energy | undefined
  const row = (): Float64Array => {
    const read = meter?.readNow()
    const seconds = secondsSince(startedAt)
    return Float64Array.from([
      ...columns.map((column) => read![column]!),
      ...made.map(({ watts }) => watts * seconds),
    ])
  }
  return {
    domains,
    notes: meter?.notes ?? [],
    begin() {
      const since = performance.now()
      const before = meter ? only(meter.energy()).joules : 0
      const span = meter?.span()
      const ofMade = () => made.reduce((sum, { watts }) => sum + watts * secondsSince(since), 0)
      return {
        joules: () => (meter ? only(meter.energy()).joules - before : 0) + ofMade(),
        end: () => measured(span, since),
      }
    },
    row,
    total: () =>
      row().reduce((sum, joules, index) => sum + ((domains[index]!.additive && joules) || 0), 0),
    stop() {
      total ??= measured(meter && { end: () => meter.stop() }, startedAt)
      return total
    },
  }
}

const NOTHING: Energy = {
  joules: 0,
  uncertaintyJoules: 0,
  seconds: 0,
  watts: 0,
  quality: 'measured',
  coverage: 1,
  domains: [],
  warnings: [],
}

/** After these some of the time may be missing. */
const UNCOVERING: readonly DomainEnergy['flags'][number][] = ['gap', 'stale', 'reset', 'backwards']

/** The energy of some of its domains; their errors may all have one cause, so they are added. */
function partOf(energy: Energy, isReal: (domain: Domain) => boolean): Energy {
  const domains = added(energy.domains.filter(isReal))
  const others = energy.domains.filter((domain) => !isReal(domain))
  const counted = domains.filter(({ additive }) => additive)
  const sum = (field: 'joules' | 'uncertaintyJoules') =>
    counted.reduce((total, domain) => total + domain[field], 0)
  const joules = sum('joules')
  const isWhole = counted.every(({ flags }) => !flags.some((flag) => UNCOVERING.includes(flag)))
  return {
    ...energy,
    domains,
    joules,
    uncertaintyJoules: sum('uncertaintyJoules'),
    watts: energy.seconds > 0 ? joules / energy.seconds : 0,
    quality: weakest(counted.map(({ quality }) => quality)),
    // What is missing may be of others.
    coverage: isWhole ? 1 : energy.coverage,
    warnings: energy.warnings.filter(
      (text) => !others.some(({ id }) => text.startsWith(`${id} `) || text.startsWith(`${id}:`)),
    ),
  }
}

/** A domain that was part of another counts itself where that one is not wanted. */
function added<T extends Domain>(domains: readonly T[]): T[] {
  const isThere = (wanted: string | undefined) => domains.some(({ id }) => id === wanted)
  return domains.map((one) =>
    one.additive || one.parent === undefined || isThere(one.parent)
      ? one
      : { ...one, additive: true },
  )
}

function madeDomain({ component, name }: Simulated): Domain {
  return {
    id: `simulated-${component}`,
    kind: component === 'cpu' ? 'package' : 'gpu',
    source: 'simulated',
    additive: true,
    device: { name },
    method: 'model',
    quality: 'estimated',
  }
}

/** With the devices that are made up, whose power is as true as whoever named it. */
function withMade(energy: Energy, made: readonly Simulated[], seconds: number): Energy {
  if (made.length === 0) return energy
  const parts = made.map(
    (one): DomainEnergy => ({
      ...madeDomain(one),
      joules: one.watts * seconds,
      uncertaintyJoules: 0,
      flags: [],
    }),
  )
  const joules = parts.reduce((sum, part) => sum + part.joules, energy.joules)
  const names = made.map(({ name, watts }) => `${name} at ${Number(watts.toPrecision(6))} W`)
  return {
    ...energy,
    joules,
    seconds,
    watts: seconds > 0 ? joules / seconds : 0,
    quality: 'estimated',
    domains: [...energy.domains, ...parts],
    warnings: [...energy.warnings, `Simulated, not measured: ${names.join(', ')}.`],
  }
}
