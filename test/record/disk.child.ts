/** A run whose disk gets full, and gets room again when a line comes on stdin, or a file is removed. */

import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRecord, readRecord } from '../../lib/record'
import { joulesAt, optionsFor, TOTAL_WATTS } from '../support/record'

const EPOCH_MS = 1000

async function main(folder: string, ballastBytes: number): Promise<void> {
  const ballast = join(folder, 'ballast')
  if (ballastBytes > 0) writeFileSync(ballast, Buffer.alloc(ballastBytes))
  const path = join(folder, 'a.jouletap.jsonl')
  const told: string[] = []
  const record = openRecord(optionsFor(path, { onProblem: (sentence) => told.push(sentence) }))
  let epoch = 0
  const train = () => {
    const from = EPOCH_MS * epoch++
    record.mark({ at: 'begin', ms: from, epoch, totalJoules: (TOTAL_WATTS * from) / 1000 })
    for (let ms = from; ms < from + EPOCH_MS; ms += 10) record.row(ms, joulesAt(ms))
    const end = from + EPOCH_MS
    const used = { seconds: EPOCH_MS / 1000, joules: (TOTAL_WATTS * EPOCH_MS) / 1000 }
    record.mark({ at: 'end', ms: end, epoch, totalJoules: (TOTAL_WATTS * end) / 1000, ...used })
  }
  while (record.warnings.length === 0) train()
  const fullAfter = epoch
  for (let more = 0; more < 5; more++) train()
  // What is there now can be read, whatever becomes of the run.
  const full = await readRecord(path)
  if (ballastBytes > 0) {
    rmSync(ballast)
  } else {
    console.log('full')
    await once(process.stdin, 'data')
  }
  for (let more = 0; more < 5; more++) train()
  const ms = EPOCH_MS * epoch
  const joules = (TOTAL_WATTS * ms) / 1000
  record.row(ms, joulesAt(ms))
  const actual = { epochs: epoch, seconds: ms / 1000, joules, kWh: null, grams: null }
  record.summary({ status: 'complete', actual })
  record.close()
  const run = await readRecord(path)
  console.log(JSON.stringify({ told, kept: record.warnings, fullAfter, epoch, full, run }))
  process.exit()
}

main(process.argv[2]!, Number(process.argv[3]))
