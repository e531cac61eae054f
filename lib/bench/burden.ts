/** A program that keeps processors busy, and tells how far it gets. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

/** Threads that repeat a fixed piece of arithmetic until they are stopped. */
export interface Burden {
  /** Pieces done so far, all threads together; each takes some microseconds. */
  pieces(): number
  stop(): Promise<void>
}

/** Counts lie this far apart, so that no two threads share a line of the cache. */
const STRIDE = 16

const SOURCE = `
  const { workerData } = require('node:worker_threads')
  const { counts, at } = workerData
  let value = 1
  for (let done = 1; Atomics.load(counts, 0) === 0; done++) {
    for (let step = 0; step < 4000; step++) value = (Math.imul(value, 1664525) + 1013904223) | 0
    counts[at + 1] = value
    Atomics.store(counts, at, done)
  }`

/** Starts so many threads, and returns when they run at full speed. */
export async function startBurden(threads: number): Promise<Burden> {
  const counts = new Int32Array(new SharedArrayBuffer(4 * STRIDE * (1 + threads)))
  const places = Array.from({ length: threads }, (_, index) => STRIDE * (1 + index))
  const workers = places.map((at) => new Worker(SOURCE, { eval: true, workerData: { counts, at } }))
  await Promise.all(workers.map((worker) => once(worker, 'online')))
  await delay(200)
  return {
    pieces: () => places.reduce((total, at) => total + Atomics.load(counts, at), 0),
    async stop() {
      const ends = workers.map((worker) => once(worker, 'exit'))
      Atomics.store(counts, 0, 1)
      await Promise.all(ends)
    },
  }
}
