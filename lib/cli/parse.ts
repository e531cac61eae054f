/** `jouletap parse`: adds up the runs whose records and logs are in a folder, those of carbontracker too. */
import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { badOption, JouletapError } from '../errors'
import { aggregate, countedOf, type Run, sentence } from '../record'
import { durationText, table } from '../text'
import { paintFor, remark, STDERR, STDOUT, write } from './output'
import { readRuns } from './records'
import { openTarget, type Target } from './target'

interface Options {
  json?: string
  csv?: string
  compat?: true
  timeZone?: string
}

/** The command; `done` is told the exit code. */
export function parseCommand(done: (code: number) => void): Command {
  const file = (option: string, what: string) =>
    new Option(`${option} <file>`, what).argParser((path: string) => {
      if (path === '') throw badOption(option, path, '- or the name of a file')
      return path
    })
  return new Command('parse')
    .summary('add up runs by their records, also by the logs of carbontracker')
    .description(
      'Add up the runs whose records (*.jouletap.jsonl) or logs of carbontracker (of any release) are ' +
        'in folders, or are named, and say their sum in a sentence for a paper.',
    )
    .argument('[paths...]', 'folders and files')
    .addOption(
      file('--json', 'write all that is known of the runs as one JSON object; - for stdout'),
    )
    .addOption(file('--csv', 'write a table with one line for each run; - for stdout'))
    .addOption(
      new Option(
        '--time-zone <zone>',
        'of the times in the logs of carbontracker (default: that of this machine)',
      ).argParser(parseTimeZone),
    )
    .option(
      '--compat',
      "add up by carbontracker's own rules: predictions of runs that have ended too",
    )
    .addHelpText('after', HELP)
    .action(async (paths: string[], options: Options) => {
      done(await parse(paths, options))
    })
}

const HELP = `
What could not be read is told on stderr, one by one, and the rest is read. Exit code: 1 where
nothing could be read.

Examples:
  jouletap parse logs/
  jouletap parse --csv runs.csv logs/ more/
  jouletap parse --json - logs/ | jq .aggregate.kWh
  jouletap parse --time-zone Europe/Copenhagen logs/resnet_15749.643031_2026-11-21T210040Z_carbontracker.log`

function parseTimeZone(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
    return timeZone
  } catch {
    throw badOption('--time-zone', timeZone, 'a time zone, such as Europe/Copenhagen or UTC')
  }
}

async function parse(paths: readonly string[], options: Options): Promise<number> {
  if (paths.length === 0) {
    throw new JouletapError(
      'BAD_OPTION',
      'A folder or a file is missing, as in "jouletap parse logs/".',
    )
  }
  if (options.json === '-' && options.csv === '-') {
    throw new JouletapError('BAD_OPTION', '--json and --csv must not both be -: stdout is but one.')
  }
  const json = options.json === undefined ? undefined : openTarget('--json', options.json)
  const csv = options.csv === undefined ? undefined : openTarget('--csv', options.csv)
  const compat = options.compat ?? false
  const { runs, problems } = await readRuns(paths, {
    compat,
    ...(options.timeZone !== undefined && { timeZone: options.timeZone }),
  })
  for (const { file, line, problem } of problems) {
    const where = line === undefined ? file : `${file}, line ${line}`
    remark(`jouletap: ${paintFor(STDERR)('yellow', `${where}: ${problem}`)}\n`)
  }
  for (const warning of warningsOf(runs)) {
    remark(`jouletap: ${paintFor(STDERR)('yellow', warning)}\n`)
  }
  const sum = aggregate(runs, { compat })
  const tools = [...new Set(runs.map(({ format }) => format))]
  const said = sentence(sum, tools.length > 0 ? tools : ['jouletap'])
  const object = { schema: 'jouletap.runs/1', aggregate: sum, sentence: said, runs, problems }
  const written = [
    tell(json, () => `${JSON.stringify(object)}\n`),
    tell(csv, () => csvOf(runs, compat)),
  ]
  if (options.json !== '-' && options.csv !== '-') {
    write(
      STDOUT,
      `${[said, ...(runs.length > 0 ? ['', ...rowsOf(runs, compat)] : [])].join('\n')}\n`,
    )
  }
  return runs.length > 0 && written.every(Boolean) ? 0 : 1
}

function tell(target: Target | undefined, text: () => string): boolean {
  try {
    target?.(text())
    return true
  } catch (error) {
    remark(`jouletap: ${(error as Error).message}\n`)
    return false
  }
}

/** Each once, with the run that it is of, or with how many. */
function warningsOf(runs: readonly Run[]): string[] {
  const named = new Map<string, string[]>()
  for (const run of runs) {
    for (const warning of run.warnings) {
      named.set(warning, [...(named.get(warning) ?? []), nameOf(run)])
    }
  }
  return [...named].map(
    ([warning, names]) => `${names.length === 1 ? names[0] : `${names.length} runs`}: ${warning}`,
  )
}

function nameOf({ files }: Run): string {
  return basename(files[0] ?? '').replace(
    /(_?carbontracker(_output|_err)?\.log|\.jouletap\.jsonl)$/,
    '',
  )
}

/** At most six digits. */
function number(value: number | null | undefined): string {
  return value === null || value === undefined ? '?' : String(Number(value.toPrecision(6)))
}

function rowsOf(runs: readonly Run[], compat: boolean): string[] {
  const rows = runs.map((run) => {
    const counted = countedOf(run, compat)
    const { seconds = null } = counted ?? {}
    return [
      nameOf(run),
      counted && counted === run.predicted ? 'predicted' : run.status,
      number(counted?.epochs),
      seconds === null ? '?' : durationText(seconds),
      number(counted?.kWh),
      number(counted?.grams),
    ]
  })
  return table([['run', 'state', 'epochs', 'time', 'kWh', 'g CO2eq'], ...rows], '')
}

/** The columns of `--csv`; an empty cell is not known. */
const COLUMNS: readonly [string, (run: Run, compat: boolean) => unknown][] = [
  ['run', nameOf],
  ['tool', ({ tool, format }) => tool ?? format],
  ['started_at', ({ startedAt }) => startedAt],
  ['status', ({ status }) => status],
  ['counted', (run, compat) => (countedOf(run, compat) === run.actual ? 'actual' : 'predicted')],
  ['epochs', (run, compat) => countedOf(run, compat)?.epochs],
  ['seconds', (run, compat) => countedOf(run, compat)?.seconds],
  ['joules_without_pue', (run, compat) => countedOf(run, compat)?.joules],
  ['pue', ({ pue }) => pue],
  ['kwh', (run, compat) => countedOf(run, compat)?.kWh],
  ['g_co2eq', (run, compat) => countedOf(run, compat)?.grams],
  ['corrected_kwh', ({ corrected }) => corrected?.kWh],
  ['corrected_g_co2eq', ({ corrected }) => corrected?.grams],
  ['predicted_epochs', ({ predicted }) => predicted?.epochs],
  ['predicted_kwh', ({ predicted }) => predicted?.kWh],
  ['predicted_g_co2eq', ({ predicted }) => predicted?.grams],
]

function csvOf(runs: readonly Run[], compat: boolean): string {
  const cell = (value: unknown) => {
    const text = String(value ?? '')
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const lines = runs.map((run) => COLUMNS.map(([, of]) => cell(of(run, compat))).join(','))
  return `${[COLUMNS.map(([name]) => name).join(','), ...lines].join('\n')}\n`
}
