/** What `run` tells a person: short, honest, and no digit too many. */
import { type DomainEnergy, type Flag, isGpu } from '../energy'
import type { RunCarbon, RunRecord } from '../record'
import {
  durationText,
  gramsText,
  intensityText,
  joulesText,
  kWhText,
  table,
  wattsText,
} from '../text'
import { deviceText, integrated } from './domain'
import type { Paint } from './output'

/** What a flag means; the energy's own warnings say it of the domains that are added. */
const FLAGS: Record<Flag, string> = {
  stale: 'the counter did not move, or moves more slowly than the run was long',
  'ambiguous-wrap': 'reads were so far apart that a whole turn of the counter may be missing',
  reset: 'the counter began anew, and the energy across that moment is not known',
  backwards: 'the counter jumped in a way that hardware cannot',
  gap: 'part of the time could not be read',
  interpolated: 'short holes were filled in between readings',
}

/** The kind of the domain that tells what measuring used: a sentence here, not a line of the table. */
const SELF = 'self'

/** The summary of a run, ending with a newline. */
export function summary(run: Omit<RunRecord, 'host'>, paint: Paint): string {
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
    ...subtotals(energy.domains, seconds).map((line) => paint('dim', line)),
    ...domainLines(
      energy.domains.filter(({ kind }) => kind !== SELF),
      seconds,
      paint,
    ),
  ]
  const { joulesAtMost } = run.overhead
  if (joulesAtMost > 0) {
    lines.push(paint('dim', `  measuring itself used at most ${boundText(joulesAtMost)}`))
  }
  if (run.pue !== 1) {
    const site = joulesText(energy.joules * run.pue, energy.uncertaintyJoules * run.pue)
    lines.push(`  ${site} with PUE ${run.pue}`)
  }
  if (run.carbon) lines.push(...carbonLines(run.carbon, paint))
  if (run.signal) lines.push(`  The command was ended by ${run.signal}.`)
  for (const line of remarks(run)) lines.push(`  ${paint('yellow', line)}`)
  return `${lines.join('\n')}\n`
}

/** The grams, with PUE, and by which intensity; how the place was found, where nobody named it. */
function carbonLines(carbon: RunCarbon, paint: Paint): string[] {
  const { gramsPerKWh, status, year, source, zone } = carbon.intensity
  const { foundBy } = carbon.location
  const what = status === 'annual-average' ? `annual average of ${year}` : status
  const found = foundBy === 'option' || foundBy === 'nothing' ? '' : `; place by the ${foundBy}`
  const rate = `${intensityText(gramsPerKWh)} g/kWh`
  return [
    `  ${amountText(carbon)} CO2e at ${rate}`,
    paint('dim', `  ${zone}, ${what}, ${source}${found}`),
  ]
}

/** Of the energy the error may be small; where nobody tells that of the intensity, two digits do. */
function amountText({ grams, uncertaintyGrams, uncertaintyOf }: RunCarbon): string {
  if (uncertaintyOf === 'energy and intensity') return gramsText(grams, uncertaintyGrams)
  const isLarge = uncertaintyGrams > 0.05 * grams
  return `about ${isLarge ? gramsText(grams, uncertaintyGrams) : gramsText(Number(grams.toPrecision(2)), 0)}`
}

/** An upper bound: two digits, rounded up. */
function boundText(joules: number): string {
  const [value, unit] = joules < 1 ? [joules * 1000, 'mJ'] : [joules, 'J']
  const places = 1 - Math.floor(Math.log10(value))
  // A bound that has two digits already stays as it is, whatever binary fractions make of it.
  const digits = Math.ceil(Number((value * 10 ** places).toPrecision(12)))
  return `${places > 0 ? Number((digits / 10 ** places).toFixed(places)) : digits * 10 ** -places} ${unit}`
}

/** What the GPUs used and what the rest did, where both are in the total. */
function subtotals(domains: readonly DomainEnergy[], seconds: number): string[] {
  const gpus = added(domains).filter(isGpu)
  const others = added(domains).filter((domain) => !isGpu(domain))
  if (gpus.length === 0 || others.length === 0) return []
  return table([
    [nameOf(others), ...amounts(sumOf(others), seconds)],
    [gpus.length === 1 ? 'GPU' : 'GPUs', ...amounts(sumOf(gpus), seconds)],
  ])
}

const PROCESSORS = /^(package|core|uncore|cpu|cpu-core)$/
const MEMORY = /^(dram|memory)$/

function nameOf(domains: readonly DomainEnergy[]): string {
  const others = domains.filter(({ kind }) => !PROCESSORS.test(kind))
  if (others.length === 0) return 'CPU'
  return others.every(({ kind }) => MEMORY.test(kind)) ? 'CPU and memory' : 'The rest'
}

/** Errors add in quadrature; what the domains of one source share of them is in the total alone. */
function sumOf(domains: readonly DomainEnergy[]) {
  return {
    joules: domains.reduce((sum, { joules }) => sum + joules, 0),
    uncertaintyJoules: Math.hypot(...domains.map((domain) => domain.uncertaintyJoules)),
  }
}

function amounts(used: Pick<DomainEnergy, 'joules' | 'uncertaintyJoules'>, seconds: number) {
  const { joules, uncertaintyJoules } = used
  return [
    joulesText(joules, uncertaintyJoules),
    wattsText(joules / seconds, uncertaintyJoules / seconds),
  ]
}

function domainLines(domains: readonly DomainEnergy[], seconds: number, paint: Paint): string[] {
  const rows = domains.map((domain) => [
    domain.id,
    ...amounts(domain, seconds),
    domain.source,
    about(domain, domains),
  ])
  return table(rows).map((line, index) => (domains[index]?.additive ? line : paint('dim', line)))
}

/** The device, how its joules came about where nothing counts them, and why they are not added. */
function about(domain: DomainEnergy, all: readonly DomainEnergy[]): string {
  const device = isGpu(domain) && domain.device ? deviceText(domain.device) : ''
  return [device, integrated(domain.method), standing(domain, all)].filter(Boolean).join(', ')
}

function standing(domain: DomainEnergy, all: readonly DomainEnergy[]): string {
  if (domain.additive) return ''
  const inside = domain.parent !== undefined && all.some((one) => one.id === domain.parent)
  return inside ? `inside ${domain.parent}, not added` : 'around the others, not added'
}

function remarks({ energy, warnings }: Pick<RunRecord, 'energy' | 'warnings'>): string[] {
  const lines = [...warnings]
  for (const { id, flags, additive } of energy.domains) {
    if (!additive) lines.push(...flags.map((flag) => `${id}: ${FLAGS[flag]}.`))
  }
  return lines
}

function added(domains: readonly DomainEnergy[]): DomainEnergy[] {
  return domains.filter((domain) => domain.additive)
}
