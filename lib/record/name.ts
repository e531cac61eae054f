/** The names of records, and the making of a file that was not there. */
import { constants, mkdirSync, openSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ENDING } from './lines'

/** Files of one name, told apart by a number. */
const MOST_OF_A_NAME = 1000

/** `[prefix_]<UTC start, compact>_<host>_<pid>.jouletap.jsonl` */
export function recordName(prefix: string | undefined, startedAt: Date): string {
  const start = startedAt.toISOString().replace(/[-:]|\.\d+/g, '')
  const parts = [start, plain(hostname()), process.pid]
  return `${[...(prefix ? [plain(prefix)] : []), ...parts].join('_')}${ENDING}`
}

/** What every file system takes, and no shell reads as an option or a hidden file. */
function plain(text: string): string {
  return (
    text
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 64) || 'x'
  )
}

/**
 * Makes a file and the folders above it, and opens it to append; where there is one already it gets a
 * number. A device, such as `/dev/null`, is opened as it is.
 * @throws what the system says.
 */
export function openNew(path: string): { fd: number; path: string } {
  const wanted = resolve(path)
  const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants
  if (isDevice(wanted)) return { fd: openSync(wanted, O_WRONLY | O_APPEND), path: wanted }
  makeFolder(dirname(wanted))
  for (let number = 1; ; number++) {
    const one = number === 1 ? wanted : numbered(wanted, number)
    try {
      return { fd: openSync(one, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, 0o666), path: one }
    } catch (error) {
      const taken = (error as NodeJS.ErrnoException).code === 'EEXIST'
      if (!taken || number === MOST_OF_A_NAME) throw error
    }
  }
}

/**
 * Makes a folder and those above it. Node's own way never ends where the system will have none, as below
 * `/proc`.
 * @throws what the system says.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return
  if (!isFolder(dirname(path)) && dirname(path) !== path) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Somebody else has made it just now.
    if (!isFolder(path)) throw error
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function isDevice(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isCharacterDevice() ?? false
}

function numbered(path: string, number: number): string {
  const name = basename(path)
  const stem = name.endsWith(ENDING) ? name.slice(0, -ENDING.length) : name.replace(/\.[^.]*$/, '')
  return join(dirname(path), `${stem}-${number}${name.slice(stem.length)}`)
}
