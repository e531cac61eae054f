// Builds the addon with node-gyp: for this checkout, or with --prebuild for the tarball.
// --tolerant: a failure is said in words and is none, for the package works without the addon.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const prefix = join(dirname(process.execPath), '..')
const env = { ...process.env }
// Node's own headers, where they came with it: nothing is downloaded then.
if (existsSync(join(prefix, 'include/node/node_api.h'))) env.npm_config_nodedir ??= prefix

const prebuild = process.argv.includes('--prebuild')
const [tool, ...options] = prebuild
  ? ['prebuildify', '--napi', '--strip', '--tag-libc', '--tag-armv', '-t', process.versions.node]
  : ['node-gyp', 'configure', 'build', '--silent']
const { status } = spawnSync(join(root, 'node_modules/.bin', tool), options, {
  cwd: root,
  env,
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
if (status !== 0 && process.argv.includes('--tolerant')) {
  console.error(
    'The addon could not be built (see above), so jouletap will estimate instead of measure. ' +
      'It needs a C++17 compiler, make and Python 3; then run: npm run build:addon',
  )
} else {
  process.exitCode = status ?? 1
}
