/** What rows cost, as people read it. */
import type { Cost, Spread } from './cost'

/** A table with one line for each named cost, and a sentence on how the figures were taken. */
export function costText(costs: Readonly<Record<string, Cost>>): string {
  const lines = [
    ['', 'meter, µs', 'bare loop, µs', 'meter ÷ bare loop', 'process, µs'],
    ...Object.entries(costs).map(([name, cost]) => [
      `${name} (${cost.reads} ${cost.reads === 1 ? 'read' : 'reads'})`,
      spreadText(cost.meterSeconds, 1e6, 1),
      spreadText(cost.floorSeconds, 1e6, 1),
      spreadText(cost.ratio, 1, 2),
      spreadText(cost.processSeconds, 1e6, 1),
    ]),
  ]
  const widths = lines[0]!.map((_, column) =>
    Math.max(...lines.map((line) => line[column]!.length)),
  )
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('   ')
      .trimEnd(),
  )
  return `CPU time a row, median (least … most)\n${table.join('\n')}\n${Object.values(costs).map(howTaken).filter(unlike).join('\n')}\n`
}

function spreadText({ median, min, max }: Spread, factor: number, places: number): string {
  const [middle, least, most] = [median, min, max].map((value) => (value * factor).toFixed(places))
  return `${middle} (${least} … ${most})`
}

function howTaken({ intervalMs, rows, ratio, realtime, overruns }: Cost): string {
  const policy = (fifo: boolean) => (fifo ? 'SCHED_FIFO' : 'SCHED_OTHER')
  const [meter, floor] = [policy(realtime.meter), policy(realtime.floor)]
  const how =
    meter === floor ? `both under ${meter}` : `the meter under ${meter}, the loop ${floor}`
  const missed = overruns > 0 ? `; the meter missed ${overruns} rows` : ''
  return (
    `${ratio.count} turns each, in turn, of ${rows} rows every ${intervalMs} ms after one that ` +
    `does not count; ${how}; CLOCK_THREAD_CPUTIME_ID of each thread${missed}.`
  )
}

const unlike = (text: string, index: number, all: readonly string[]): boolean =>
  all.indexOf(text) === index
