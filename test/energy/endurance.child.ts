// Samples at 1 kHz for so many seconds with the event loop blocked for one, and tells what came of it.
import { Meter } from '../../lib'

const [root, seconds] = [process.argv[2]!, Number(process.argv[3])]
const collect = globalThis.gc!

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

async function main(): Promise<void> {
  const meter = new Meter({ root, intervalMs: 1, estimate: false })
  const rows = { count: 0, gaps: 0, falls: 0, last: [] as number[], first: 0, time: 0 }
  const memory: number[] = []
  const start = performance.now()
  let blocked = false
  meter.start()
  for await (const { times, joules } of meter.rows()) {
    for (let row = 0; row < times.length; row++) {
      const now = joules.map((column) => column[row]!)
      if (now.some((value, index) => value < (rows.last[index] ?? 0))) rows.falls++
      if (times[row]! <= rows.time) rows.gaps++
      rows.last = now
      rows.first ||= times[row]!
      rows.time = times[row]!
      rows.count++
    }
    const elapsed = (performance.now() - start) / 1000
    if (!blocked && elapsed > seconds / 3) {
      blocked = true
      block(1000)
    }
    if (elapsed > seconds / 4 && memory.length < 100 * (elapsed / seconds)) {
      collect()
      memory.push(process.memoryUsage().rss)
    }
    if (elapsed >= seconds) meter.stop()
  }
  const energy = meter.stop()
  const overhead = meter.overhead()
  console.log(JSON.stringify({ rows, memory, energy, overhead }))
}

main()
