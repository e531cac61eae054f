/** How long fresh processes take: loading the package, starting a meter, running a command. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as breathe } from 'node:timers/promises'
import { JouletapError } from '../errors'
import { median } from './arithmetic'
import type { Place } from './look'
import type { Counts } from './options'
import { PACKAGE } from './simulate'
import type { StartupFigures } from './types'

/**
 * Starts the processes by turns, each so many times, one turn before that does not count.
 * @throws {JouletapError} NOT_AVAILABLE where the package has not been built.
 */
export async function startup(
  place: Place | undefined,
  { runs }: Counts['startup'],
  signal: AbortSignal,
): Promise<StartupFigures> {
  const [library, command] = [join(PACKAGE, 'dist/index.js'), join(PACKAGE, 'dist/cli/main.js')]
  if (!existsSync(command)) {
    throw new JouletapError('NOT_AVAILABLE', 'dist/ is missing: run "npm run build" first.')
  }
  const folder = mkdtempSync(join(tmpdir(), 'jouletap-bench-'))
  try {
    const empty = join(folder, 'empty.cjs')
    writeFileSync(empty, '')
    const options = place && JSON.stringify({ root: place.root, sources: [place.source] })
    const meter = `const { Meter } = require(${JSON.stringify(library)})
      const begun = performance.now()
      const meter = new Meter(${options}).start()
      const taken = performance.now() - begun
      meter.stop()
      console.log(taken)`
    const env = { ...process.env, JOULETAP_ROOT: place?.root ?? '' }
    const told = (source: string) => Number(run(['-e', source], env).stdout)
    const kinds = {
      requireMs: () => told(timedRequire(library)),
      baselineMs: () => told(timedRequire(empty)),
      meterMs: () => (place ? told(meter) : Number.NaN),
      runTrueMs: () => run([command, 'run', '--quiet', '--', 'true'], env).ms,
      nodeMs: () => run(['-e', '0'], env).ms,
    }
    const taken = {
      requireMs: [],
      baselineMs: [],
      meterMs: [],
      runTrueMs: [],
      nodeMs: [],
    } as Record<keyof typeof kinds, number[]>
    for (let turn = 0; turn <= runs; turn++) {
      for (const [kind, time] of Object.entries(kinds) as [keyof typeof kinds, () => number][]) {
        const ms = time()
        if (turn > 0) taken[kind].push(ms)
        await breathe()
        signal.throwIfAborted()
      }
    }
    return {
      requireMs: median(taken.requireMs),
      baselineMs: median(taken.baselineMs),
      meterMs: place ? median(taken.meterMs) : null,
      runTrueMs: median(taken.runTrueMs),
      nodeMs: median(taken.nodeMs),
      runs,
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function timedRequire(path: string): string {
  return `const begun = performance.now()
    require(${JSON.stringify(path)})
    console.log(performance.now() - begun)`
}

function run(args: readonly string[], env: NodeJS.ProcessEnv): { ms: number; stdout: string } {
  const begun = performance.now()
  const options = { env: { ...env, NODE_OPTIONS: undefined }, encoding: 'utf8' } as const
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, options)
  const ms = performance.now() - begun
  if (error ?? status !== 0) {
    throw new JouletapError(
      'NOT_AVAILABLE',
      `A process for the times of starting failed: ${error?.message ?? stderr.trim()}.`,
    )
  }
  return { ms, stdout }
}
