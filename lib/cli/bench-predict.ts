/** `jouletap bench predict`: how right predictions are in made worlds, beside the mean of the epochs. */
import { Command, Option } from 'commander'
import { benchPredict, type PredictReport } from '../bench'
import { badOption } from '../errors'
import { table } from '../text'
import { type Paint, paintFor, STDOUT, write } from './output'
import { openTarget } from './target'
import { noArguments } from './usage'

interface BenchPredictCommandOptions {
  runs?: number
  seed?: number
  json?: string
}

/** The command; `done` is told the exit code. */
export function benchPredictCommand(done: (code: number) => void): Command {
  return new Command('predict')
    .summary('say how right predictions of a run are')
    .description(
      'Make runs whose end is known, ask early what remains of them, and tell how far the prediction ' +
        'is off, how often its interval holds the truth and how wide it is, beside epochs × mean of ' +
        'those seen. Nothing is measured; it takes some 20 seconds of one CPU.',
    )
    .addOption(
      new Option(
        '--runs <count>',
        'made runs of each world, 10 to 100000 (default: 1000)',
      ).argParser(wholeFrom('--runs', 10, 100_000)),
    )
    .addOption(
      new Option('--seed <number>', 'the same gives the same figures (default: 1)').argParser(
        wholeFrom('--seed', 0, 2 ** 32 - 1),
      ),
    )
    .addOption(
      new Option('--json [file]', 'write one JSON object, to stdout unless a file is named')
        .preset('-')
        .argParser(parsePath),
    )
    .allowExcessArguments()
    .action(({ json, ...options }: BenchPredictCommandOptions, self: Command) => {
      noArguments(self)
      const target = json === undefined ? undefined : openTarget('--json', json)
      const report = benchPredict(options)
      target?.(`${JSON.stringify(report)}\n`)
      if (json !== '-') write(STDOUT, benchPredictText(report, paintFor(STDOUT)))
      done(0)
    })
}

function wholeFrom(option: string, low: number, high: number) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= low && value <= high) return value
    throw badOption(option, text, `a whole number from ${low} to ${high}`)
  }
}

function parsePath(path: string): string {
  if (path === '') throw badOption('--json', path, '- or the name of a file')
  return path
}

/** The report as people read it. */
export function benchPredictText(report: PredictReport, paint: Paint): string {
  const { runs, seed, epochs, noisePercent, confidence } = report
  const percent = (value: number | null) => (value === null ? 'none' : `${value.toFixed(1)} %`)
  const lines = [
    paint('bold', 'How right predictions are'),
    `${runs} runs of ${epochs} epochs in each world, ${noisePercent} % noise, seed ${seed}`,
    '',
    ...table([
      ['world', 'seen', 'error', 'of the mean', 'holds', 'width', 'no interval'],
      ...report.worlds.map((one) => [
        one.world,
        String(one.seen),
        percent(one.errorPercent),
        percent(one.meanErrorPercent),
        percent(one.coveragePercent),
        percent(one.widthPercent),
        percent(one.roughPercent),
      ]),
    ]),
    '',
    ...new Set(report.worlds.map(({ world, about }) => paint('dim', `  ${world}: ${about}`))),
    paint('dim', '  error: of the energy that remained, on average over the runs, in size'),
    paint('dim', '  of the mean: the error of epochs × mean of those seen'),
    paint('dim', `  holds: how many of the ${100 * confidence} % intervals hold the truth`),
  ]
  return `${lines.join('\n')}\n`
}
