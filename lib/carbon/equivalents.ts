/** Grams of CO2-equivalent as things that people know, and as money. */
import { readTable } from '../data'
import { badOption } from '../errors'

/** So many of a thing stand for an amount. */
export interface Equivalent {
  /** `car_km_2024`, `phone_charge`, `banana` … */
  readonly id: string
  /** The amount ÷ `gramsForOne`. */
  readonly count: number
  /** In the number that the count wants: `charges of a smartphone`. */
  readonly name: string
  readonly gramsForOne: number
  /** Of the figure. */
  readonly year: number
  readonly source: string
}

/** What a tonne of CO2 costs all of us. */
export interface SocialCost {
  readonly dollars: number
  readonly dollarsPerTonne: number
  readonly source: string
}

type Thing = Omit<Equivalent, 'count' | 'name'> & { one: string; many: string }

let things: readonly Thing[] | undefined

function table(): readonly Thing[] {
  things ??= readTable('equivalents').rows.map((row) => ({
    id: row.id!,
    one: row.name!,
    many: row.name_plural!,
    gramsForOne: Number(row.g_co2e),
    year: Number(row.year),
    source: row.source!,
  }))
  return things
}

/**
 * What an amount is equivalent to, in the order of the table: new cars' kilometres by the factors of
 * three years, charges of a phone, and everyday things, from a text message to a car. For intuition,
 * not for accounting.
 * @param grams 0 or more
 * @throws {JouletapError} BAD_OPTION: `grams` is no such number.
 */
export function equivalents(grams: number): Equivalent[] {
  mustBeAmount('grams', grams)
  return table().map(({ one, many, ...thing }) => {
    const count = grams / thing.gramsForOne
    return { ...thing, count, name: count === 1 ? one : many }
  })
}

/** US dollars of 2020: the U.S. EPA's report of 2023, for emissions in 2020, discounted by 2 % a year. */
const DOLLARS_PER_TONNE = 190
const EPA = 'U.S. EPA 2023, for emissions in 2020, 2 % discount rate, US dollars of 2020'

/**
 * What an amount costs society: tonnes × dollars per tonne.
 * @param grams 0 or more
 * @param options.dollarsPerTonne 0 or more; default 190, U.S. EPA (2023): it gives 120, 190 and 340
 *   for discount rates of 2.5, 2 and 1.5 %
 * @throws {JouletapError} BAD_OPTION: one of the two is no such number.
 */
export function socialCost(grams: number, options: { dollarsPerTonne?: number } = {}): SocialCost {
  const { dollarsPerTonne = DOLLARS_PER_TONNE } = options
  mustBeAmount('grams', grams)
  mustBeAmount('dollarsPerTonne', dollarsPerTonne)
  const source = options.dollarsPerTonne === undefined ? EPA : 'the price that was given'
  return { dollars: (grams / 1e6) * dollarsPerTonne, dollarsPerTonne, source }
}

function mustBeAmount(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return
  throw badOption(name, value, 'a number from 0')
}
