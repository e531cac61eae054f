/** `jouletap doctor`: every source, usable or not, why, and the command that mends it. */
import { Command } from 'commander'
import { type Domain, isGpu, Meter, probe, rootFolder, type SourceReport } from '../energy'
import { type GpuInfo, gpuFacts, type HostInfo, hostInfo } from '../record'
import { table } from '../text'
import { deviceText, READ } from './domain'
import { type Gpus, gpusOption, nvmlOption, rootOption } from './options'
import { type Paint, paintFor, STDOUT, write } from './output'
import { noArguments } from './usage'

interface DoctorOptions {
  gpus: Gpus
  root?: string
  nvml?: string
  json?: true
}

/** What `doctor --json` writes. */
interface Findings {
  schema: 'jouletap.doctor/1'
  /** Every source, best first. */
  sources: SourceReport[]
  /** The domains that `auto` would follow, and their sources. */
  auto: { sources: string[]; domains: Domain[]; notes: string[] }
  host: HostInfo
}

/** The command; `done` is told the exit code. */
export function doctorCommand(done: (code: number) => void): Command {
  return new Command('doctor')
    .summary('say which sources of energy readings work here, and how to mend the others')
    .description(
      'Try every source of energy readings: what it offers, or why it cannot be used here.',
    )
    .addOption(gpusOption())
    .addOption(rootOption())
    .addOption(nvmlOption())
    .option('--json', 'answer with one JSON object')
    .addHelpText('after', HELP)
    .allowExcessArguments()
    .action((options: DoctorOptions, self: Command) => {
      noArguments(self)
      const findings = examine(options)
      const paint = paintFor(STDOUT)
      write(STDOUT, options.json ? `${JSON.stringify(findings)}\n` : report(findings, paint))
      done(0)
    })
}

const HELP = `
Of sources all GPUs are listed; of what auto would follow, those that --gpus names.

Examples:
  jouletap doctor
  jouletap doctor --json | jq -r '.sources[] | select(.usable) | .name'
  jouletap doctor --root /host`

function examine({ gpus, root, nvml }: DoctorOptions): Findings {
  const where = { ...(root !== undefined && { root }), ...(nvml !== undefined && { nvml }) }
  const sources = probe(where)
  using meter = new Meter({ ...where, gpus })
  const domains = [...meter.domains]
  return {
    schema: 'jouletap.doctor/1',
    sources,
    auto: {
      sources: [...new Set(domains.map((domain) => domain.source))],
      domains,
      notes: [...meter.notes],
    },
    host: hostInfo({
      root: rootFolder(root),
      gpus: gpuFacts(sources.flatMap((source) => source.domains)),
    }),
  }
}

function report({ sources, auto, host }: Findings, paint: Paint): string {
  const lines = [...machine(host).map((line) => paint('dim', line)), '']
  lines.push(...sources.flatMap((source) => [...about(source, paint), '']))
  lines.push(...verdict(auto, paint))
  const told = sources.flatMap(({ notes, reason }) => [...notes, ...(reason ? [reason] : [])])
  for (const note of auto.notes) {
    if (!told.some((sentence) => note.includes(sentence))) lines.push(`  ${note}`)
  }
  return `${lines.join('\n')}\n`
}

/** One line about the machine, one about its GPUs if there are any. */
function machine(host: HostInfo): string[] {
  const { cpu, packages, logicalCpus, memoryBytes, os, kernel, gpus } = host
  const facts = [
    cpu,
    packages > 0 ? count(packages, 'package') : '',
    count(logicalCpus, 'CPU'),
    `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`,
    os,
    `kernel ${kernel}`,
    enclosed('container', host.container),
    enclosed('virtual machine', host.virtualMachine),
  ]
  const lines = [`machine: ${facts.filter(Boolean).join(', ')}`]
  if (gpus.length > 0) lines.push(`gpu: ${alike(gpus.map(gpuText)).join('; ')}`)
  return lines
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}

/** `in a container (docker)`; of WSL, which is neither, only the name. */
function enclosed(what: string, by: string): string {
  if (by === '' || by === 'wsl') return by && 'in WSL'
  return by === 'unknown' ? `in a ${what}` : `in a ${what} (${by})`
}

function gpuText({ name, driver, driverVersion }: GpuInfo): string {
  const software = [driver ?? (driverVersion && 'driver'), driverVersion].filter(Boolean)
  return [name, software.join(' ')].filter(Boolean).join(', ')
}

/** Each text once, after how often it is there. */
function alike(texts: readonly string[]): string[] {
  return [...new Set(texts)].map((text) => {
    const times = texts.filter((other) => other === text).length
    return times === 1 ? text : `${times} × ${text}`
  })
}

function about(source: SourceReport, paint: Paint): string[] {
  const name = paint('bold', source.name)
  if (!source.usable) {
    const lines = [`${name}: ${paint('red', 'not usable')}`, `  ${sentence(source.reason ?? '')}`]
    if (source.fix) lines.push(`  To mend it: ${paint('bold', source.fix)}`)
    return lines
  }
  const only = source.automatic ? '' : ' (only when it is asked for with --sources)'
  const rows = source.domains.map((domain) => [
    domain.id,
    domain.quality,
    READ[domain.method],
    domain.path ?? (isGpu(domain) ? '' : (domain.device?.name ?? '')),
  ])
  const lines = table(rows).flatMap((line, row) => [line, ...cardLine(source.domains[row]!)])
  const notes = source.notes.map((note) => `  ${note}`)
  return [`${name}: ${paint('green', 'usable')}${only}`, ...lines, ...notes]
}

/** A graphics card has a line of its own: its names are long. */
function cardLine(domain: Domain): string[] {
  if (!isGpu(domain) || !domain.device) return []
  const names = [deviceText(domain.device), domain.device.uuid].filter(Boolean)
  return names.length > 0 ? [`    ${names.join(', ')}`] : []
}

function verdict({ sources, domains }: Findings['auto'], paint: Paint): string[] {
  if (sources.every((source) => source === 'estimate')) {
    return [
      paint('yellow', 'No counter can be read here: auto falls back to the estimate, a model.'),
    ]
  }
  const lines = sources.map((source) => {
    const ids = domains.filter((domain) => domain.source === source).map((domain) => domain.id)
    return `  ${source} for ${ids.join(', ')}`
  })
  return [paint('bold', 'auto uses'), ...lines, 'Were none of them usable, it would estimate.']
}

/** A reason as a sentence of its own. */
function sentence(reason: string): string {
  const stop = /[.!?]$/.test(reason) ? '' : '.'
  return `${reason.charAt(0).toUpperCase()}${reason.slice(1)}${stop}`
}
