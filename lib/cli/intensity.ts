/** `jouletap intensity`: grid intensity of a place, now, past or expected. */
import { Command, Option } from 'commander'
import {
  type Basis,
  type IntensityAnswer,
  type IntensityOptions,
  type IntensityPoint,
  intensity,
  providerFor,
} from '../carbon'
import { badOption } from '../errors'
import { withForecast } from '../forecast'
import { intensityText, table } from '../text'
import { bars } from './chart'
import { type LiveFlags, liveFlags, liveOptions } from './live'
import { numberFrom } from './options'
import { type Paint, paintFor, remark, STDERR, STDOUT, write } from './output'
import { noArguments } from './usage'

interface Options extends LiveFlags {
  at?: Date
  from?: Date
  to?: Date
  forecast?: number
  json?: true
}

/** The command; `done` is told the exit code. */
export function intensityCommand(done: (code: number) => void): Command {
  const time = (flags: string, what: string) =>
    new Option(`${flags} <time>`, what).argParser(timeFrom(flags))
  const command = new Command('intensity')
    .summary('grid intensity now, past or expected, of a place')
    .description(
      'Grams of CO2-equivalent for each kilowatt-hour of the grid of a place: by a table of annual ' +
        'means, or by a live service where one is asked for. Without it the network is not used.',
    )
    .argument('[place]', 'DK, DK-DK1, US-CA, aws:eu-north-1, 55.7,12.6 … (default: found)')
    .addOption(time('--at', 'the time; default: now'))
    .addOption(time('--from', 'the beginning of a stretch of time'))
    .addOption(time('--to', 'its end; default: now'))
    .addOption(
      new Option('--forecast <hours>', 'what is expected, for so many hours').argParser(
        numberFrom('--forecast', 1, 336, 'a number of hours'),
      ),
    )
  for (const option of liveFlags()) command.addOption(option)
  return command
    .option('--json', 'answer with one JSON object')
    .addHelpText('after', HELP)
    .allowExcessArguments()
    .action(async (place: string | undefined, options: Options, self: Command) => {
      noArguments(self, ['one place'])
      const answer = await intensity(place, optionsOf(place, options))
      const paint = paintFor(STDOUT)
      write(STDOUT, options.json ? `${JSON.stringify(objectOf(answer))}\n` : text(answer, paint))
      for (const warning of answer.warnings) {
        remark(`jouletap: ${paintFor(STDERR)('yellow', warning)}\n`)
      }
      done(0)
    })
}

const HELP = `
Times are ISO 8601; without an offset they are of this machine's clock. Keys are read from
JOULETAP_ELECTRICITYMAPS_KEY, JOULETAP_WATTTIME_USERNAME, JOULETAP_WATTTIME_PASSWORD,
JOULETAP_CARBON_AWARE_URL, or the configuration.

Examples:
  jouletap intensity
  jouletap intensity FR
  jouletap intensity GB --live --forecast 24
  jouletap intensity DK-DK1 --provider energi-data-service --from 2026-11-25 --to 2026-11-26
  jouletap intensity DE --live --json | jq .points[0].gramsPerKWh`

/** What the options say, over the configuration; who has no forecast makes one of the past. */
function optionsOf(
  place: string | undefined,
  { at, from, to, forecast, ...flags }: Options,
): IntensityOptions {
  const { place: _, pue: __, ...live } = liveOptions(flags)
  const options = { ...live, ...given({ at, from, to, forecastHours: forecast }) }
  const provider = forecast === undefined ? undefined : providerFor(place, options)
  return { ...options, ...(provider && { live: withForecast(provider) }) }
}

function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const there = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(there) as { [K in keyof T]?: NonNullable<T[K]> }
}

function timeFrom(option: string) {
  return (text: string): Date => {
    // A date alone would be of UTC.
    const time = new Date(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00` : text)
    if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(time.getTime())) return time
    throw badOption(option, text, 'a time like 2026-11-26T14:00 or 2026-11-26T14:00Z')
  }
}

function objectOf({ location, series, warnings }: IntensityAnswer) {
  const { basis, points } = series
  return { schema: 'jouletap.intensity/1', location, basis, points, warnings }
}

function text({ location, series }: IntensityAnswer, paint: Paint): string {
  const { points, basis } = series
  const [first] = points as [IntensityPoint]
  const place = first.zone === 'WORLD' ? 'the world' : location.name
  const lines =
    points.length === 1
      ? [`${paint('bold', `${grams(first)} g/kWh`)} in ${place}, ${when(first)}`]
      : [paint('bold', `${place}, g/kWh, times of ${zoneOfClock()}`), ...chart(points, paint)]
  lines.push(paint('dim', `  ${basisText(basis)}; ${creditText(first)}`))
  if (location.foundBy !== 'option' && location.foundBy !== 'nothing') {
    lines.push(paint('dim', `  place by the ${location.foundBy}: ${location.detail}`))
  }
  return `${lines.join('\n')}\n`
}

const grams = ({ gramsPerKWh }: IntensityPoint) => intensityText(gramsPerKWh)

/** `annual average of 2024`, `measured, 26 Nov 14:00 – 26 Nov 14:30, times of Europe/Paris`. */
function when({ status, year, start, end }: IntensityPoint): string {
  if (status === 'annual-average') return `annual average of ${year}`
  return `${status}, ${clock(start)} – ${clock(end)}, times of ${zoneOfClock()}`
}

/** `life-cycle average of consumption`. */
export function basisText({ kind, factors, boundary }: Basis): string {
  const how = factors === 'unknown' ? '' : factors === 'direct' ? 'direct ' : 'life-cycle '
  return `${how}${kind}${boundary === 'unknown' ? '' : ` of ${boundary}`}`
}

function creditText({ source, attribution, licence }: IntensityPoint): string {
  return [attribution ?? source, licence].filter(Boolean).join(', ')
}

/** Lines that are shown at the most; shorter points are drawn together by the hour. */
const MOST_LINES = 72

function chart(points: readonly IntensityPoint[], paint: Paint): string[] {
  const shown = points.length > MOST_LINES ? hourly(points) : points
  const least = Math.min(...shown.map(({ gramsPerKWh }) => gramsPerKWh))
  const drawn = bars(shown.map(({ gramsPerKWh }) => gramsPerKWh))
  const rows = shown.map((point, index) => [
    clock(point.start),
    grams(point).padStart(5),
    drawn[index]!,
    point.status,
  ])
  return table(rows).map((line, index) =>
    shown[index]!.gramsPerKWh === least ? paint('green', `${line}, lowest`) : line,
  )
}

/** Means over hours, by the time that each point holds. */
function hourly(points: readonly IntensityPoint[]): IntensityPoint[] {
  const hours = new Map<number, IntensityPoint[]>()
  for (const point of points) {
    const hour = Math.floor(point.start.getTime() / 3_600_000)
    hours.set(hour, [...(hours.get(hour) ?? []), point])
  }
  return [...hours].map(([hour, some]) => {
    const weights = some.map(({ start, end }) => end.getTime() - start.getTime())
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const mean =
      some.reduce((sum, { gramsPerKWh }, i) => sum + gramsPerKWh * weights[i]!, 0) / total
    return {
      ...some[0]!,
      start: new Date(hour * 3_600_000),
      end: some.at(-1)!.end,
      gramsPerKWh: mean,
    }
  })
}

const zoneOfClock = () => new Intl.DateTimeFormat().resolvedOptions().timeZone

/** `26 Nov 14:00`, of this machine's clock; with the year where it is another. */
function clock(time: Date): string {
  const isOther = time.getFullYear() !== new Date().getFullYear()
  const day = time.toLocaleDateString('en-GB', {
    day: '2-digit',
    month: 'short',
    ...(isOther && { year: 'numeric' }),
  })
  return `${day} ${time.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`
}
