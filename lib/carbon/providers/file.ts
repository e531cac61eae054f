/** A time series of the user's: CSV or JSON. */
import { readFileSync } from 'node:fs'
import { parseTable } from '../../data'
import { JouletapError } from '../../errors'
import type { Basis, IntensityPoint, Location, Provider } from '../types'
import { BASIS_NAMES, isWord, USUAL_BASIS, WORDS } from './basis'
import { gramsOf, pointsOf, type Sample, someOf, timeOf, within } from './reply'

const TIMES = ['start', 'time', 'timestamp', 'datetime']
const GRAMS = ['gramsPerKWh', 'g_per_kwh', 'carbon_intensity', 'carbonIntensity']
const KILOGRAMS = ['kgPerKWh', 'kg_per_kwh']
const LONGEST = 366 * 24 * 3600

/**
 * The series in a file: CSV with a header, or JSON with a list of objects (or `{ points: [...] }`).
 * - The time of a row is `start`, `time`, `timestamp` or `datetime`: ISO 8601 with Z or an offset.
 * - Its value is `gramsPerKWh`, `g_per_kwh`, `carbon_intensity` or `carbonIntensity`, in g/kWh, or
 *   `kgPerKWh` or `kg_per_kwh`; empty or null is a hole.
 * - It ends at `end`, where that is there, else where the next one starts; the last is as long as the
 *   one before, and a single one a year.
 * - `status` is `measured`, `estimated` or `forecast`; else what has begun is measured, the rest a
 *   forecast.
 * - `kind`, `factors` and `boundary`, the same in all rows, go before `basis`.
 * @throws {JouletapError} BAD_INPUT, on use: the file cannot be read, a row of it is wrong, or two rows
 *   tell of one time; the sentence names file and line.
 */
export function file(path: string, basis: Basis = USUAL_BASIS, now = () => new Date()): Provider {
  let read: readonly IntensityPoint[] | undefined

  async function range({ zone, country, name }: Location, from: Date, to: Date) {
    read ??= pointsIn(path, basis, now())
    const points = within(read, from, to).map((point) => ({
      ...point,
      zone: zone ?? country ?? name,
    }))
    return someOf(points, path)
  }
  return {
    id: 'file',
    covers: () => true,
    range,
    forecast: (location, hours) =>
      range(location, now(), new Date(now().getTime() + hours * 3_600_000)),
  }
}

/** A row, and what a person calls it: `line 3` of CSV, `row 2` of JSON. */
interface Row {
  readonly at: string
  readonly fields: Readonly<Record<string, unknown>>
}

function pointsIn(path: string, usual: Basis, now: Date): readonly IntensityPoint[] {
  const rows = rowsIn(path)
  const [first] = rows
  if (!first) throw badFile(path, 'there is no row in it')
  const basis = inRow(path, first, (fields) => basisIn(fields, usual))
  const samples = rows.map((row) =>
    inRow(path, row, (fields) => {
      mustBeAlike(basis, basisIn(fields, usual))
      return { at: row.at, ...sampleOf(fields, now) }
    }),
  )
  mustNotOverlap(path, samples)
  return pointsOf(samples, LONGEST, { ...basis, status: 'measured', zone: '', source: path })
}

function rowsIn(path: string): readonly Row[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw badFile(path, (error as NodeJS.ErrnoException).code ?? 'it cannot be read')
  }
  return /^\s*[[{]/.test(text) ? rowsOfJson(path, text) : rowsOfTable(path, text)
}

function rowsOfTable(path: string, text: string): readonly Row[] {
  try {
    const { rows, lines } = parseTable(text, path)
    return rows.map((fields, index) => ({ at: `line ${lines[index]}`, fields }))
  } catch (error) {
    // It begins with the path.
    throw new JouletapError('BAD_INPUT', (error as Error).message)
  }
}

function rowsOfJson(path: string, text: string): readonly Row[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw badFile(path, (error as Error).message)
  }
  const list = Array.isArray(value) ? value : (value as { points?: unknown }).points
  if (!Array.isArray(list)) throw badFile(path, 'there is no list in it')
  return list.map((fields, index) => ({ at: `row ${index + 1}`, fields }))
}

/** What is made of a row; what is wrong with it is told with file and line. */
function inRow<T>(path: string, { at, fields }: Row, make: (fields: Row['fields']) => T): T {
  try {
    if (typeof fields !== 'object' || fields === null) throw new Error('it is no object')
    return make(fields)
  } catch (error) {
    throw badFile(`${path}, ${at}`, (error as Error).message)
  }
}

function basisIn(fields: Row['fields'], usual: Basis): Basis {
  const told = BASIS_NAMES.flatMap((name) => {
    const value = fields[name] || usual[name]
    if (isWord(name, value)) return [[name, value]]
    throw new Error(`${name} must be ${WORDS[name].join(' or ')}, not ${String(value)}`)
  })
  return Object.fromEntries(told) as unknown as Basis
}

function mustBeAlike(first: Basis, basis: Basis): void {
  const other = BASIS_NAMES.find((name) => basis[name] !== first[name])
  if (other === undefined) return
  throw new Error(`${other} is ${basis[other]}, and ${first[other]} in the first row`)
}

function sampleOf(fields: Row['fields'], now: Date): Sample {
  const start = timeOf(fieldOf(fields, TIMES))
  const end = fields.end ? timeOf(fields.end) : undefined
  if (end && end <= start) throw new Error('it ends before it starts')
  return {
    start,
    gramsPerKWh: gramsIn(fields),
    status: statusOf(fields, start, now),
    ...(end && { end }),
  }
}

function gramsIn(fields: Row['fields']): number | null {
  const value = fieldOf(fields, [...GRAMS, ...KILOGRAMS])
  const isKilograms = !GRAMS.some((name) => Object.hasOwn(fields, name))
  const grams = isKilograms && isNumber(value) ? 1000 * Number(value) : value
  return gramsOf(grams)
}

function isNumber(value: unknown): boolean {
  if (typeof value === 'string' && value.trim() !== '') return !Number.isNaN(Number(value))
  return typeof value === 'number'
}

function statusOf({ status }: Row['fields'], start: Date, now: Date): IntensityPoint['status'] {
  if (!status) return start < now ? 'measured' : 'forecast'
  if (status === 'measured' || status === 'estimated' || status === 'forecast') return status
  throw new Error(`status must be measured, estimated or forecast, not ${String(status)}`)
}

function fieldOf(fields: Row['fields'], names: readonly string[]): unknown {
  const name = names.find((one) => Object.hasOwn(fields, one))
  if (name === undefined) throw new Error(`none of the fields ${names.join(', ')} is there`)
  return fields[name]
}

/** Else one of them would be taken for the place, and nobody would know which: of two grids, say. */
function mustNotOverlap(path: string, samples: readonly (Sample & { at: string })[]): void {
  const sorted = [...samples].sort((a, b) => a.start.getTime() - b.start.getTime())
  for (const [index, { at, start }] of sorted.entries()) {
    const before = sorted[index - 1]
    if (!before || (before.start < start && !(before.end && before.end > start))) continue
    throw badFile(`${path}, ${at}`, `${before.at} tells of ${start.toISOString()} as well`)
  }
}

function badFile(where: string, what: string): JouletapError {
  return new JouletapError('BAD_INPUT', `${where}: ${what.replace(/\.$/, '')}.`)
}
