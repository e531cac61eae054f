/** Answers of services on disk, so that a program that starts often does not ask often. */
import { createHash, randomUUID } from 'node:crypto'
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

/** An answer as it came. */
export interface Kept {
  readonly text: string
  readonly fetchedAt: Date
  readonly etag?: string
}

export interface Cache {
  read(name: string): Kept | undefined
  /** A folder that cannot be written is none. */
  write(name: string, kept: Kept): void
}

/** Files that nobody has renewed for so long are removed. */
const OLDEST_MS = 7 * 24 * 3_600_000
/** Bytes of all files: beyond it the oldest are removed. */
const MOST_BYTES = 64 * 2 ** 20
/** Answers, whole or half written; the folder may be one that a user keeps other things in. */
const OURS = /^[0-9a-f]{32}\.json(\.|$)/
/** What may stand in a header. */
const ETAG = /^[\x20-\x7e]+$/

/** Whose answers may be shared: nothing of a key can be read from it. */
export function cacheName(question: {
  url: URL
  method?: string
  body?: string
  headers?: Readonly<Record<string, string>>
  owner?: string
}): string {
  const { url, method = 'GET', body = '', headers = {}, owner } = question
  const asked = JSON.stringify([method, url.href, body, owner ?? Object.entries(headers).sort()])
  return `${createHash('sha256').update(asked).digest('hex').slice(0, 32)}.json`
}

/** The cache in a folder; in none if that is null; in the user's, which the system names, by default. */
export function cacheIn(folder: string | null = userFolder()): Cache {
  if (folder === null) return { read: () => undefined, write: () => {} }
  return {
    read(name) {
      try {
        const { text, fetchedAt, etag } = JSON.parse(readFileSync(join(folder, name), 'utf8'))
        const time = new Date(fetchedAt)
        if (typeof text !== 'string' || Number.isNaN(time.getTime())) return undefined
        const sound = typeof etag === 'string' && ETAG.test(etag)
        return { text, fetchedAt: time, ...(sound && { etag }) }
      } catch {
        return undefined
      }
    },
    write(name, kept) {
      // Of this write alone: threads share an id of a process, and so do containers.
      const made = join(folder, `${name}.${randomUUID()}`)
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        writeFileSync(made, JSON.stringify(kept), { mode: 0o600, flag: 'wx' })
        renameSync(made, join(folder, name))
        prune(folder, kept.fetchedAt.getTime())
      } catch {
        remove(made)
      }
    },
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // There is no such folder.
  }
}

function prune(folder: string, now: number): void {
  const files = readdirSync(folder)
    .filter((name) => OURS.test(name))
    .flatMap((name) => {
      const path = join(folder, name)
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats ? [{ path, time: stats.mtimeMs, bytes: stats.size }] : []
    })
  let bytes = 0
  for (const file of files.sort((a, b) => b.time - a.time)) {
    bytes += file.bytes
    if (now - file.time > OLDEST_MS || bytes > MOST_BYTES) remove(file.path)
  }
}

/** None where the user has no home. */
function userFolder(): string | null {
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME } = process.env
  if (process.platform === 'win32' && LOCALAPPDATA) return join(LOCALAPPDATA, 'jouletap', 'cache')
  if (XDG_CACHE_HOME) return join(XDG_CACHE_HOME, 'jouletap')
  const mac = process.platform === 'darwin'
  return HOME ? join(HOME, mac ? 'Library/Caches' : '.cache', 'jouletap') : null
}
