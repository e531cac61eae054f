/** Stand-ins for powermetrics and for sudo: programs in a folder of their own that do as they are told. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mac } from '../../lib/energy/powermetrics'

/** What the stand-in does. */
export interface Plan {
  /** mW of CPU, GPU and ANE; null: not told. */
  milliwatts?: readonly (number | null)[]
  /** Samples after which it ends; default: none. */
  samples?: number
  /** Whether it prints text instead of property lists. */
  text?: boolean
  /** Whether it takes no notice of SIGTERM, as a child of root takes none of ours. */
  deaf?: boolean
  /** Samplers that its help names. */
  samplers?: readonly string[]
  /** How sudo answers: it lets it run, asks for a password, or never answers. Default: no sudo. */
  sudo?: 'lets' | 'refuses' | 'hangs'
}

/** A Mac that is made of such programs. */
export interface StandIn {
  readonly mac: Mac
  /** The arguments of every start so far, oldest first. */
  starts(): string[][]
  /** How those ended that did, oldest first: `SIGTERM`, `EPIPE` or `done`. */
  ends(): string[]
  dispose(): void
}

const PROGRAM = join(__dirname, 'powermetrics.program.cjs')
const TSX = require.resolve('tsx/cjs')
const THREAD = join(__dirname, '..', '..', 'lib', 'energy', 'powermetrics', 'thread.ts')

/** What sudo says when it may not ask. */
export const REFUSED = 'sudo: a password is required'

export function standIn(plan: Plan = {}, more: Partial<Mac> = {}): StandIn {
  const folder = mkdtempSync(join(tmpdir(), 'jouletap-mac-'))
  const at = (name: string) => join(folder, name)
  const make = (name: string, text: string) => writeFileSync(at(name), text, { mode: 0o755 })
  const orders = JSON.stringify({ ...plan, folder })
  make(
    'powermetrics',
    `#!${process.execPath}\nrequire(${JSON.stringify(PROGRAM)}).run(${orders})\n`,
  )
  make('sudo', SUDO[plan.sudo ?? 'refuses'])
  // A thread has no hooks for TypeScript but its own.
  make('thread.cjs', `require(${JSON.stringify(TSX)})\nrequire(${JSON.stringify(THREAD)})`)
  const linesOf = (name: string) =>
    existsSync(at(name)) ? readFileSync(at(name), 'utf8').trim().split('\n') : []
  return {
    mac: {
      platform: 'darwin',
      arch: 'arm64',
      cpu: () => 'Apple M2',
      user: plan.sudo ? 501 : 0,
      program: at('powermetrics'),
      sudo: at('sudo'),
      thread: at('thread.cjs'),
      backOffMs: 1,
      ...more,
    },
    starts: () => linesOf('starts').map((line) => JSON.parse(line) as string[]),
    ends: () => linesOf('ends'),
    dispose: () => rmSync(folder, { recursive: true }),
  }
}

const SUDO = {
  lets: '#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n',
  refuses: `#!/bin/sh\necho "${REFUSED}" >&2\nexit 1\n`,
  hangs: '#!/bin/sh\nexec sleep 60\n',
}
