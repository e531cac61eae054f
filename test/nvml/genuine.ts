// NVIDIA's own library and header, as Debian packs them: downloaded and unpacked, never installed.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { buildFolder } from './build'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const folder = join(buildFolder, 'genuine')

/** A file's path, or a sentence that says why it cannot be had here. */
export type Found = { path: string; reason?: undefined } | { path?: undefined; reason: string }

/** NVIDIA's libnvidia-ml.so.1: what $JOULETAP_GENUINE_NVML names, else Debian's. */
export const genuineLibrary = (): Found =>
  find('JOULETAP_GENUINE_NVML', 'libnvidia-ml1', 'libnvidia-ml.so.1')

/** NVIDIA's nvml.h: what $JOULETAP_GENUINE_NVML_HEADER names, else Debian's. */
export const genuineHeader = (): Found =>
  find('JOULETAP_GENUINE_NVML_HEADER', 'libnvidia-ml-dev', 'nvml.h')

const remembered = new Map<string, Found>()
function find(variable: string, name: string, file: string): Found {
  const found = remembered.get(name) ?? look(variable, name, file)
  remembered.set(name, found) // a network that does not answer is waited for once
  return found
}

function look(variable: string, name: string, file: string): Found {
  const named = process.env[variable]
  if (named) {
    return existsSync(named) ? { path: named } : { reason: `${variable} names no file: ${named}` }
  }
  try {
    const unpacked = join(folder, name)
    if (!existsSync(unpacked)) unpack(name, unpacked)
    const path = readdirSync(unpacked, { recursive: true })
      .map((path) => join(unpacked, String(path)))
      .find((path) => path.endsWith(`/${file}`))
    return path ? { path } : { reason: `Debian's ${name} has no ${file}` }
  } catch (error) {
    return { reason: `${(error as Error).message}; ${variable} may name a file` }
  }
}

function run(program: string, args: string[], cwd: string): void {
  const { error, status, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (error) throw new Error(`${program} cannot be run: ${error.message}`)
  const last = stderr.trim().split('\n').at(-1)
  if (status !== 0) throw new Error(`${program} ${args.at(-1)} failed: ${last}`)
}

function suite(): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const name = /^VERSION_CODENAME=(\w+)$/m.exec(release)?.[1]
  if (!/^ID=debian$/m.test(release) || !name || !existsSync(keyring)) {
    throw new Error("this is no Debian, whose package of NVIDIA's library could be taken")
  }
  return name
}

/** With lists and a cache of its own: the system's configuration is neither read nor changed. */
function unpack(name: string, to: string): void {
  const work = `${to}.${process.pid}`
  const at = (path: string): string => join(work, path)
  try {
    for (const path of ['parts', 'lists/partial', 'cache/archives/partial', 'tree']) {
      mkdirSync(at(path), { recursive: true })
    }
    const source = {
      Types: 'deb',
      URIs: 'http://deb.debian.org/debian',
      Suites: suite(),
      Components: 'non-free',
      'Signed-By': keyring,
    }
    const lines = Object.entries(source).map(([key, value]) => `${key}: ${value}\n`)
    writeFileSync(at('parts/debian.sources'), lines.join(''))
    const options = {
      'Dir::Etc::sourcelist': '/dev/null',
      'Dir::Etc::sourceparts': at('parts'),
      'Dir::State::lists': at('lists'),
      'Dir::Cache': at('cache'),
      'Acquire::Languages': 'none',
      'Acquire::http::Timeout': '10',
      'Acquire::Retries': '0',
      // Else apt lets through what it could not fetch, and warns of folders that are ours.
      'APT::Update::Error-Mode': 'any',
      'APT::Sandbox::User': 'root',
    }
    const given = Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`])
    run('apt-get', [...given, 'update'], work)
    run('apt-get', [...given, 'download', name], work)
    const archive = readdirSync(work).find((file) => file.endsWith('.deb'))
    if (!archive) throw new Error(`apt-get downloaded no ${name}`)
    run('dpkg-deb', ['-x', at(archive), at('tree')], work)
    if (!existsSync(to)) renameSync(at('tree'), to)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
