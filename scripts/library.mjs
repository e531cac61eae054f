// Compiles lib to dist, from nothing, and copies the tables to where readTable looks for them.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const from = join(root, 'lib', 'data')
const to = join(root, 'dist', 'data')

rmSync(join(root, 'dist'), { recursive: true, force: true })
const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), {
  cwd: root,
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
mkdirSync(to, { recursive: true })
for (const name of readdirSync(from)) {
  if (name.endsWith('.csv')) cpSync(join(from, name), join(to, name))
}
// npm does this where it installs a package, not where it is built.
const command = join(root, 'dist', 'cli', 'main.js')
if (existsSync(command)) chmodSync(command, 0o755)
process.exitCode = status ?? 1
