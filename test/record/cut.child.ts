/** Records with a disk that gets full at each byte of a line, then has room again; tells which fail. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRecord, readRecord } from '../../lib/record'
import { optionsFor } from '../support/record'

const EPOCHS = [1, 2, 3]

function limit(bytes: number | 'unlimited'): void {
  const { status } = spawnSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${bytes}:unlimited`])
  if (status !== 0) throw new Error('prlimit fails')
}

/** A record whose file has room for so many bytes until its last epoch; its path. */
function write(folder: string, name: string, room: number | 'unlimited'): string {
  limit(room)
  const record = openRecord(optionsFor(join(folder, `${name}.jouletap.jsonl`)))
  for (const epoch of EPOCHS) {
    if (epoch === EPOCHS.at(-1)) limit('unlimited')
    record.mark({ at: 'end', ms: 1000 * epoch, epoch, seconds: 1, joules: 80 })
  }
  record.close()
  return record.path
}

async function main(folder: string): Promise<void> {
  const whole = readFileSync(write(folder, 'whole', 'unlimited'))
  const first = whole.indexOf('\n')
  const second = whole.indexOf('\n', first + 1)
  const isNear = (room: number) => room % 97 === 0 || (room >= first - 2 && room <= second + 2)
  const rooms = [...whole.keys()].filter(isNear)
  const failed: string[] = []
  for (const room of rooms) {
    const { epochs } = await readRecord(write(folder, String(room), room))
    const found = epochs.map(({ epoch }) => epoch).join()
    if (found !== EPOCHS.join()) failed.push(`${room} bytes: ${found}`)
  }
  console.log(JSON.stringify({ rooms: rooms.length, failed }))
}

main(process.argv[2]!)
