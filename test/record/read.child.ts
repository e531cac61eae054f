/** Reads records and tells what that gave, and by how much its memory grew. */
import { readRecord } from '../../lib/record'

async function main(): Promise<void> {
  const answers: unknown[] = []
  for (const path of process.argv.slice(2)) {
    const before = process.memoryUsage().rss
    const answer = await readRecord(path, { maxBytes: 2 ** 31 }).then(
      ({ actual }) => ({ joules: actual!.joules }),
      (error: Error) => ({ error: error.message }),
    )
    answers.push({ ...answer, grownMiB: (process.memoryUsage().rss - before) / 2 ** 20 })
  }
  console.log(JSON.stringify(answers))
}

main()
