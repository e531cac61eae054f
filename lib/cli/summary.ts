/** What `run` tells a person: short, honest, and no digit too many. */
import type { DomainEnergy, Flag } from '../energy'
import type { RunRecord } from '../record'
import type { Paint } from './output'
import { durationText, joulesText, kWhText, table, wattsText } from './text'

/** What a flag means; the energy's own warnings say it of the domains that are added. */
const FLAGS: Record<Flag, string> = {
  stale: 'the counter did not move, or moves more slowly than the run was long',
  'ambiguous-wrap': 'reads were so far apart that a whole turn of the counter may be missing',
  reset: 'the counter began anew, and the energy across that moment is not known',
  backwards: 'the counter jumped in a way that hardware cannot',
  gap: 'part of the time could not be read',
  interpolated: 'short holes were filled in between readings',
}

/** The summary of a run, ending with a newline. */
export function summary(run: RunRecord, paint: Paint): string {
  const { energy, seconds } = run
  const sources = [...new Set(added(energy.domains).map((domain) => domain.source))]
  const from = sources.length > 0 ? ` (${sources.join(', ')})` : ''
  const amount = joulesText(energy.joules, energy.uncertaintyJoules)
  const kWh = kWhText(energy.joules, energy.uncertaintyJoules)
  const lines = [
    `${paint('bold', `jouletap: ${amount}`)} in ${durationText(seconds)}, ` +
      `${wattsText(energy.watts, energy.uncertaintyJoules / seconds)}, ` +
      `${kWh ? `${kWh}, ` : ''}${energy.quality}${from}`,
    paint('dim', '  of the whole machine, not only of this command'),
    ...domainLines(energy.domains, seconds, paint),
  ]
  if (run.pue !== 1) {
    const site = joulesText(energy.joules * run.pue, energy.uncertaintyJoules * run.pue)
    lines.push(`  ${site} with PUE ${run.pue}`)
  }
  if (run.signal) lines.push(`  The command was ended by ${run.signal}.`)
  for (const line of remarks(run)) lines.push(`  ${paint('yellow', line)}`)
  return `${lines.join('\n')}\n`
}

function domainLines(domains: readonly DomainEnergy[], seconds: number, paint: Paint): string[] {
  const rows = domains.map((domain) => [
    domain.id,
    joulesText(domain.joules, domain.uncertaintyJoules),
    wattsText(domain.joules / seconds, domain.uncertaintyJoules / seconds),
    domain.source,
    standing(domain, domains),
  ])
  return table(rows).map((line, index) => (domains[index]?.additive ? line : paint('dim', line)))
}

function standing(domain: DomainEnergy, all: readonly DomainEnergy[]): string {
  if (domain.additive) return ''
  const inside = domain.parent !== undefined && all.some((one) => one.id === domain.parent)
  return inside ? `inside ${domain.parent}, not added` : 'around the others, not added'
}

function remarks({ energy, warnings }: RunRecord): string[] {
  const lines = [...warnings]
  for (const { id, flags, additive } of energy.domains) {
    if (!additive) lines.push(...flags.map((flag) => `${id}: ${FLAGS[flag]}.`))
  }
  return lines
}

function added(domains: readonly DomainEnergy[]): DomainEnergy[] {
  return domains.filter((domain) => domain.additive)
}
