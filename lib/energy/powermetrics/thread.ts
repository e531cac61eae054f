/**
 * The thread that runs powermetrics and reads it: so a sample is stamped when it comes, and none
 * is held up, while the program's own thread is busy.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { type MessagePort, workerData } from 'node:worker_threads'
import { monotonicMs } from '../feed'
import type { Command } from './machine'
import { createParser } from './parser'
import { pauseBefore } from './restart'
import { stamp, type TimedSample } from './stamp'

/** What the thread is given. */
export interface Orders {
  command: Command
  backOffMs: number
  /** Takes the news; any message on it ends the child and the thread. */
  port: MessagePort
}

/** What the thread tells of the samples. */
export type News =
  | { kind: 'samples'; samples: readonly TimedSample[]; cpuSeconds: number }
  /** The child has ended, or could not be started. */
  | { kind: 'lost' }

/** All that the thread tells. */
export type Word = { kind: 'started'; pid: number } | News

/** Milliseconds that the child has to end by itself. */
const GRACE_MS = 1000

const { command, backOffMs, port } = workerData as Orders
const restartsMs: number[] = []
let child: ChildProcess | undefined
let pause: NodeJS.Timeout | undefined
let stopping = false
/** Not told yet. */
let cpuSeconds = 0

const tell = (word: Word): void => port.postMessage(word)

function launch(): void {
  const parser = createParser()
  let endMs = monotonicMs()
  // What it says on stderr is noise: it complains of values that it then leaves out.
  const started = spawn(command.file, command.args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  child = started
  if (started.pid !== undefined) tell({ kind: 'started', pid: started.pid })
  // There is none where descriptors have run out.
  started.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const arrivalMs = monotonicMs()
    const samples = stamp(parser.read(text), endMs, arrivalMs)
    cpuSeconds += (monotonicMs() - arrivalMs) / 1000
    if (samples.length === 0) return
    endMs = arrivalMs
    tell({ kind: 'samples', samples, cpuSeconds })
    cpuSeconds = 0
  })
  started.once('close', () => lost(started))
  // Also emitted where a signal may not be sent: then it is still running.
  started.on('error', () => {
    if (started.pid === undefined) lost(started)
  })
}

function lost(ended: ChildProcess): void {
  if (child !== ended) return
  child = undefined
  if (stopping) return
  tell({ kind: 'lost' })
  const wait = pauseBefore(restartsMs, monotonicMs(), backOffMs)
  if (wait === undefined) return
  pause = setTimeout(() => {
    restartsMs.push(monotonicMs())
    launch()
  }, wait)
}

port.once('message', () => {
  stopping = true
  clearTimeout(pause)
  port.close()
  // A child of root ignores our signals: it ends when it finds that nobody reads it any more.
  child?.stdout?.destroy()
  child?.kill('SIGTERM')
  const last = setTimeout(() => child?.kill('SIGKILL'), GRACE_MS).unref()
  child?.once('exit', () => clearTimeout(last))
})

launch()
