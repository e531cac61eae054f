/** What each line of a record must be to be believed. */
import { list, map, number, object, oneOf, orNull, text, time, whole } from './check'
import type { Run } from './types'

/** The most that is believed of an intensity, in grams per kilowatt-hour: as `seriesOf` does. */
const MOST_GRAMS_PER_KWH = 3000

const quality = oneOf('measured', 'modelled', 'estimated')
const amount = orNull(number())

const domain = object(
  {
    id: text,
    kind: text,
    source: text,
    additive: oneOf(true, false),
    method: oneOf('energy-counter', 'power-samples', 'power-gauge', 'power-average', 'model'),
    quality,
  },
  {
    parent: text,
    path: text,
    device: object({}, { name: text, uuid: text, pci: text, index: whole(0), driver: text }),
  },
)

const gpu = object(
  { name: text, vendor: text },
  { pci: text, uuid: text, driver: text, driverVersion: text },
)

const host = object(
  {},
  {
    platform: text,
    arch: text,
    os: text,
    kernel: text,
    cpu: text,
    packages: whole(0),
    logicalCpus: whole(0),
    memoryBytes: number(),
    gpus: list(gpu),
    container: text,
    virtualMachine: text,
    node: text,
    jouletap: text,
  },
)

const location = object(
  {
    name: text,
    foundBy: oneOf(
      'option',
      'environment',
      'configuration',
      'cloud region',
      'network',
      'time zone',
      'nothing',
    ),
    detail: text,
  },
  { zone: text, country: text },
)

/** The first line. */
export const header = object(
  { schema: text, tool: text, startedAt: time, domains: list(domain) },
  {
    command: list(text),
    plannedEpochs: whole(1),
    pue: orNull(number(1, 10)),
    devices: map(list(text)),
    location,
    factors: map(text),
    host,
  },
)

export const rows = object({ rows: list(list(orNull(number()))) }, {})

const moment = { ms: number() }
const epoch = { epoch: whole(1) }
const maybe = { totalJoules: number(), phase: text }

const marks = {
  begin: object({ ...moment, ...epoch, at: oneOf('begin') }, maybe),
  end: object(
    { ...moment, ...epoch, at: oneOf('end'), seconds: amount, joules: amount },
    {
      ...maybe,
      start: number(),
      uncertaintyJoules: number(),
      partial: oneOf(true),
      watts: map(amount),
    },
  ),
  phase: object({ ...moment, at: oneOf('phase'), phase: text }, { totalJoules: number() }),
}

/** An epoch begins or ends, or a phase begins. */
export function mark(value: unknown, name: string) {
  const { at } = object({ at: oneOf('begin', 'end', 'phase') }, {})(value, name)
  return marks[at](value, name)
}

export const intensity = object(
  { gramsPerKWh: number(0, MOST_GRAMS_PER_KWH) },
  {
    start: time,
    end: time,
    kind: oneOf('average', 'marginal'),
    factors: oneOf('lifecycle', 'direct', 'unknown'),
    boundary: oneOf('production', 'consumption', 'unknown'),
    status: oneOf('measured', 'estimated', 'forecast', 'annual-average'),
    quantiles: list(object({ p: number(0, 1), gramsPerKWh: number(0, MOST_GRAMS_PER_KWH) }, {})),
    zone: text,
    source: text,
    year: whole(1900),
    stale: oneOf(true),
    licence: text,
    attribution: text,
  },
)

const totals = [
  { seconds: amount, joules: amount, kWh: amount, grams: amount },
  { epochs: whole(0), uncertaintyJoules: number(), equivalents: map(number()) },
] as const
const bound = object({ seconds: amount, joules: amount, grams: amount }, {})

export const prediction = object(
  { ...totals[0], seen: whole(0) },
  { ...totals[1], confidence: number(0, 1), low: bound, high: bound, assumption: text },
)

export const warning = object({ text }, {})

export const summary = object(
  {
    status: oneOf<Exclude<Run['status'], 'unfinished'>>('complete', 'stopped'),
    actual: object(...totals),
  },
  { quality, realised: object({ intervals: whole(0), held: whole(0) }, {}) },
)

/** The check of each kind of line; of the others nothing is known here. */
export const LINES = { header, rows, mark, intensity, prediction, warning, summary } as const
