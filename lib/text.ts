/** Numbers as people read them: no digit that the uncertainty does not bear. */
import { toKWh } from './units'

/** From here on kilowatt-hours are shown too: 0.01 kWh. */
const SHOW_KWH = 36_000

/** Prefixes of joules, largest first. */
const SCALES = [
  { from: 10_000_000, factor: 1e6, unit: 'MJ' },
  { from: 10_000, factor: 1e3, unit: 'kJ' },
  { from: 1, factor: 1, unit: 'J' },
  { from: 0, factor: 1e-3, unit: 'mJ' },
] as const

/**
 * How many decimals a value with this uncertainty bears; negative: zeros before the point. Two
 * digits of the uncertainty where they begin with 10 … 35, else one (Particle Data Group, Review
 * of Particle Physics, "Rounding"). A value that is exact, or claims to be, gets four digits.
 */
export function decimals(value: number, uncertainty: number): number {
  if (uncertainty > 0 && Number.isFinite(uncertainty)) {
    const exponent = Math.floor(Math.log10(uncertainty))
    const leading = Math.round((uncertainty / 10 ** exponent) * 100)
    if (leading >= 950) return -exponent
    return leading < 355 ? 1 - exponent : -exponent
  }
  if (value === 0 || !Number.isFinite(value)) return 0
  return 3 - Math.floor(Math.log10(Math.abs(value)))
}

/** `value` with that many decimals, at most 9; negative ones round before the point. */
export function fixed(value: number, places: number): string {
  if (!Number.isFinite(value)) return 'unknown'
  if (places >= 0) return value.toFixed(Math.min(places, 9))
  const unit = 10 ** -places
  return String(Math.round(value / unit) * unit)
}

/** `130.02 ± 0.11 J`. */
export function joulesText(joules: number, uncertainty: number): string {
  const size = Math.max(Math.abs(joules), Number.isFinite(uncertainty) ? uncertainty : 0)
  const scale = size === 0 ? SCALES[2] : SCALES.find((one) => size >= one.from)!
  const value = joules / scale.factor
  const error = uncertainty / scale.factor
  const places = decimals(value, error)
  const number = fixed(value, places)
  return error > 0 ? `${number} ± ${fixed(error, places)} ${scale.unit}` : `${number} ${scale.unit}`
}

/** `16.1 kJ`: three digits, of what is only expected. */
export function aboutJoulesText(joules: number): string {
  const { factor, unit } = SCALES.find(({ from }) => Math.abs(joules) >= from)!
  return `${Number((joules / factor).toPrecision(3))} ${unit}`
}

/** Prefixes of grams, largest first. */
const MASSES = [
  { from: 1000, factor: 1000, unit: 'kg' },
  { from: 1, factor: 1, unit: 'g' },
  { from: 1e-3, factor: 1e-3, unit: 'mg' },
  { from: 0, factor: 1e-6, unit: 'µg' },
] as const

/** `1.82 ± 0.02 g`. */
export function gramsText(grams: number, uncertainty: number): string {
  const { factor, unit } = MASSES.find((one) => Math.max(grams, uncertainty) >= one.from)!
  const [value, error] = [grams / factor, uncertainty / factor]
  const places = decimals(value, error)
  // Exact, it has the digits that it has.
  if (!(error > 0)) return `${Number(value.toPrecision(4))} ${unit}`
  return `${fixed(value, places)} ± ${fixed(error, places)} ${unit}`
}

/** `445`, of g/kWh: three digits, as more are not known. */
export function intensityText(gramsPerKWh: number): string {
  return fixed(gramsPerKWh, decimals(gramsPerKWh, 0) - 1)
}

/** `64.92 W`. */
export function wattsText(watts: number, uncertainty: number): string {
  return `${fixed(watts, decimals(watts, uncertainty))} W`
}

/** `0.0127 kWh` for energies large enough to be read that way, else nothing. */
export function kWhText(joules: number, uncertainty: number): string | undefined {
  if (!(joules >= SHOW_KWH)) return undefined
  return `${fixed(toKWh(joules), decimals(toKWh(joules), toKWh(uncertainty)))} kWh`
}

/** `2.003 s`, `12 min 3.4 s`, `2 h 3 min`. */
export function durationText(seconds: number): string {
  if (seconds < 59.9995) return `${seconds.toFixed(3)} s`
  if (seconds < 3599.95) {
    const tenths = Math.round(seconds * 10)
    return `${Math.floor(tenths / 600)} min ${(tenths % 600) / 10} s`
  }
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Rows of cells in columns of equal width, without blanks at the end of a line. */
export function table(rows: readonly (readonly string[])[], indent = '  '): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  return rows.map((row) =>
    `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
}
