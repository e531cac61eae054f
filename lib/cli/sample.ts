/** `jouletap sample`: streams rows for other tools until a duration, a signal or a closed pipe. */
import { constants } from 'node:os'
import { Command, Option } from 'commander'
import type { Rows } from '../energy'
import { Meter } from '../energy'
import { badOption, JouletapError, reason } from '../errors'
import { version } from '../record'
import { meterOptions, numberFrom, type SourceOptions, sourceOptions } from './options'
import { remark } from './output'
import { noArguments } from './usage'

interface SampleOptions extends SourceOptions {
  duration?: number
  format: Format
}

type Format = 'jsonl' | 'csv'

/** No timer of Node is longer. */
const MAX_SECONDS = 2_147_483

/** The command; `done` is told the exit code. */
export function sampleCommand(done: (code: number) => void): Command {
  const command = new Command('sample')
    .summary('stream rows as JSON Lines or CSV')
    .description(
      'Stream the energy of every domain, in joules since the start, row by row, until the ' +
        'duration is over, Ctrl-C is pressed or the reader closes the pipe.',
    )
    .addOption(
      new Option('--duration <seconds>', 'end after so many seconds').argParser(
        numberFrom('--duration', 0.001, MAX_SECONDS, 'a number of seconds'),
      ),
    )
    .addOption(
      new Option('--format <name>', 'jsonl or csv').argParser(parseFormat).default('jsonl'),
    )
  for (const option of sourceOptions()) command.addOption(option)
  return command
    .addHelpText('after', HELP)
    .allowExcessArguments()
    .action(async (options: SampleOptions, self: Command) => {
      noArguments(self)
      done(await sample(options))
    })
}

const HELP = `
JSON Lines: first an object that names the columns and describes the domains, then an array a row:
milliseconds since the start, then joules in the order of the columns; null where a domain could not
be read. CSV: a line of column names, then the same rows; an empty cell for null. With --align edge the
joules are followed by as many ages: how many milliseconds old each of them was, null where not known.

Examples:
  jouletap sample --duration 10 > rows.jsonl
  jouletap sample --interval 1000 --format csv | head -20
  jouletap sample --interval 1 --sources rapl-perf --no-estimate --duration 5`

async function sample(options: SampleOptions): Promise<number> {
  using meter = new Meter(meterOptions(options))
  const startedAt = new Date()
  const origin = performance.now()
  meter.start()
  const rows = meter.rows()
  const ending = endOn(options.duration, () => meter.stop())
  const output = outputTo(process.stdout)
  const said = new Set<string>()
  const say = (sentences: readonly string[]) => {
    for (const sentence of sentences) {
      if (!said.has(sentence)) remark(`jouletap: ${sentence}\n`)
      said.add(sentence)
    }
  }
  try {
    if (meter.domains.some((domain) => domain.quality === 'estimated')) say(meter.notes)
    await output.write(header(options, meter, startedAt))
    for await (const batch of rows) await output.write(format(batch, origin, options.format))
  } catch (error) {
    if (!output.broken) throw error
    if (output.broken.code === 'EPIPE') return 0
    throw new JouletapError('BAD_INPUT', `The rows could not be written: ${reason(error)}.`)
  } finally {
    ending.cancel()
    meter.stop()
  }
  say(meter.stop().warnings)
  const { overwritten, overruns } = meter.overhead()
  if (overwritten > 0) {
    remark(`jouletap: ${overwritten} rows were lost because they were not fetched in time.\n`)
  }
  if (overruns > 0) {
    remark(`jouletap: ${overruns} rows were not taken because the machine was too busy.\n`)
  }
  return 0
}

function header(options: SampleOptions, meter: Meter, startedAt: Date): string {
  const ids = meter.domains.map((domain) => domain.id)
  const ages = options.align === 'edge' ? ids.map((id) => `${id} age ms`) : []
  const columns = ['milliseconds', ...ids, ...ages]
  if (options.format === 'csv') return `${columns.map(cell).join(',')}\n`
  const about = {
    schema: 'jouletap.rows/1',
    startedAt: startedAt.toISOString(),
    columns,
    domains: meter.domains,
    intervalMs: options.interval,
    version: version(),
  }
  return `${JSON.stringify(about)}\n`
}

/** A CSV cell, quoted where it has to be (RFC 4180). */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

function format(batch: Rows, origin: number, as: Format): string {
  const missing = as === 'csv' ? '' : 'null'
  const [open, close] = as === 'csv' ? ['', '\n'] : ['[', ']\n']
  let text = ''
  for (let row = 0; row < batch.times.length; row++) {
    text += open + Math.round((batch.times[row]! - origin) * 1e3) / 1e3
    for (const column of [...batch.joules, ...(batch.ages ?? [])]) {
      const value = column[row]!
      // A nanojoule is below the unit of every counter in use, a picosecond below that of every clock.
      text += `,${Number.isFinite(value) ? Math.round(value * 1e9) / 1e9 : missing}`
    }
    text += close
  }
  return text
}

/** Calls `end` once: after `seconds`, or at a signal. A second signal ends the process at once. */
function endOn(seconds: number | undefined, end: () => void): { cancel: () => void } {
  const timer = seconds === undefined ? undefined : setTimeout(end, seconds * 1000)
  let asked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(128 + constants.signals[signal])
    asked = true
    end()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return { cancel: () => clearTimeout(timer) }
}

/** A stream that is written one batch at a time, each when the reader has room for it. */
function outputTo(stream: NodeJS.WriteStream) {
  const output = {
    broken: undefined as NodeJS.ErrnoException | undefined,
    write: (text: string) =>
      new Promise<void>((resolve, reject) => {
        stream.write(text, (error) => {
          if (!error) return resolve()
          output.broken = error
          reject(error)
        })
      }),
  }
  stream.on('error', (error) => {
    output.broken = error
  })
  return output
}

function parseFormat(text: string): Format {
  if (text === 'jsonl' || text === 'csv') return text
  throw badOption('--format', text, 'jsonl or csv')
}
