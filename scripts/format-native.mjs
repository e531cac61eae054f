// Formats the C and C++ files by clang-format; with --check only says which are not formatted.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const files = ['native', 'test/native', 'test/nvml', 'test/host'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => /\.(cc|h|c)$/.test(name)),
)
const options = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']
const { status } = spawnSync(join(root, 'node_modules/.bin/clang-format'), [...options, ...files], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
