/** What rows cost, as people read it. */
import type { Cost, Spread } from './cost'

/** A table with one line for each named cost, and how the figures were taken. */
export function costText(costs: Readonly<Record<string, Cost>>): string {
  const lines = [
    ['', 'meter, µs', 'bare loop, µs', 'meter ÷ bare loop', 'process, µs', 'missed'],
    ...Object.entries(costs).map(([name, cost]) => [
      `${name} (${cost.reads} ${cost.reads === 1 ? 'read' : 'reads'})`,
      spreadText(cost.meterSeconds, 1e6, 1),
      spreadText(cost.floorSeconds, 1e6, 1),
      spreadText(cost.ratio, 1, 2),
      spreadText(cost.processSeconds, 1e6, 1),
      String(cost.overruns),
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
  const remarks = [...new Set(Object.values(costs).map(howTaken))]
  return `${['CPU time a row: median (least … most)', ...table, '', ...remarks].join('\n')}\n`
}

function spreadText({ median, min, max }: Spread, factor: number, places: number): string {
  const [middle, least, most] = [median, min, max].map((value) => (value * factor).toFixed(places))
  return `${middle} (${least} … ${most})`
}

function howTaken({ intervalMs, rows, ratio, realtime }: Cost): string {
  const policy = (fifo: boolean) => (fifo ? 'SCHED_FIFO' : 'SCHED_OTHER')
  const [meter, floor] = [policy(realtime.meter), policy(realtime.floor)]
  const how = meter === floor ? `both ${meter}` : `the meter ${meter}, the loop ${floor}`
  return (
    `${ratio.count} pairs, meter and bare loop by turns, each of ${rows} rows every ` +
    `${intervalMs} ms, after one pair that does not count.\n` +
    `CLOCK_THREAD_CPUTIME_ID of the meter's and of the loop's thread, ${how}; process: all ` +
    'threads while the meter runs and its rows are fetched; missed: rows of the meter, all pairs.'
  )
}
