/** What intensities may count, in words, and what a user's figures count. */
import { badOption } from '../../errors'
import type { Basis } from '../types'

/** The words of a point. */
export const WORDS = {
  kind: ['average', 'marginal'],
  factors: ['lifecycle', 'direct', 'unknown'],
  boundary: ['production', 'consumption', 'unknown'],
  status: ['measured', 'estimated', 'forecast', 'annual-average'],
} as const

export const BASIS_NAMES = ['kind', 'factors', 'boundary'] as const

/** What figures count where nobody says what. */
export const USUAL_BASIS: Basis = { kind: 'average', factors: 'unknown', boundary: 'unknown' }

/** @throws {JouletapError} BAD_OPTION: one of the words is none. */
export function basisOf(given: Partial<Basis> = {}): Basis {
  const basis = { ...USUAL_BASIS, ...given }
  for (const name of BASIS_NAMES) {
    if (isWord(name, basis[name])) continue
    throw badOption(`basis.${name}`, basis[name], WORDS[name].join(' or '))
  }
  return basis
}

export function isWord(name: keyof typeof WORDS, value: unknown): boolean {
  return (WORDS[name] as readonly unknown[]).includes(value)
}
