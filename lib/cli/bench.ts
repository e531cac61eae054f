/** `jouletap bench`: what measuring costs here, how late it is, and on a simulated host how right. */
import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { Command, Option } from 'commander'
import { bench } from '../bench'
import { SOURCE_NAMES } from '../energy'
import { badOption, JouletapError } from '../errors'
import { benchPredictCommand } from './bench-predict'
import { benchText } from './bench-text'
import { parseSources, rootOption } from './options'
import { paintFor, remark, STDERR, STDOUT, write } from './output'
import { openTarget } from './target'
import { noArguments } from './usage'

interface BenchCommandOptions {
  simulate?: true
  full?: true
  sources: 'auto' | string[]
  root?: string
  json?: string
}

/** The command; `done` is told the exit code. */
export function benchCommand(done: (code: number) => void): Command {
  return new Command('bench')
    .summary('say what measuring costs here, how late it is and how right')
    .description(
      'Take what a row of every source costs against a bare loop, how late rows are, what fetching ' +
        'them costs, how much a busy program is slowed down, how long starting takes, and whether a ' +
        'long run loses rows. It takes a little less than a minute where nothing else runs, and keeps ' +
        'the machine busy.',
    )
    .option(
      '--simulate',
      'read counters of a simulated host, and tell how right windows are (in a checkout, as root)',
    )
    .option('--full', 'take some ten minutes: more turns, more windows, a soak of 60 s')
    .addOption(
      new Option(
        '--sources <list>',
        `auto, or names separated by commas: ${SOURCE_NAMES.join(', ')}`,
      )
        .argParser(parseSources)
        .default('auto'),
    )
    .addOption(rootOption())
    .addOption(
      new Option('--json [file]', 'write one JSON object, to stdout unless a file is named')
        .preset('-')
        .argParser(parsePath),
    )
    .addCommand(benchPredictCommand(done))
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText('after', HELP)
    .allowExcessArguments()
    .action(async (options: BenchCommandOptions, self: Command) => {
      noArguments(self)
      done(await run(options))
    })
}

const HELP = `
Figures beyond their limit are marked with !, and are no failure. The machine should have nothing else to do.

Examples:
  jouletap bench
  sudo jouletap bench --sources rapl-perf,rapl-powercap --full
  jouletap bench --json | jq '.sources[] | {source, timeRatio}'
  sudo npm run bench -- --simulate
  jouletap bench predict`

async function run({ json, root, ...options }: BenchCommandOptions): Promise<number> {
  if (options.simulate && root !== undefined) {
    throw new JouletapError(
      'BAD_OPTION',
      '--root must be left out together with --simulate, which makes roots of its own.',
    )
  }
  const target = json === undefined ? undefined : openTarget('--json', json)
  const ending = endOnSignal()
  const line = progressLine()
  try {
    const report = await bench({
      ...options,
      ...(root !== undefined && { root }),
      onProgress: line.show,
      signal: ending.signal,
    })
    line.remove()
    target?.(`${JSON.stringify(report)}\n`)
    if (json !== '-') write(STDOUT, benchText(report, paintFor(STDOUT)))
    return 0
  } catch (error) {
    line.remove()
    if (ending.signal.aborted) return ending.code()
    throw error
  } finally {
    ending.cancel()
  }
}

/** One line on stderr that is written over and over, on a terminal only. */
function progressLine() {
  const shown = isatty(STDERR) && process.env.TERM !== 'dumb'
  const width = (process.stderr.columns || 80) - 1
  return {
    show: (text: string) => {
      if (shown) remark(`\r\u001b[K${text.slice(0, width)}`)
    },
    remove: () => {
      if (shown) remark('\r\u001b[K')
    },
  }
}

/** Ends the bench in order at the first signal, and the process at once at the second. */
function endOnSignal() {
  const controller = new AbortController()
  let code = 1
  const onSignal = (signal: NodeJS.Signals) => {
    code = 128 + constants.signals[signal]
    if (controller.signal.aborted) process.exit(code)
    controller.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return {
    signal: controller.signal,
    code: () => code,
    cancel: () => {
      for (const signal of signals) process.off(signal, onSignal)
    },
  }
}

function parsePath(path: string): string {
  if (path === '') throw badOption('--json', path, '- or the name of a file')
  return path
}
