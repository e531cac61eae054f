/** All of the bench: every part in turn, and why a part could not be taken. */
import { probe, rootFolder } from '../energy'
import { JouletapError } from '../errors'
import { native } from '../native'
import { hostInfo } from '../record'
import { drain } from './drain'
import { howTaken } from './how'
import type { Place } from './look'
import { type BenchOptions, type Counts, checkOptions, type Settings } from './options'
import { precision } from './precision'
import { rowCost } from './rows'
import { type SimulatedHosts, startHosts } from './simulate'
import { slowdown } from './slowdown'
import { soak } from './soak'
import { startup } from './startup'
import { timers } from './timers'
import type { BenchReport, SourceCost } from './types'

/** As lib/bench/index.ts promises. */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const settings = checkOptions(options)
  native()
  const notes = new Set<string>()
  const note = (sentence: string) => notes.add(sentence)
  if (!settings.simulate) {
    const root = rootFolder(settings.root)
    return await run(settings, machine(settings, root, note), undefined, root, notes)
  }
  settings.progress('starting the simulated hosts')
  const hosts = await startHosts(note)
  try {
    const places = hosts.places.filter(({ source }) => isWanted(settings, source))
    if (places.length === 0) {
      note(`Sources are none: the simulated host lacks ${String(settings.sources)}.`)
    }
    return await run(settings, places, hosts, '/', notes)
  } finally {
    await hosts.stop()
  }
}

const isWanted = ({ sources }: Settings, name: string): boolean =>
  sources === 'auto' || sources.includes(name)

/** Sources that are read in JavaScript, or not at all: no thread of the addon's has a row of them. */
const WITHOUT_THREAD = ['addon', 'powermetrics', 'estimate']

/** What this machine offers. */
function machine(settings: Settings, root: string, note: (sentence: string) => void): Place[] {
  const reports = probe({ root }).filter(
    ({ name }) => isWanted(settings, name) && !WITHOUT_THREAD.includes(name),
  )
  const usable = reports.filter((report) => report.usable && report.domains.length > 0)
  if (usable.length === 0) {
    const why = reports.flatMap(({ name, reason }) => (reason ? [`${name}: ${reason}`] : []))
    note(`Sources are none: no counter can be read here (${why.join('; ') || 'none is named'}).`)
  }
  const label = root === '/' ? 'this machine' : `below ${root}`
  return usable.map(({ name }) => ({ source: name, root, label }))
}

async function run(
  settings: Settings,
  places: readonly Place[],
  hosts: SimulatedHosts | undefined,
  root: string,
  notes: Set<string>,
): Promise<BenchReport> {
  const { counts, progress, signal, simulate, seed } = settings
  const note = (sentence: string) => notes.add(sentence)
  const startedAt = new Date()
  /** A part, or null where it is not wanted or cannot be. */
  async function part<Name extends keyof Counts, T>(
    name: Name,
    what: string,
    take: (count: Counts[Name]) => Promise<T>,
  ): Promise<T | null> {
    signal.throwIfAborted()
    const count = counts[name]
    if (count === undefined) {
      note(`The part ${name} was not asked for.`)
      return null
    }
    progress(`taking ${what}`)
    try {
      return await take(count)
    } catch (error) {
      signal.throwIfAborted()
      note(`${capital(what)} could not be taken: ${sentenceOf(error)}`)
      return null
    }
  }
  /** A part that needs counters. */
  const ofBest = <T>(take: (place: Place) => Promise<T>): Promise<T> => {
    const [place] = places
    if (!place) throw new JouletapError('NO_SOURCE', 'no counter can be read here.')
    return take(place)
  }

  const sources: SourceCost[] = []
  for (const place of places) {
    const cost = await part(
      'rows',
      `the cost of a row of ${place.source} (${place.label})`,
      (count) => rowCost(place, count, note),
    )
    if (cost) sources.push(cost)
  }
  const late = await part('timers', 'the lateness of rows', (count) =>
    timers(places[0], count, signal),
  )
  const drained = await part('drain', 'the cost of fetching rows', (count) =>
    ofBest((place) => drain(place, count, signal)),
  )
  const overhead = await part('slowdown', 'the slow-down of a busy program', (count) =>
    ofBest((place) => slowdown(place, count, signal)),
  )
  const started = await part('startup', 'the times of starting', (count) =>
    startup(places[0], count, signal),
  )
  const right = hosts
    ? await part('precision', 'precision', (count) =>
        precision(hosts, count, { seed, signal, progress, note }),
      )
    : null
  if (!hosts)
    note('Precision is null: what is true is known on a simulated host only (--simulate).')
  const soaked = await part('soak', 'a soak at 10 kHz', (count) =>
    ofBest((place) => soak(place, count, signal)),
  )
  const taken = {
    sources,
    timers: late ?? [],
    drain: drained,
    overhead,
    startup: started,
    precision: right,
    soak: soaked,
  }
  return {
    schema: 'jouletap.bench/1',
    host: hostInfo({ root }),
    simulated: simulate,
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1000,
    ...taken,
    how: howTaken(counts, seed, taken),
    notes: [...notes],
  }
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function sentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.endsWith('.') ? message : `${message}.`
}
