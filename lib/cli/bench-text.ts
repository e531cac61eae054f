/** The report of the bench as people read it: every figure with how it was taken, and its limit. */
import type {
  BenchReport,
  OverheadFigures,
  PrecisionFigures,
  Slowdown,
  SoakFigures,
  SourceCost,
  Spread,
  StartupFigures,
} from '../bench'
import { table } from '../text'
import type { Paint } from './output'

/** Beside a figure that passes its limit. */
const MARK = ' !'

/** What figures are to be at the most. */
const LIMITS = {
  ratio: 1.25,
  slowdownPercent: 0.3,
  nsPerValue: 5,
  requireTimes: 1.5,
  requireMoreMs: 15,
  meterMs: 5,
  runTimes: 2,
  runMoreMs: 20,
  growthBytes: 2 ** 20,
} as const
/** Root mean square errors in percent of aligned windows at constant power, by milliseconds. */
const ALIGNED_PERCENT: Readonly<Record<number, number>> = { 2: 0.3, 10: 0.1 }
/** Shares of windows within one and two standard deviations. */
const CALIBRATED = { one: [0.63, 0.73], two: 0.93 } as const

/** The whole report; figures beyond their limit are marked. */
export function benchText(report: BenchReport, paint: Paint): string {
  const { host, how, notes, simulated, seconds } = report
  const { cpu, os, kernel, logicalCpus, node, jouletap } = host
  const counters = simulated ? 'counters of a simulated host' : "this machine's own counters"
  const lines = [
    paint('bold', `jouletap ${jouletap} on ${cpu || 'an unknown processor'}`),
    `${logicalCpus} CPUs, ${os || 'unknown system'}, kernel ${kernel}, Node ${node}; ${counters}; ` +
      `taken in ${seconds.toFixed(0)} s`,
  ]
  const part = (title: string, body: readonly string[], ways: readonly string[] = []) => {
    if (body.length === 0) return
    lines.push('', paint('bold', title), ...body)
    for (const way of ways) lines.push(...wrap(way).map((line) => paint('dim', `  ${line}`)))
  }
  part('What a row costs', sourcesTable(report.sources), how.sources)
  part('How late rows are', timersTable(report), how.timers)
  part('What fetching rows costs', drainLines(report), how.drain)
  part('What a busy program loses', overheadLines(report.overhead), how.overhead)
  part('What starting takes', startupTable(report.startup), how.startup)
  part('How right windows are', precisionTable(report.precision), how.precision)
  part('A long run', soakLines(report.soak), how.soak)
  if (notes.length > 0) {
    lines.push('', paint('bold', 'Notes'))
    for (const sentence of notes) lines.push(...wrap(sentence).map((line) => `  ${line}`))
  }
  const text = lines.join('\n')
  const legend = text.includes(MARK) ? `\n\n${MARK.trim()} beyond its limit (≤, ≥)` : ''
  return `${text.replaceAll(MARK, paint('red', MARK))}${legend}\n`
}

/** A figure, and the mark if it is not good. */
const judged = (text: string, good: boolean): string => (good ? text : text + MARK)

const orNone = (value: number | null, places = 0): string =>
  value === null ? 'unknown' : value.toFixed(places)

function sourcesTable(sources: readonly SourceCost[]): string[] {
  if (sources.length === 0) return []
  const limit = `≤ ${LIMITS.ratio}`
  const head = ['source', 'read', 'CPU ns (p99)', 'bare loop', `ratio ${limit}`]
  const more = ['instructions', 'bare loop', `ratio ${limit}`, 'calls', 'bytes', 'policy']
  return table([
    [...head, ...more],
    ...sources.map((cost) => {
      const { rowNs, timeRatios, realtime, domains } = cost
      const limited = ['rapl-perf', 'rapl-powercap'].includes(cost.source)
      const ratio = (value: number | null) =>
        judged(orNone(value, 2), !limited || value === null || value <= LIMITS.ratio)
      const extent = timeRatios
        ? ` (${timeRatios.min.toFixed(2)} … ${timeRatios.max.toFixed(2)})`
        : ''
      return [
        cost.source,
        cost.place.includes('simulated') ? cost.place : `${cost.place}, ${domains.length} domains`,
        `${rowNs.median.toFixed(0)} (${rowNs.p99.toFixed(0)})`,
        orNone(cost.floorNs),
        ratio(cost.timeRatio) + extent,
        orNone(cost.instructionsPerRow),
        orNone(cost.floorInstructionsPerRow),
        ratio(cost.instructionRatio),
        callsText(cost),
        String(cost.bytesPerRow),
        realtime.sampler === realtime.floor || cost.floorNs === null
          ? policy(realtime.sampler)
          : `${policy(realtime.sampler)}, loop ${policy(realtime.floor)}`,
      ]
    }),
  ])
}

const policy = (fifo: boolean): string => (fifo ? 'FIFO' : 'OTHER')

/** One a package by perf, one a zone by powercap. */
function callsText({ source, systemCallsPerRow: calls, domains }: SourceCost): string {
  const packages = domains.filter((id) => id.startsWith('package-')).length
  const most = { 'rapl-perf': packages, 'rapl-powercap': domains.length }[source]
  if (calls === null || most === undefined) return orNone(calls, 2)
  return judged(`${calls.toFixed(2)} ≤ ${most}`, calls < most + 0.01)
}

function timersTable({ timers }: BenchReport): string[] {
  if (timers.length === 0) return []
  return table([
    ['rate', 'load', 'p50 µs', 'p99 µs', 'most µs', 'achieved Hz', 'missed', 'rows'],
    ...timers.map((one) => [
      `${one.hz} Hz`,
      one.load,
      one.p50Us.toFixed(1),
      one.p99Us.toFixed(1),
      one.maxUs.toFixed(1),
      one.achievedHz.toFixed(1),
      String(one.overruns),
      String(one.rows),
    ]),
  ])
}

function drainLines({ drain }: BenchReport): string[] {
  if (!drain) return []
  const { nsPerValue, nsPerValueSpread, meterNsPerValue, meterNsPerValueSpread, values } = drain
  const most = LIMITS.nsPerValue
  const extent = ({ min, max }: Spread) => `(${min.toFixed(1)} … ${max.toFixed(1)})`
  const read = judged(`${nsPerValue.toFixed(1)} ns ≤ ${most}`, nsPerValue <= most)
  const rows = `${meterNsPerValue.toFixed(1)} ns ${extent(meterNsPerValueSpread)}`
  return table([
    ['read() of the addon', `${read} ${extent(nsPerValueSpread)} for each of ${values} values`],
    ['Meter.rows()', `${rows}, with new arrays for every batch`],
  ])
}

function overheadLines(figures: OverheadFigures | null): string[] {
  if (!figures) return []
  const { slowdownPercent: slow, floorSlowdownPercent: floor } = figures
  const { threadShare, floorShare, shareRatio } = figures
  const interval = ({ low, high, pairs }: Slowdown) =>
    `(95 %: ${low.toFixed(2)} … ${high.toFixed(2)} %, ${pairs} pairs)`
  const most = LIMITS.slowdownPercent
  const share = (value: number | null) =>
    value === null ? 'unknown' : `${(100 * value).toFixed(3)} %`
  return table([
    [
      'slower by the sampler',
      `${judged(`${slow.mean.toFixed(2)} % ≤ ${most} %`, slow.mean <= most)} ${interval(slow)}`,
    ],
    [
      'by the bare loop',
      floor === null ? 'unknown' : `${floor.mean.toFixed(2)} % ${interval(floor)}`,
    ],
    [
      'sampler, of one CPU',
      `${share(threadShare)} (${figures.source}, ${figures.domains} domains)`,
    ],
    ['bare loop, of one CPU', share(floorShare)],
    [
      'ratio of the two',
      judged(
        `${orNone(shareRatio, 2)} ≤ ${LIMITS.ratio}`,
        shareRatio === null || shareRatio <= LIMITS.ratio,
      ),
    ],
  ])
}

function startupTable(figures: StartupFigures | null): string[] {
  if (!figures) return []
  const { requireMs, baselineMs, meterMs, runTrueMs, nodeMs } = figures
  const { requireTimes, requireMoreMs, runTimes, runMoreMs } = LIMITS
  const loaded = requireMs <= requireTimes * baselineMs || requireMs < baselineMs + requireMoreMs
  const ran = runTrueMs <= runTimes * nodeMs + runMoreMs
  const ms = (value: number) => `${value.toFixed(1)} ms`
  const limit = (value: number) => ` ≤ ${ms(value)}`
  const most = Math.max(requireTimes * baselineMs, baselineMs + requireMoreMs)
  const began = meterMs === null || meterMs <= LIMITS.meterMs
  return table([
    ['require jouletap', judged(`${ms(requireMs)}${limit(most)}`, loaded)],
    ['require an empty file', ms(baselineMs)],
    [
      'a Meter, made and started',
      meterMs === null ? 'unknown' : judged(`${ms(meterMs)}${limit(LIMITS.meterMs)}`, began),
    ],
    [
      'jouletap run -- true',
      judged(`${ms(runTrueMs)}${limit(runTimes * nodeMs + runMoreMs)}`, ran),
    ],
    ['node -e 0', ms(nodeMs)],
  ])
}

function precisionTable(figures: readonly PrecisionFigures[] | null): string[] {
  if (!figures || figures.length === 0) return []
  const head = ['window', 'align', 'power', 'jitter', 'rms error', 'typical', 'theory', 'claimed']
  return table([
    [...head, 'within 1σ', 'within 2σ', 'found', 'windows'],
    ...figures.map((one) => {
      const { windowMs, align, load, rmsPercent, within1Sigma, within2Sigma } = one
      const most = align === 'edge' && load === 'constant' ? ALIGNED_PERCENT[windowMs] : undefined
      const checked = align === 'edge' && load === 'moving'
      const [least, greatest] = CALIBRATED.one
      const share = (value: number) => `${(100 * value).toFixed(1)} %`
      return [
        `${windowMs} ms`,
        align,
        load,
        `${one.jitterPercent} %`,
        most === undefined
          ? percent(rmsPercent)
          : judged(`${percent(rmsPercent)} ≤ ${most} %`, rmsPercent <= most),
        percent(one.typicalPercent),
        one.theoryPercent === null ? '' : percent(one.theoryPercent),
        percent(one.claimedPercent),
        checked
          ? judged(
              `${share(within1Sigma)} (68 ± 5)`,
              within1Sigma >= least && within1Sigma <= greatest,
            )
          : share(within1Sigma),
        checked
          ? judged(
              `${share(within2Sigma)} ≥ ${100 * CALIBRATED.two} %`,
              within2Sigma >= CALIBRATED.two,
            )
          : share(within2Sigma),
        one.found === null ? '' : share(one.found),
        String(one.windows),
      ]
    }),
  ])
}

/** Three digits. */
const percent = (value: number): string =>
  `${value.toFixed(Math.max(0, Math.min(5, 2 - Math.floor(Math.log10(value || 1)))))} %`

function soakLines(figures: SoakFigures | null): string[] {
  if (!figures) return []
  const { hz, seconds, rows, lostRows, missedRows, missedShare, growthBytes } = figures
  const { floorMissedRows: floorRows, floorMissedShare: floorShare } = figures
  const share = (value: number) => `${(100 * value).toFixed(3)} %`
  const mib = (growthBytes / 2 ** 20).toFixed(2)
  return table([
    ['rows', `${rows} in ${seconds.toFixed(1)} s at ${hz} Hz`],
    ['lost', judged(`${lostRows} ≤ 0`, lostRows === 0)],
    ['missed', `${missedRows}, ${share(missedShare)} of the grid`],
    [
      'missed by the bare loop',
      floorRows === null || floorShare === null ? 'unknown' : `${floorRows}, ${share(floorShare)}`,
    ],
    ['memory grew by', judged(`${mib} MiB ≤ 1 MiB`, growthBytes <= LIMITS.growthBytes)],
  ])
}

/** Lines of at most so many characters, broken between words. */
function wrap(text: string, width = 100): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
