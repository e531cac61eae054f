/** Runs a command as `jouletap run` does where its output is watched; tells of it in a file. */
import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { runChild, shellCode } from '../../lib/cli/child'
import { type Mark, openInlet } from '../../lib/tracker/marks'

/** What the file holds. */
export interface Told {
  end: Awaited<ReturnType<typeof runChild>>
  /** SHA-256 of what was shown of each stream. */
  shown: { stdout: string; stderr: string }
  marks: Mark[]
  remarks: string[]
  /** Descriptors that are open now and were not before. */
  left: string[]
}

const [file = '', via = '', command = '', ...words] = process.argv.slice(2)

const descriptors = () => readdirSync('/proc/self/fd')

async function main(): Promise<number> {
  // The first use of anything may open what stays.
  await runChild('true', [], { watch: () => {} })
  const before = descriptors()
  const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') }
  const marks: Mark[] = []
  const remarks: string[] = []
  const inlet = await openInlet({
    via: via === 'socket' ? 'socket' : 'descriptor',
    mark: (mark) => marks.push(mark),
    remark: (sentence) => remarks.push(sentence),
  })
  const end = await runChild(command, words, {
    watch: (chunk, stream) => hashes[stream].update(chunk),
    marks: inlet,
  })
  await inlet.end()
  await new Promise((resolve) => setImmediate(resolve))
  const shown = { stdout: hashes.stdout.digest('hex'), stderr: hashes.stderr.digest('hex') }
  const left = descriptors().filter((name) => !before.includes(name))
  const told: Told = { end, shown, marks, remarks, left }
  writeFileSync(file, JSON.stringify(told))
  return shellCode(end)
}

main().then((code) => process.exit(code))
