/** What can be read here, and what cannot and why. */
import { type Native, type NativeHost, native } from '../native'
import { hostOf, INTERVAL_MS } from './options'
import { channelOf, toDomain } from './reading'
import type { SourceReport } from './types'

/**
 * Tries every source: usable with its domains, or why not and how to mend it. Best first; the last
 * is the estimate, which is always usable.
 * @throws {JouletapError} BAD_OPTION if root is not a folder, or nvml no path.
 */
export function probe(options: { root?: string; nvml?: string } = {}): SourceReport[] {
  const host = hostOf({ ...options, gpus: 'all' })
  // Here and below: a meter, which comes with this folder too, needs neither of them on most systems.
  const { openEstimate } = require('./estimate') as typeof import('./estimate')
  const estimate = openEstimate(host.root)
  return [
    ...counters(host),
    powermetrics(host.root),
    {
      name: 'estimate',
      usable: true,
      automatic: true,
      domains: estimate.channels.map(toDomain),
      notes: [...estimate.notes],
    },
  ]
}

function counters(host: NativeHost): SourceReport[] {
  let addon: Native
  try {
    addon = native()
  } catch (error) {
    const reason = (error as Error).message
    const fix = 'npx node-gyp rebuild   (in the folder of the package)'
    return [
      {
        name: 'addon',
        usable: false,
        automatic: true,
        domains: [],
        notes: [],
        reason,
        obstacle: 'broken',
        fix,
      },
    ]
  }
  return addon.probe(host).map(report)
}

function powermetrics(root: string): SourceReport {
  const { openPowermetrics, POWERMETRICS } =
    require('./powermetrics') as typeof import('./powermetrics')
  const found = openPowermetrics({ root, intervalMs: INTERVAL_MS.usual })
  if ('reason' in found) return report({ ...found, automatic: true })
  const { channels: domains, notes } = found
  return report({ name: POWERMETRICS, automatic: true, domains, notes })
}

function report(found: ReturnType<Native['probe']>[number]): SourceReport {
  const { name, automatic } = found
  if ('domains' in found) {
    const domains = found.domains.map((domain) => toDomain(channelOf(domain)))
    return { name, usable: true, automatic, domains, notes: [...found.notes] }
  }
  const { reason, kind: obstacle, fix } = found
  const refused = { name, usable: false, automatic, domains: [], notes: [], reason, obstacle }
  return fix ? { ...refused, fix } : refused
}
