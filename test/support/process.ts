/** Runs JavaScript on the built package in a process of plain Node, without TypeScript and hooks. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type ChildOptions, type ChildResult, type RunningChild, startProgram } from './child'

export const ROOT = join(__dirname, '..', '..')
export const DIST = join(ROOT, 'dist')

/** For the top of a suite that needs what `npm run build` makes. */
export function mustBeBuilt(): void {
  if (existsSync(join(DIST, 'index.js'))) return
  throw new Error('dist/ is missing: run `npm run build` before these tests.')
}

export interface NodeOptions extends ChildOptions {
  /** Of Node itself, before the source. */
  flags?: readonly string[]
  /** After the source: `process.argv.slice(1)`. */
  args?: readonly string[]
  /** Another Node than the one that runs the tests. */
  node?: string
  /** Where the package is, in whose folder the source runs. Default: this checkout. */
  at?: string
}

/** Starts a CommonJS source. */
export function startNode(source: string, options: NodeOptions = {}): RunningChild {
  const { flags = [], args = [], node = process.execPath, at = ROOT, ...rest } = options
  return startProgram(node, [...flags, '-e', source, '--', ...args], {
    ...rest,
    cwd: at,
    env: { NODE_OPTIONS: undefined, ...rest.env },
  })
}

/** The same, to its end. */
export function runNode(source: string, options: NodeOptions = {}): Promise<ChildResult> {
  return startNode(source, options).result
}
