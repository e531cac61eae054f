/** The power of CPU, GPU and ANE of Apple silicon, as Apple's own powermetrics prints it. */
import type { NativeRefusal } from '../../native'
import { type Feed, monotonicMs } from '../feed'
import type { Channel } from '../reading'
import { createLedger } from './ledger'
import { findCommand, type Mac, POWERMETRICS, sampleMs, thisMachine, type Wanted } from './machine'
import { MOST_WATTS, PARTS } from './parser'
import { type Reader, startReader } from './reader'
import type { News } from './thread'

export { type Mac, POWERMETRICS, thisMachine } from './machine'

/** Without a sample for so long it hangs: a busy machine's are late by less, and an end is told at once. */
const STALE_MS = 3000

/**
 * Opens powermetrics, or says why it cannot be used: it must be root's, or sudo must let it run
 * without a password. It runs from `start()` to `stop()`, on a thread of its own that does not keep
 * the process alive, and ends with the process however that ends.
 *
 * Joules are watts × the time that each sample says it took. Those of the sample under way are not
 * known before it ends: a reading holds what is known by then. The first sample comes after some
 * hundred milliseconds; what was used before is missing, and so is what a lost or unreadable sample
 * held: the coverage says so.
 */
export function openPowermetrics(wanted: Wanted, mac: Mac = thisMachine()): Feed | NativeRefusal {
  const command = findCommand(wanted, mac)
  if ('reason' in command) return command

  const periodMs = sampleMs(wanted)
  const ledger = createLedger()
  const { points } = ledger
  let reader: Reader | undefined
  let cpuSeconds = 0

  const hear = (news: News): void => {
    if (news.kind === 'samples') {
      cpuSeconds += news.cpuSeconds
      for (const sample of news.samples) ledger.take(sample)
    } else ledger.lose()
  }

  return {
    channels: PARTS.map((part) => channelOf(part, mac.program, periodMs / 1000)),
    notes: notesFor(wanted.intervalMs, periodMs),
    start() {
      ledger.begin(monotonicMs())
      reader = startReader(command, mac, hear)
    },
    stop() {
      reader?.stop()
      reader = undefined
    },
    sample(into, offset) {
      reader?.poll()
      ledger.write(into, offset, STALE_MS)
    },
    // The first point is the last sample: of the one under way nothing is known yet.
    record() {
      reader?.poll()
      points.restart()
    },
    drain() {
      reader?.poll()
      return points.drain()
    },
    joulesAt(timeMs, channel) {
      reader?.poll()
      return points.joulesAt(timeMs, channel)
    },
    overhead: () => ({ cpuSeconds, intervalMs: periodMs, ...points.counts() }),
  }
}

function channelOf(kind: string, path: string, updateSeconds: number): Channel {
  return {
    id: `${kind}-0`,
    kind,
    source: POWERMETRICS,
    path,
    device: {},
    parent: '',
    role: 'root',
    additive: true,
    method: 'power-average',
    mayRest: kind !== 'cpu',
    modelled: true,
    call: -1,
    unitJoules: 0,
    updateSeconds,
    wrapJoules: 0,
    maxWatts: MOST_WATTS,
    gain: 0,
    quality: 'modelled',
  }
}

function notesFor(intervalMs: number, periodMs: number): string[] {
  const notes = [
    'powermetrics: the chip estimates its own power, which Apple advises against comparing between Macs; memory, display and what else is outside CPU, GPU and ANE is not in it.',
  ]
  if (intervalMs < periodMs) notes.push(`powermetrics has a row every ${periodMs} ms at the most.`)
  return notes
}
