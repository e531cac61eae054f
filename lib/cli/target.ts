/** Where `--json` goes: checked before anything is measured, replaced only when all of it is there. */
import {
  accessSync,
  chmodSync,
  constants,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { badOption, JouletapError, reason } from '../errors'
import { STDOUT, write } from './output'

/** Takes the whole text, once. */
export type Target = (text: string) => void

/** Names of streams that are open already: opening them anew would lose their position. */
const STREAM = /^\/(?:dev|proc\/self)\/fd\/(\d+)$|^\/dev\/(stdout|stderr)$/

/**
 * A file or `-`. An existing file stays as it is until `Target` is called and has everything.
 * @throws {JouletapError} BAD_OPTION: the path cannot be written. The target throws BAD_INPUT when
 *   it turns out later.
 */
export function openTarget(option: string, path: string): Target {
  if (path === '-') return (text) => write(STDOUT, text)
  const stream = STREAM.exec(path)
  if (stream) {
    const fd = stream[1] ? Number(stream[1]) : stream[2] === 'stdout' ? STDOUT : 2
    return failing(path, (text) => write(fd, text))
  }
  const cannot = (why: string) =>
    badOption(option, path, `- or a file that can be written (${why})`)
  try {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() || path.endsWith('/')) throw cannot('this is a folder')
    if (!found) {
      tryBeside(path)
      return failing(path, (text) => replace(path, text))
    }
    accessSync(path, constants.W_OK)
    if (!found.isFile()) return failing(path, (text) => writeFileSync(path, text))
    const real = realpathSync(path)
    if (!canReplace(real)) return failing(path, (text) => writeFileSync(real, text))
    return failing(path, (text) => replace(real, text, found))
  } catch (error) {
    if (error instanceof JouletapError) throw error
    throw cannot(reason(error))
  }
}

/** Writes beside the file and puts the result in its place in one step. */
function replace(path: string, text: string, old?: Stats): void {
  const draft = beside(path)
  try {
    writeFileSync(draft, text, { flag: 'wx' })
    if (old) chmodSync(draft, old.mode & 0o7777)
    try {
      renameSync(draft, path)
    } catch (error) {
      // A file that is mounted by itself, as containers do, can be written but not replaced.
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
      writeFileSync(path, text)
    }
  } finally {
    remove(draft)
  }
}

function beside(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 200)}.${process.pid}.tmp`)
}

function tryBeside(path: string): void {
  const draft = beside(path)
  writeFileSync(draft, '', { flag: 'wx' })
  unlinkSync(draft)
}

function canReplace(path: string): boolean {
  try {
    tryBeside(path)
    return true
  } catch {
    return false
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // It has become the file itself, or never was.
  }
}

function failing(path: string, target: Target): Target {
  return (text) => {
    try {
      target(text)
    } catch (error) {
      throw new JouletapError('BAD_INPUT', `${path} could not be written: ${reason(error)}.`, {
        cause: error,
      })
    }
  }
}
