// Logs as carbontracker writes them, and folders of them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CarbontrackerOptions, readCarbontrackerLogs } from '../../../lib/record/carbontracker'
import type { Problem, Run } from '../../../lib/record/types'

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

const STAMP = '2026-01-02 03:04:05'

/** A standard log with these messages, each of which may have several lines. */
export function standard(...messages: string[]): string {
  return messages.map((message) => `${STAMP} - ${message}\n`).join('')
}

/** An output log. */
export function output(...messages: string[]): string {
  return standard(...messages.map((message) => `CarbonTracker: ${message}`))
}

/** A block with what is given, as 2.x has it. */
export function block(
  kind: 'Predicted' | 'Actual',
  epochs: number | undefined,
  kWh: string,
  grams: string,
  km?: string,
): string {
  const lines = [
    `\n${kind} consumption${epochs === undefined ? '' : ` for ${epochs} epoch(s)`}:`,
    '\tTime:\t0:00:10',
    `\tEnergy:\t${kWh} kWh`,
    `\tCO2eq:\t${grams} g`,
    ...(km === undefined ? [] : ['\tThis is equivalent to:', `\t${km} km travelled by car`]),
  ]
  return lines.join('\n')
}

/** The lines of epochs of 2 s each; `powers`: of each component its text. */
export function epochs(count: number, powers: Record<string, string>): string[] {
  return Array.from({ length: count }, (_, index) => [
    `Epoch ${index + 1}:`,
    'Duration: 0:00:02.00',
    ...Object.entries(powers).map(
      ([component, power]) => `Average power usage (W) for ${component}: ${power}`,
    ),
  ]).flat()
}

/** What a standard log begins with. */
export function head(version: string, components = 'GPU with device(s) A.'): string[] {
  const pue = { '1': '1.55 (Rhonda Ascierto, 2022, x)', '2': '1.58 (Daniel Bizo, 2023, x)' }
  return [
    `carbontracker version ${version}`,
    `Only predicted and actual consumptions are multiplied by a PUE coefficient of ${pue[version[0] as '1' | '2']}.`,
    `The following components were found: ${components}`,
    'Monitoring thread started.',
  ]
}

export const END = 'Monitoring thread ended.'

/** Standard and output log of one run. */
export function pair(
  first: string,
  second = output('Finished monitoring.'),
  stem = '10.5_2026-01-02T030405Z',
): Record<string, string> {
  return {
    [`${stem}_carbontracker.log`]: first,
    [`${stem}_carbontracker_output.log`]: second,
  }
}

/** Reads files that are made for it. */
export async function read(
  files: Record<string, string | Buffer>,
  options: CarbontrackerOptions = {},
): Promise<{ runs: Run[]; problems: Problem[] }> {
  using made = folder(files)
  return await readCarbontrackerLogs(made.path, { timeZone: 'UTC', ...options })
}
