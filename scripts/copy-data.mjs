// Copies the tables of lib/data beside the compiled code, where readTable looks for them.
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const from = join(root, 'lib', 'data')
const to = join(root, 'dist', 'data')

mkdirSync(to, { recursive: true })
for (const name of readdirSync(from)) {
  if (name.endsWith('.csv')) cpSync(join(from, name), join(to, name))
}
