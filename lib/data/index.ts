/** The tables of the package: CSV files that open with their source, year and licence. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One line of a table: column → text, as it stands in the file. */
export type TableRow = Readonly<Record<string, string>>

/** A table with the remarks that open its file. */
export interface Table {
  /** The `#` lines: source, year, licence, limits. */
  readonly remarks: readonly string[]
  readonly rows: readonly TableRow[]
  /** Of each row, which line of the file it is; the first is 1. */
  readonly lines: readonly number[]
}

/**
 * Reads `name`.csv from this folder, synchronously and anew on every call: who needs it twice keeps
 * it.
 * @param wanted whether a line is worth parsing, of those below the header; default: all
 * @throws {Error} there is no such table, or such a line has more or fewer cells than the header.
 */
export function readTable(name: string, wanted?: (line: string) => boolean): Table {
  return parseTable(readFileSync(join(__dirname, `${name}.csv`), 'utf8'), name, wanted)
}

/**
 * Reads the text of a table: `#` lines, one header line, then one line a row, cells quoted as in
 * RFC 4180 (no line breaks inside cells).
 * @throws {Error} a line has more or fewer cells than the header.
 */
export function parseTable(
  text: string,
  name = 'table',
  wanted: (line: string) => boolean = () => true,
): Table {
  const remarks: string[] = []
  const rows: TableRow[] = []
  const numbers: number[] = []
  let header: readonly string[] | undefined
  const lines = text.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (header !== undefined && !wanted(line)) continue
    if (header === undefined && line.startsWith('#')) {
      remarks.push(line.slice(1).trim())
    } else if (line !== '') {
      const cells = splitCells(line)
      header ??= cells
      if (cells.length !== header.length) {
        throw new Error(`${name}, line ${index + 1}: ${cells.length} cells, not ${header.length}.`)
      }
      if (cells === header) continue
      rows.push(Object.fromEntries(header.map((key, i) => [key, cells[i]!])))
      numbers.push(index + 1)
    }
  }
  return { remarks, rows, lines: numbers }
}

function splitCells(line: string): string[] {
  if (!line.includes('"')) return line.split(',')
  const cells: string[] = []
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    cells.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
  }
  return cells
}
