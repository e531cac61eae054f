/** `jouletap run`: measures a command, says what it used, and ends as the command ended. */
import { Command, Option } from 'commander'
import { providerFor, resolveLocation } from '../carbon'
import type { MeterOptions } from '../energy'
import { Meter, rootFolder } from '../energy'
import { badOption, JouletapError } from '../errors'
import { hostlessRecord, type RunFacts, runRecord } from '../record'
import { watchCarbon } from '../tracker'
import { type ChildEnd, runChild, shellCode } from './child'
import { type LiveFlags, liveFlags, liveOptions } from './live'
import { meterOptions, numberFrom, type SourceOptions, sourceOptions } from './options'
import { paintFor, remark, STDERR } from './output'
import { summary } from './summary'
import { openTarget, type Target } from './target'
import { openTracking, type Tracking, type TrackingFlags, trackingFlags } from './tracking'

interface RunOptions extends SourceOptions, LiveFlags, TrackingFlags {
  json?: string
  byPid?: true
  zone?: string
  pue?: number
  quiet?: true
}

/**
 * The command. `rest` is what stood after `--`, if that was there; `done` is told the exit code.
 */
export function runCommand(rest: readonly string[] | undefined, done: (code: number) => void) {
  const command = new Command('run')
    .summary('measure a command and say what it used')
    .description(
      'Measure a command and say what the machine used while it ran. The command keeps its ' +
        'input, output, environment and signals; jouletap ends with its exit code.',
    )
    .usage('[options] -- command args…')
    .argument('[command...]', 'the command and its arguments')
    .passThroughOptions()
    .addOption(
      new Option('--json <file>', 'write the result as one JSON object; - for stdout').argParser(
        parsePath,
      ),
    )
  for (const option of sourceOptions()) command.addOption(option)
  command.option('--zone <place>', 'where the electricity comes from: DK, DK-DK1, aws:eu-north-1 …')
  for (const option of liveFlags()) command.addOption(option)
  command
    .option(
      '--by-pid',
      'count an NVIDIA GPU only while the command works there (looked up once a second)',
    )
    .addOption(
      new Option(
        '--pue <n>',
        'power usage effectiveness of the site, 1 to 10 (default: JOULETAP_PUE, else 1)',
      ).argParser(numberFrom('--pue', 1, 10)),
    )
    .option('--quiet', 'print no summary')
  for (const option of trackingFlags()) command.addOption(option)
  return command.addHelpText('after', HELP).action(async (words: string[], options: RunOptions) => {
    const own = rest && words.length > 0 ? [...words, '--', ...rest] : [...words, ...(rest ?? [])]
    done(await run(own, options))
  })
}

const HELP = `
The summary goes to stderr. The energy in the JSON object is without PUE, which stands beside it;
the grams of CO2-equivalent are with it. The intensity of the grid is an annual mean of the place,
unless a service is asked; without --live or --provider the network is not used.
With --epochs the end is predicted from the epochs that the output shows, or that the command
sends: echo "epoch 3" >&"$JOULETAP_MARKS". Without it --log-dir records the command as one epoch.
Exit code: that of the command; 127 not found, 126 not executable, 128+n ended by signal n;
1 where jouletap fails, 2 where it is used wrongly.

Examples:
  jouletap run -- node app.js
  jouletap run --json run.json -- make -j8
  jouletap run --json - --quiet -- sh -c 'sort big > sorted' | jq .energy.joules
  jouletap run --zone DK-DK1 --live -- python train.py
  jouletap run --epochs 50 --epoch-pattern keras --log-dir runs -- python train.py
  sudo jouletap run --sources rapl-perf --no-estimate --pue 1.2 -- ./simulation --steps 1000`

async function run(words: readonly string[], options: RunOptions): Promise<number> {
  const [file, ...args] = words
  if (file === undefined) throw new JouletapError('BAD_OPTION', MISSING)
  const settings = { ...meterOptions(options), byPid: options.byPid ?? false }
  const { pue: usual, ...live } = liveOptions(options, options.zone)
  const pue = options.pue ?? usual
  // What is wrong with them is said before the command runs.
  if (options.zone !== undefined) resolveLocation(options.zone)
  if (live.live) providerFor(options.zone, live)
  const target = options.json === undefined ? undefined : openTarget('--json', options.json)
  const wanted = target !== undefined || !options.quiet
  const watched = wanted ? { ...live, pue } : undefined
  const tracking = await openTracking(options, {
    command: [file, ...args],
    quiet: options.quiet ?? false,
    pue,
    live,
    meter: settings,
  })
  const { end, facts } = await measureCommand(file, args, settings, pue, watched, tracking)
  for (const one of [end.problem, ...(end.remarks ?? [])]) if (one) remark(`jouletap: ${one}\n`)
  const told = !target || tell(target, facts)
  if (!options.quiet) remark(summary(hostlessRecord(facts), paintFor(STDERR)))
  return shellCode(end) || (told ? 0 : 1)
}

const MISSING = 'A command is missing after --, as in "jouletap run -- node app.js".'

async function measureCommand(
  file: string,
  args: readonly string[],
  settings: MeterOptions,
  pue: number,
  watched: Parameters<typeof watchCarbon>[2] | undefined,
  tracking: Tracking | undefined,
): Promise<{ end: ChildEnd; facts: RunFacts }> {
  using meter = new Meter(settings)
  const startedAt = new Date()
  meter.start()
  const running = runChild(file, args, tracking?.onlookers)
  const watch = watched && watchCarbon(meter, startedAt, watched)
  const end = await running
  const energy = meter.stop()
  const tracked = await tracking?.end(end)
  const told = await watch?.end(energy)
  const { exitCode, signal } = end
  const command = [file, ...args]
  const overhead = meter.overhead()
  const root = rootFolder(settings.root)
  const warnings = [...new Set([...(told?.warnings ?? []), ...(tracked?.warnings ?? [])])].filter(
    (one) => !energy.warnings.includes(one),
  )
  const run = { command, exitCode, signal, startedAt, energy, overhead, pue, root }
  return { end, facts: { ...run, ...told, warnings, ...(tracked && { tracking: tracked }) } }
}

function tell(target: Target, facts: RunFacts): boolean {
  const record = runRecord(facts)
  try {
    target(`${JSON.stringify(record)}\n`)
    return true
  } catch (error) {
    remark(`jouletap: ${(error as Error).message}\n`)
    return false
  }
}

function parsePath(path: string): string {
  if (path === '') throw badOption('--json', path, '- or the name of a file')
  return path
}
