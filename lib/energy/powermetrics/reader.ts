/** Starts the thread that reads powermetrics, and brings its news, whether the event loop turns or not. */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import type { Command, Mac } from './machine'
import type { News, Orders, Word } from './thread'

/** A thread that runs. */
export interface Reader {
  /** Brings what is there now. */
  poll(): void
  /** Brings the last of it and ends the child; both the child and the thread end soon after. */
  stop(): void
}

/** Neither the thread nor the child keeps the process alive, and the child does not outlive it. */
export function startReader(command: Command, mac: Mac, hear: (news: News) => void): Reader {
  const { port1, port2 } = new MessageChannel()
  const orders: Orders = { command, backOffMs: mac.backOffMs, port: port2 }
  let pid: number | undefined

  function take(word: Word): void {
    if (word.kind === 'started') {
      pid = word.pid
      return
    }
    if (word.kind === 'lost') pid = undefined
    hear(word)
  }

  function poll(): void {
    for (let next = receiveMessageOnPort(port1); next; next = receiveMessageOnPort(port1)) {
      take(next.message as Word)
    }
  }

  const thread = new Worker(mac.thread, { workerData: orders, transferList: [port2] })
  thread.once('error', () => hear({ kind: 'lost' })).unref()
  port1.on('message', take).unref()

  return {
    poll,
    stop() {
      poll()
      port1.off('message', take).postMessage('stop')
      if (pid !== undefined) end(pid)
    },
  }
}

/**
 * Ends the child at once, for this process may be ending and the thread with it. A child of root is
 * not ours to end: it ends when it finds its pipe closed.
 */
function end(pid: number): void {
  try {
    process.kill(pid)
  } catch {
    // See above; or it has ended.
  }
}
