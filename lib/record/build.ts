/** Puts the lines of a record together to a run. */
import type { Quality } from '../energy'
import type { FileLine } from './each-line'
import * as check from './line'
import { type RunMark, SCHEMA } from './lines'
import { recomputeRun } from './recompute'
import { thinned } from './thin'
import type { Run, RunEpoch, RunIntensity, RunPrediction } from './types'

/** Bytes of the lines that are kept one by one: marks, intensities, predictions, warnings. */
const MOST_KEPT_BYTES = 32 * 2 ** 20
/** Numbers in the rows that are kept. */
const MOST_NUMBERS = 2 ** 21
const MOST_LINES = 2 ** 22
/** Lines that cannot be read: in a record, and before the header of one. */
const MOST_UNREADABLE = { all: 1000, first: 10 }

const WORST_FIRST: readonly Quality[] = ['estimated', 'modelled', 'measured']

type Header = ReturnType<typeof check.header>
type Summary = ReturnType<typeof check.summary>
/** Milliseconds, then the joules of each domain. */
type Row = readonly (number | null)[]

/** What is known at the end of a run that has no summary. */
interface Latest {
  ms: number
  joules: number | null
}

/** Takes the lines in order, then gives the run. Both throw a sentence without its end. */
export function runBuilder(
  path: string,
  maxRows: number,
): { add(line: FileLine): void; run(): Run } {
  const epochs: RunEpoch[] = []
  const intensities: RunIntensity[] = []
  const predictions: RunPrediction[] = []
  const warnings: string[] = []
  const unreadable: number[] = []
  let torn = false
  let keptBytes = 0
  let header: Header | undefined
  let summary: Summary | undefined
  let begun: Extract<RunMark, { at: 'begin' }> | undefined
  let kept = thinned<Row>(maxRows)
  let known: (number | null)[] = []
  let rowMs = 0
  let latest: Latest = { ms: 0, joules: null }

  function add({ number, bytes, cut, ended }: FileLine): void {
    if (number > MOST_LINES) throw new Error(`It is beyond the ${MOST_LINES} lines that are read`)
    if (bytes.length === 0) return
    const value = cut ? undefined : parse(bytes)
    if (value === undefined) {
      if (ended || cut) unreadable.push(number)
      else torn = true
      const most = header ? MOST_UNREADABLE.all : MOST_UNREADABLE.first
      if (unreadable.length < most) return
      throw new Error(header ? `It is the ${most}th line that cannot be read` : NO_RECORD)
    }
    const type = typeOf(value)
    if (!header) {
      header = headerOf(value, type)
      known = header.domains.map(() => null)
      const numbers = header.domains.length + 1
      kept = thinned(Math.min(maxRows, Math.floor(MOST_NUMBERS / numbers)))
      return
    }
    if (type === 'rows') {
      for (const row of check.rows(value, '').rows) addRow(row, header.domains)
      return
    }
    keptBytes += bytes.length
    if (keptBytes > MOST_KEPT_BYTES) {
      throw new Error(`It is beyond ${MOST_KEPT_BYTES / 2 ** 20} MiB of lines that are not rows`)
    }
    if (type === 'header') throw new Error('It is a second header')
    if (type === 'mark') addMark(check.mark(value, ''))
    if (type === 'intensity') intensities.push(check.intensity(value, ''))
    if (type === 'prediction') predictions.push(check.prediction(value, ''))
    if (type === 'warning') warnings.push(check.warning(value, '').text)
    if (type === 'summary') summary = check.summary(value, '')
  }

  function addRow(row: Row, domains: Header['domains']): void {
    const [ms] = row
    if (typeof ms !== 'number' || row.length !== domains.length + 1) {
      throw new Error(`A row of it is not a time and ${domains.length} numbers`)
    }
    if (ms < rowMs) throw new Error('The time of a row is before that of the one above')
    rowMs = ms
    for (let index = 0; index < domains.length; index++)
      known[index] = row[index + 1] ?? known[index]!
    kept.add(row)
    if (ms >= latest.ms) latest = { ms, joules: totalOf(known, domains) }
  }

  function addMark(mark: RunMark): void {
    const { ms: reached, totalJoules: joules } = mark
    if (joules !== undefined && reached >= latest.ms) latest = { ms: reached, joules }
    if (mark.at === 'begin') begun = mark
    if (mark.at !== 'end') return
    const { at, ms, totalJoules, ...epoch } = mark
    epochs.push(epoch)
    begun = undefined
  }

  function run(): Run {
    if (!header) throw new Error(NO_RECORD)
    const { schema, pue = null, tool, domains, ...facts } = header
    if (!summary && begun) epochs.push(cutShort(begun, latest))
    const { joules } = latest
    const told = summary?.actual ?? { seconds: latest.ms / 1000, joules, kWh: null, grams: null }
    const quality = summary?.quality ?? weakest(domains)
    const run: Run = {
      format: 'jouletap',
      files: [path],
      tool,
      ...facts,
      status: summary?.status ?? 'unfinished',
      epochs,
      actual: told,
      predicted: predictions.at(-1) ?? null,
      ...(predictions.length > 0 && { predictions }),
      ...(summary?.realised && { realised: summary.realised }),
      pue,
      intensities,
      ...(quality && { quality }),
      domains,
      rows: columns(kept.rows(), domains.length),
      warnings: [...warnings, ...remarks()],
    }
    if (!summary) run.actual = { ...recomputeRun(run), epochs: epochs.length }
    return run
  }

  function remarks(): string[] {
    const seconds = (latest.ms / 1000).toFixed(1)
    const [first, second] = unreadable
    const others = `${unreadable.length} lines of ${path} cannot be read and were left out, from`
    const leftOut = second ? others : `1 line of ${path} cannot be read and was left out:`
    return [
      !summary &&
        `The record ${path} has no end, as where a run is killed: its energy is that of the first ` +
          `${seconds} s.`,
      first && `${leftOut} line ${first}.`,
      torn && `The last line of ${path} is torn and was left out.`,
    ].filter((remark) => typeof remark === 'string')
  }

  return { add, run }
}

const NO_RECORD = 'This is no record of a run by jouletap'
const utf8 = new TextDecoder('utf-8', { fatal: true })

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(bytes))
  } catch {
    return undefined
  }
}

/** Undefined where the line has none. */
function typeOf(value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null
  return isObject && Object.hasOwn(value, 'type') ? (value as { type: unknown }).type : undefined
}

function headerOf(value: unknown, type: unknown): Header {
  const schema = type === 'header' && (value as { schema?: unknown }).schema
  const text = typeof schema === 'string' ? schema : ''
  const [, name, version] = /^([\w.]+)\/([1-9]\d{0,8})$/.exec(text) ?? []
  if (name !== SCHEMA.name) throw new Error(NO_RECORD)
  if (Number(version) !== SCHEMA.version) {
    throw new Error(
      `A newer jouletap wrote this (schema ${version}); this one reads schema ${SCHEMA.version}`,
    )
  }
  return check.header(value, '')
}

function totalOf(known: readonly (number | null)[], domains: Header['domains']): number | null {
  const parts = known.filter((joules, index) => domains[index]!.additive && joules !== null)
  return parts.length > 0 ? parts.reduce((sum: number, joules) => sum + joules!, 0) : null
}

/** The epoch in which the run ended without a word. */
function cutShort(begun: Extract<RunMark, { at: 'begin' }>, { ms, joules }: Latest): RunEpoch {
  const { epoch, phase, totalJoules } = begun
  return {
    epoch,
    ...(phase !== undefined && { phase }),
    start: begun.ms / 1000,
    seconds: (ms - begun.ms) / 1000,
    joules: totalJoules === undefined || joules === null ? null : Math.max(0, joules - totalJoules),
    partial: true,
  }
}

function weakest(domains: Header['domains']): Quality | undefined {
  const additive = domains.filter((domain) => domain.additive)
  return WORST_FIRST.find((quality) => additive.some((domain) => domain.quality === quality))
}

function columns(rows: readonly Row[], domains: number): NonNullable<Run['rows']> {
  return {
    seconds: rows.map(([ms]) => ms! / 1000),
    joules: Array.from({ length: domains }, (_, index) =>
      rows.map((row) => row[index + 1] ?? Number.NaN),
    ),
  }
}
