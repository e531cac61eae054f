/** A run that says on stdout how far it has come, and goes on until it is killed. */
import { openRecord } from '../../lib/record'
import { joulesAt, optionsFor, TOTAL_WATTS } from '../support/record'

const record = openRecord(optionsFor(process.argv[2]!))
let ms = 0

function go(): void {
  const totalJoules = () => (TOTAL_WATTS * ms) / 1000
  record.mark({ at: 'begin', ms, epoch: 1 + ms / 1000, totalJoules: totalJoules() })
  for (const end = ms + 1000; ms < end; ms += 10) record.row(ms, joulesAt(ms))
  record.mark({
    at: 'end',
    ms,
    epoch: ms / 1000,
    totalJoules: totalJoules(),
    seconds: 1,
    joules: TOTAL_WATTS,
  })
  if (ms % 10_000 === 0) console.log(`${ms} ms`)
  setImmediate(go)
}

go()
