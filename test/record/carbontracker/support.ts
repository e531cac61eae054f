// Logs as carbontracker writes them, and folders of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The logs that it wrote itself. */
export const LOGS = join(__dirname, 'logs')

/** A folder that a test fills and that is gone after it. */
export interface Folder extends Disposable {
  path: string
  /** The path of a file that it makes. */
  write(name: string, content: string | Buffer): string
}

export function folder(files: Record<string, string | Buffer> = {}): Folder {
  const path = mkdtempSync(join(tmpdir(), 'jouletap-carbontracker-'))
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(path, name), content)
    return join(path, name)
  }
  for (const [name, content] of Object.entries(files)) write(name, content)
  return { path, write, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
