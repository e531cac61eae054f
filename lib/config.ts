/** The configuration of the command line: two files, and the environment above them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { badOption, JouletapError } from './errors'

/** What may be configured, in the files and, as `JOULETAP_…`, in the environment. */
export interface Configuration {
  /** A place; see `resolveLocation`, which reads the environment's itself. */
  zone?: string
  country?: string
  /** The live provider: `auto` or a name. */
  provider?: string
  /** 1 … 10. */
  pue?: number
  /** The longest that services are waited for: 0.1 … 60. */
  timeoutSeconds?: number
  electricityMapsKey?: string
  wattTimeUsername?: string
  wattTimePassword?: string
  carbonAwareUrl?: string
}

interface Kind {
  variable?: string
  /** Of a number. */
  range?: readonly [number, number]
}

const KEYS: Readonly<Record<keyof Configuration, Kind>> = {
  zone: {},
  country: {},
  provider: { variable: 'JOULETAP_PROVIDER' },
  pue: { variable: 'JOULETAP_PUE', range: [1, 10] },
  timeoutSeconds: { variable: 'JOULETAP_TIMEOUT_SECONDS', range: [0.1, 60] },
  electricityMapsKey: { variable: 'JOULETAP_ELECTRICITYMAPS_KEY' },
  wattTimeUsername: { variable: 'JOULETAP_WATTTIME_USERNAME' },
  wattTimePassword: { variable: 'JOULETAP_WATTTIME_PASSWORD' },
  carbonAwareUrl: { variable: 'JOULETAP_CARBON_AWARE_URL' },
}

/**
 * The user's file (`jouletap/config.json` in `XDG_CONFIG_HOME`, by default `~/.config`), over it
 * `jouletap.config.json` in the working folder, over both the environment.
 * @throws {JouletapError} BAD_OPTION: a file is no JSON object, or has a key or a value that is not
 *   allowed; the sentence names both, but no value of a secret.
 */
export function configuration(environment: NodeJS.ProcessEnv = process.env): Configuration {
  const { XDG_CONFIG_HOME, HOME, USERPROFILE } = environment
  // A user without a name has no home: homedir() would throw.
  const home = HOME || USERPROFILE
  const folder = XDG_CONFIG_HOME || (home && join(home, '.config'))
  return {
    ...(folder && fileOf(join(folder, 'jouletap', 'config.json'))),
    ...fileOf('jouletap.config.json'),
    ...ofEnvironment(environment),
  }
}

function fileOf(path: string): Configuration {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Of another user's folder there is nothing to say.
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(code ?? '')) return {}
    throw new JouletapError('BAD_OPTION', `${path} cannot be read (${code}).`)
  }
  const found = objectOf(text, path)
  const names = Object.keys(KEYS)
  for (const [key, value] of Object.entries(found)) {
    if (!Object.hasOwn(KEYS, key))
      throw badOption(`${path}: a key`, key, `one of ${names.join(', ')}`)
    check(`${path}: ${key}`, value, KEYS[key as keyof Configuration])
  }
  return found
}

function objectOf(text: string, path: string): Configuration {
  try {
    const value = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // What JSON.parse says may quote a secret.
  }
  throw new JouletapError('BAD_OPTION', `${path} must hold one JSON object.`)
}

function ofEnvironment(environment: NodeJS.ProcessEnv): Configuration {
  const found: Record<string, string | number> = {}
  for (const [key, kind] of Object.entries(KEYS)) {
    const text = kind.variable === undefined ? undefined : environment[kind.variable]
    if (!text) continue
    const value = kind.range ? Number(text) : text
    check(kind.variable!, value, kind)
    found[key] = value
  }
  return found
}

function check(name: string, value: unknown, { range }: Kind): void {
  if (range) {
    const [least, most] = range
    if (typeof value === 'number' && value >= least && value <= most) return
    throw badOption(name, value, `a number from ${least} to ${most}`)
  }
  if (typeof value === 'string' && value !== '') return
  // The value may be a secret.
  throw new JouletapError('BAD_OPTION', `${name} must be a text that is not empty.`)
}
