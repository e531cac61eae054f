/** Countries by their codes and names, and what is nearly one of them. */
import { readTable } from '../data'

export interface Country {
  /** ISO 3166-1 alpha-2. */
  readonly code: string
  readonly name: string
}

/** ISO 3166-1 codes without a row in the table of intensities; and Kosovo. */
const WITHOUT_ROW =
  'AD AND AI AIA AQ ATA AX ALA BL BLM BQ BES BV BVT CC CCK CW CUW CX CXR FM FSM GG GGY GS SGS ' +
  'HM HMD IM IMN IO IOT JE JEY LI LIE MC MCO MF MAF MH MHL MP MNP NF NFK NU NIU PN PCN PW PLW ' +
  'SJ SJM SM SMR SX SXM TF ATF TK TKL TV TUV UM UMI VA VAT WF WLF YT MYT XK XKX'
/** What people write besides. */
const ALIASES: Readonly<Record<string, string>> = {
  UK: 'GB',
  EL: 'GR',
  'GREAT BRITAIN': 'GB',
  ENGLAND: 'GB',
  'UNITED STATES OF AMERICA': 'US',
  TURKEY: 'TR',
  'CZECH REPUBLIC': 'CZ',
}

interface Names {
  byKey: ReadonlyMap<string, string>
  byCode: ReadonlyMap<string, string>
}

let names: Names | undefined

function load(): Names {
  const byKey = new Map<string, string>()
  const byCode = new Map<string, string>()
  const english = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
  const add = (code: string, code3: string, name: string) => {
    byCode.set(code, name)
    for (const key of [code, code3, name, english.of(code) ?? name]) byKey.set(keyOf(key), code)
  }
  for (const row of readTable('country-intensity').rows) add(row.alpha2!, row.alpha3!, row.name!)
  const others = WITHOUT_ROW.split(' ')
  for (let i = 0; i < others.length; i += 2) {
    add(others[i]!, others[i + 1]!, english.of(others[i]!) ?? others[i]!)
  }
  for (const [alias, code] of Object.entries(ALIASES)) byKey.set(keyOf(alias), code)
  return { byKey, byCode }
}

/** The country of a code of two or three letters, or of an English name, in any case. */
export function countryOf(text: string): Country | undefined {
  names ??= load()
  const code = names.byKey.get(keyOf(text))
  return code === undefined ? undefined : { code, name: names.byCode.get(code)! }
}

/** Codes and names of all countries. */
export function countryNames(): string[] {
  names ??= load()
  return [...names.byCode].flat()
}

/** Accents are left out: not every keyboard has them. */
function keyOf(text: string): string {
  const plain = text.normalize('NFD').replace(/\p{M}/gu, '')
  return plain.trim().replace(/\s+/g, ' ').toUpperCase()
}

/**
 * Up to three of the names that are nearest to a text, best first: by the fewest letters to change, add,
 * drop or swap with a neighbour, a third of the text's at the most; ties in the order of the names.
 */
export function nearMatches(text: string, among: readonly string[]): string[] {
  const wanted = keyOf(text)
  const most = Math.max(1, Math.floor(wanted.length / 3))
  return [...new Set(among)]
    .map((name) => ({ name, distance: distanceOf(wanted, keyOf(name), most) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name)
}

/** Optimal string alignment distance; more than `most` where it is more. */
function distanceOf(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1)
      row.push(least)
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
