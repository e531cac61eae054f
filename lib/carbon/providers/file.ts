/** A time series of the user's: CSV or JSON. */
import { readFileSync } from 'node:fs'
import { parseTable } from '../../data'
import { JouletapError } from '../../errors'
import type { Basis, IntensityPoint, Location, Provider } from '../types'
import { USUAL_BASIS } from './fixed'
import { gramsOf, pointsOf, type Sample, someOf, timeOf, within } from './reply'

const TIMES = ['start', 'time', 'timestamp', 'datetime']
const VALUES = ['gramsPerKWh', 'g_per_kwh', 'carbon_intensity', 'carbonIntensity']
const LONGEST = 366 * 24 * 3600

/**
 * The series in a file: CSV with a header, or JSON with a list of objects (or `{ points: [...] }`). Each
 * row has a time (`start`, `time`, `timestamp` or `datetime`; ISO 8601 with Z or an offset) and a value
 * in g/kWh (`gramsPerKWh`, `g_per_kwh`, `carbon_intensity` or `carbonIntensity`; empty or null is a
 * hole); `end`, where it is there, ends it, else the next row does. What has begun is measured, the
 * rest a forecast.
 * @throws {JouletapError} BAD_INPUT, on use: the file cannot be read, or a row of it is wrong; the
 *   sentence names file and row.
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

function pointsIn(path: string, basis: Basis, now: Date): readonly IntensityPoint[] {
  const samples = rowsIn(path).map((row, index) => {
    try {
      return sampleOf(row, now)
    } catch (error) {
      throw badFile(path, `row ${index + 1}: ${(error as Error).message}`)
    }
  })
  return pointsOf(samples, LONGEST, {
    ...basis,
    status: 'measured',
    zone: '',
    source: path,
  })
}

function rowsIn(path: string): readonly Readonly<Record<string, unknown>>[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    throw badFile(path, (error as NodeJS.ErrnoException).code ?? 'it cannot be read')
  }
  try {
    if (!/^\s*[[{]/.test(text)) return parseTable(text, path).rows
    const value = JSON.parse(text)
    const rows = Array.isArray(value) ? value : value.points
    if (Array.isArray(rows)) return rows
  } catch (error) {
    throw badFile(path, (error as Error).message)
  }
  throw badFile(path, 'there is no list in it')
}

function sampleOf(row: Readonly<Record<string, unknown>>, now: Date): Sample {
  const start = timeOf(fieldOf(row, TIMES))
  const value = fieldOf(row, VALUES)
  return {
    start,
    gramsPerKWh: gramsOf(value),
    status: start < now ? 'measured' : 'forecast',
    ...(row.end ? { end: timeOf(row.end) } : {}),
  }
}

function fieldOf(row: Readonly<Record<string, unknown>>, names: readonly string[]): unknown {
  const name = names.find((one) => Object.hasOwn(row, one))
  if (name === undefined) throw new Error(`none of the fields ${names.join(', ')} is there`)
  return row[name]
}

function badFile(path: string, what: string): JouletapError {
  return new JouletapError('BAD_INPUT', `${path}: ${what.replace(/\.$/, '')}.`)
}
