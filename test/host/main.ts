// `npm run host -- [preset] [options] [-- command args…]`: a simulated host to try jouletap against.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { parseArgs } from 'node:util'
import { stubUnavailable } from '../nvml/stub'
import {
  type Host,
  type HostOptions,
  hostUnavailable,
  type PresetName,
  perfUnavailable,
  presets,
  resolveSpec,
  startHost,
  type Truth,
} from './host'
import { type DomainSpec, type Kind, SpecError } from './spec'

/** What the caller got wrong; ends with exit code 2. */
class UsageError extends Error {}

const kinds: Kind[] = ['package', 'core', 'uncore', 'dram', 'psys']
const sourceNames = ['powercap', 'msr', 'perf'] as const

const help = `Usage: npm run host -- [preset] [options] [-- command args…]

Starts a simulated host and prints its root. Without a command it runs until Ctrl-C and prints the
true joules every second; with one it runs the command with JOULETAP_ROOT (and where
there are GPUs JOULETAP_NVML) set, then says what the host has truly used meanwhile.

Presets (default intel-client):
${Object.entries(presets)
  .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}`)
  .join('\n')}

Options:
  --watts KIND=CURVE   power of ${kinds.join(', ')};
                       W, step:W:W:S, ramp:W:W:S or square:W:W:S[:DUTY]; may be repeated
  --packages N         packages, 1 to 64
  --sources LIST       ${sourceNames.join(', ')}, by comma, instead of the preset's
  --order LINE         an order for the running host, such as "stick package-0 at=3"
                       (test/host/README.md lists them); may be repeated
  --seconds S          stop after so many seconds
  --help
`

interface Command {
  options: HostOptions
  orders: string[]
  seconds?: number
  command: string[]
}

function parse(argv: string[]): Command | 'help' {
  const split = argv.indexOf('--')
  const own = split < 0 ? argv : argv.slice(0, split)
  const command = split < 0 ? [] : argv.slice(split + 1)
  const { values, positionals } = parseOwn(own)
  if (values.help) return 'help'
  if (split >= 0 && command.length === 0) throw new UsageError('-- wants a command after it')
  const [preset = 'intel-client', surplus] = positionals
  if (surplus !== undefined) {
    throw new UsageError(`one preset is allowed, and ${surplus} is a second; commands go after --`)
  }
  if (!Object.hasOwn(presets, preset)) {
    throw new UsageError(`preset ${preset} is none of ${Object.keys(presets).join(', ')}`)
  }
  const options: HostOptions = { preset: preset as PresetName }
  const base = presets[preset as PresetName].spec
  if (values.packages !== undefined) {
    options.packages = numberFrom('--packages', values.packages, 'a whole number from 1 to 64')
    const whole = Number.isInteger(options.packages)
    if (!whole || options.packages < 1 || options.packages > 64) {
      throw new UsageError(`--packages ${values.packages} is not a whole number from 1 to 64`)
    }
  }
  const domains: Partial<Record<Kind, DomainSpec>> = {}
  for (const given of values.watts ?? []) {
    const [kind = '', watts = ''] = given.split('=')
    if (!kinds.includes(kind as Kind) || !isCurve(watts)) {
      throw new UsageError(
        `--watts ${given} is not KIND=CURVE with KIND one of ${kinds.join(', ')} ` +
          'and CURVE W, step:W:W:S, ramp:W:W:S or square:W:W:S[:DUTY]',
      )
    }
    const number = Number(watts)
    domains[kind as Kind] = { watts: Number.isNaN(number) ? watts : number }
  }
  options.domains = domains
  if (values.sources !== undefined) {
    const chosen = values.sources.split(',')
    const wrong = chosen.find((name) => !sourceNames.includes(name as 'msr'))
    if (wrong !== undefined) {
      throw new UsageError(`--sources ${wrong} is none of ${sourceNames.join(', ')}`)
    }
    const sources: NonNullable<HostOptions['sources']> = {}
    for (const name of sourceNames) {
      sources[name] = chosen.includes(name) && (base.sources?.[name] || true)
    }
    options.sources = sources
  }
  const parsed: Command = { options, orders: values.order ?? [], command }
  if (values.seconds !== undefined) {
    parsed.seconds = numberFrom('--seconds', values.seconds, 'a number above 0')
    if (parsed.seconds <= 0) throw new UsageError(`--seconds ${values.seconds} is not above 0`)
  }
  return parsed
}

function parseOwn(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        watts: { type: 'string', multiple: true },
        packages: { type: 'string' },
        sources: { type: 'string' },
        order: { type: 'string', multiple: true },
        seconds: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    const [first = ''] = (error as Error).message.split(/\.\s/)
    throw new UsageError(
      `${first}; allowed are --watts, --packages, --sources, --order, --seconds and --help`,
    )
  }
}

function numberFrom(name: string, text: string, allowed: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageError(`${name} ${text} is not ${allowed}`)
  }
  return value
}

const isCurve = (text: string): boolean => {
  const value = '\\d+(\\.\\d+)?'
  const forms = [value, `(step|ramp|square):${value}:${value}:${value}`]
  return new RegExp(`^(${forms.join('|')}|square(:${value}){4})$`).test(text)
}

const joules = (from: Truth, to: Truth): string =>
  Object.keys(to.joules)
    .map((id) => `${id} ${((to.joules[id] ?? 0) - (from.joules[id] ?? 0)).toFixed(3)} J`)
    .join(', ')

async function main(argv: string[]): Promise<number> {
  const parsed = parse(argv)
  if (parsed === 'help') {
    process.stdout.write(help)
    return 0
  }
  const spec = resolveSpec(parsed.options)
  const { powercap, msr, hwmon = [], perf } = spec.sources ?? {}
  const packages = spec.packageIds?.length ?? spec.packages ?? 1
  const reason =
    ((powercap || msr || hwmon.length > 0) && hostUnavailable()) ||
    (perf && perfUnavailable(packages)) ||
    (spec.gpus?.length && stubUnavailable())
  if (reason) throw new Error(reason)

  // From here on signals only end the waiting, so that the host is taken down in order.
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => ending.abort(signal))
  }
  const host = await startHost(parsed.options)
  try {
    if (parsed.orders.length > 0) host.control(...parsed.orders)
    const start = host.truth()
    const code =
      parsed.command.length > 0
        ? await runCommand(parsed, host, ending.signal)
        : await watch(parsed, host, () => joules(start, host.truth()), ending.signal)
    const end = host.truth()
    const seconds = ((end.ns - start.ns) / 1e9).toFixed(3)
    process.stderr.write(`truth over ${seconds} s: ${joules(start, end)}\n`)
    return code
  } finally {
    await host.stop()
  }
}

/** Prints the truth every second until a signal or the time is up. */
async function watch(
  { seconds }: Command,
  { root, env, live }: Host,
  truth: () => string,
  ending: AbortSignal,
): Promise<number> {
  const settings = Object.entries(env).map((setting) => `export ${setting.join('=')}\n`)
  process.stdout.write(
    `root: ${root}\n` +
      settings.join('') +
      `try:  npx jouletap doctor --root ${root}\n` +
      `      npx jouletap run --root ${root} -- sleep 2\n` +
      (live
        ? `knobs: echo "power package-0 100" > ${root}/live/control; truth: cat ${root}/live/truth\n`
        : '') +
      'Ctrl-C ends it.\n',
  )
  const ticker = setInterval(() => process.stdout.write(`truth: ${truth()}\n`), 1000)
  await new Promise<void>((resolve) => {
    if (ending.aborted) resolve()
    ending.addEventListener('abort', () => resolve())
    if (seconds !== undefined) setTimeout(resolve, seconds * 1000)
  })
  clearInterval(ticker)
  return 0
}

/** Runs the command with the host in its environment; its exit code as a shell gives it. */
function runCommand(parsed: Command, host: Host, ending: AbortSignal): Promise<number> {
  const [program = '', ...args] = parsed.command
  const child = spawn(program, args, {
    stdio: 'inherit',
    env: { ...process.env, JOULETAP_ROOT: host.root, ...host.env },
    ...(parsed.seconds !== undefined && { timeout: parsed.seconds * 1000 }),
  })
  // A terminal sends Ctrl-C to the child itself; a kill reaches only this process.
  ending.addEventListener('abort', () => {
    if (ending.reason !== 'SIGINT') child.kill(ending.reason as NodeJS.Signals)
  })
  return new Promise((resolve) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`cannot run ${program}: ${error.message}\n`)
      resolve(error.code === 'ENOENT' ? 127 : 126)
    })
    child.on('exit', (code, signal) => {
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(error instanceof UsageError || error instanceof SpecError ? 2 : 1)
  },
)
