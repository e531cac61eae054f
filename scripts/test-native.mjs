// Builds the core without Node and runs its tests: plain, under ASan and UBSan, and under TSan.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const variants = { plain: '', asan: 'address,undefined', tsan: 'thread' }

function run(...command) {
  const { status, error } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' })
  if (error) console.error(`${command[0]} could not be run: ${error.message}.`)
  if (status !== 0) process.exit(status ?? 1)
}

for (const [name, sanitize] of Object.entries(variants)) {
  const folder = join('build', name)
  console.log(`\nC++ tests, ${name}`)
  run('cmake', '-S', '.', '-B', folder, `-DSANITIZE=${sanitize}`, '-Wno-dev', '--log-level=WARNING')
  run('cmake', '--build', folder, '--parallel', String(availableParallelism()), '--', '--quiet')
  run('ctest', '--test-dir', folder, '--output-on-failure', '--no-tests=error')
}
