// Prints how right forecasts of intensity are, by day ahead, on grids that are made up, or on a file of the user's: `npm run bench:forecast [-- FILE.csv]`.
import { readFileSync } from 'node:fs'
import { type IntensitySeries, seriesOf } from '../../lib/carbon'
import { parseTable } from '../../lib/data'
import { backTest } from '../../lib/forecast'
import { GRIDS, gridOf } from '../support/grids'
import { pointOf } from '../support/intensity'

const DAYS = 365

/** Columns `start` and `gramsPerKWh`, an hour a row. */
function fromFile(path: string): IntensitySeries {
  const { rows } = parseTable(readFileSync(path, 'utf8'), path)
  return seriesOf(
    rows.map((row) => {
      const start = new Date(row.start!)
      const end = new Date(start.getTime() + 3_600_000)
      return pointOf(0, 1, Number(row.gramsPerKWh), { start, end })
    }),
  )
}

const [path] = process.argv.slice(2)
const histories: [string, IntensitySeries][] = path
  ? [[path, fromFile(path)]]
  : Object.keys(GRIDS).map((name) => [`${name} (made)`, gridOf(name, DAYS)])

console.log('Mean absolute percentage error by day ahead, and coverage of 90 % bands')
for (const [name, history] of histories) {
  for (const { method, forecasts, days } of backTest(history, { everyHours: 7 })) {
    const errors = days.map(({ mapePercent }) => mapePercent.toFixed(1).padStart(5)).join(' ')
    const covered = days.map(({ covered }) => `${(100 * (covered ?? 0)).toFixed(1)} %`).join(' ')
    console.log(
      `${name.padEnd(16)} ${method.padEnd(14)} ${errors} %   ${covered}   ${forecasts} forecasts`,
    )
  }
}
