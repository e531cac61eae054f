/** Finds the thermal design power of a CPU by the name that the system gives it. */
import { readTable } from '../../data'

/** A row of the table. */
export interface Tdp {
  /** Watts per package (socket). */
  readonly watts: number
  /** The row's name. */
  readonly name: string
}

/**
 * The TDP of the CPU that calls itself `brand`, such as `Intel(R) Xeon(R) CPU E5-2620 v3 @ 2.40GHz`;
 * undefined for a generic name (`AMD EPYC`, `Intel Xeon Processor (Skylake, IBRS)`) or one that the
 * table does not have.
 *
 * Both sides are reduced to vendor and model words, which must then be equal: no part of a name ever
 * matches. Rows that do not open with a vendor, some of them mere numbers, are left out. The first
 * call for a model reads the table.
 */
export function findTdp(brand: string): Tdp | undefined {
  const key = modelKey(brand)
  if (key === undefined) return undefined
  if (!found.has(key)) found.set(key, search(key))
  return found.get(key)
}

/** By model key, all that were looked for. */
const found = new Map<string, Tdp | undefined>()

/** Where rows reduce to the same model, the plainest spelling counts, then the higher watts. */
function search(key: string): Tdp | undefined {
  // To reduce every row takes as long as Node takes to start. No step of modelKey makes a digit: a
  // row that reduces to the key has the key's numbers in it.
  const number = key
    .match(/\d+/g)!
    .reduce((one, other) => (other.length > one.length ? other : one))
  let best: Tdp | undefined
  for (const row of readTable('cpu-tdp', (line) => line.includes(number)).rows) {
    const entry = { watts: Number(row.tdp_w), name: row.name! }
    const vendor = entry.name.split(' ', 1)[0]!.toLowerCase()
    if (!VENDORS.includes(vendor) || !(entry.watts > 0) || modelKey(entry.name) !== key) continue
    if (best === undefined || better(entry, best)) best = entry
  }
  return best
}

function better(a: Tdp, b: Tdp): boolean {
  if (VARIANT.test(a.name) !== VARIANT.test(b.name)) return VARIANT.test(b.name)
  if (a.watts !== b.watts) return a.watts > b.watts
  return a.name.length < b.name.length
}

/** A row that names a variant of a model: `(95W)`, `(OEM Only)`, `BE`. */
const VARIANT = /\(|\bBE\b|edition/i

const CORES = '(?:\\d+|dual|triple|quad|six|eight|ten|twelve|sixteen)'

/** What says nothing about the model, in the order in which it is taken away. */
const NOISE: readonly RegExp[] = [
  /\((?:r|tm|c)\)|[®™©]/g,
  /@.*$/,
  /\([^)]*\)/g,
  /\b(?:with|includes)\b.*$|\bw\/.*$/,
  /\b(?:apu )?radeon\b.*$/,
  /\b(?:r\d,? *)?\d+ compute cores\b.*$/,
  /\b\d+(?:st|nd|rd|th) gen(?:eration)?\b/g,
  new RegExp(`\\b${CORES}[- ]cores?\\b`, 'g'),
  /\b\d+(?:\.\d+)? ?[gm]hz\b/g,
  /\b(?:black|extreme|microsoft surface) +edition\b|\bbe$/g,
  /\bmobile (?:processor|technology)\b/g,
  /\b(?:genuine|cpu|processor|apu|soc)\b/g,
]

const VENDORS = ['intel', 'amd', 'apple']

/** Names that stand without their vendor in some brand strings. */
const FAMILIES: Readonly<Record<string, string>> = { pentium: 'intel', celeron: 'intel' }

/** Letters that first-generation Core brand strings put before the number, and names behind it. */
const EARLY_CORE: Readonly<Record<string, string>> = { u: 'um', l: 'lm', q: 'qm', x: 'xm' }

/** Vendor and model words, such as `intel xeon e5 2620 v3`; undefined without a vendor or a model. */
export function modelKey(name: string): string | undefined {
  let text = name.toLowerCase()
  for (const noise of NOISE) text = text.replace(noise, ' ').trim()
  const words = text.split(/[^a-z0-9.+]+/).filter((word) => word !== '')
  const vendor = VENDORS.find((known) => words.includes(known)) ?? FAMILIES[words[0] ?? '']
  if (vendor === undefined) return undefined
  let model = words.filter((word) => word !== vendor).join(' ')
  if (vendor === 'intel') {
    model = model
      .replace(/^(core i\d) ([a-z]) (\d{3})$/, (_, core, letter, number) => {
        return `${core} ${number}${EARLY_CORE[letter] ?? letter}`
      })
      .replace(/^(xeon .*\d) 0$/, '$1')
      .replace(/^pentium dual /, 'pentium ')
  }
  return /\d/.test(model) ? `${vendor} ${model}` : undefined
}
