// Simulated hosts for another program: `serve.ts '{"name": HostOptions, …}'` writes one line of JSON,
// {"name": {"root": …} or {"reason": …}, …}, and keeps the hosts until its stdin or itself is ended.
import {
  type Host,
  type HostOptions,
  hostUnavailable,
  perfUnavailable,
  resolveSpec,
  startHost,
} from './host'

/** Why such a host cannot be here, or nothing. */
function unavailable(options: HostOptions): string | undefined {
  const { sources: { powercap, msr, hwmon = [], perf } = {}, packages } = resolveSpec(options)
  const live = powercap || msr || hwmon.length > 0
  return (live && hostUnavailable()) || (perf && perfUnavailable(packages)) || undefined
}

async function main(text: string): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    process.stdin.on('end', resolve).on('close', resolve).resume()
    for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve())
    // Whoever is asked to end at a terminal ends its stdin in order.
    process.on('SIGINT', () => {})
  })
  const hosts: Host[] = []
  const answer: Record<string, { root: string } | { reason: string }> = {}
  try {
    for (const [name, options] of Object.entries(JSON.parse(text) as Record<string, HostOptions>)) {
      const reason = unavailable(options)
      if (reason !== undefined) {
        answer[name] = { reason }
        continue
      }
      const host = await startHost(options)
      hosts.push(host)
      answer[name] = { root: host.root }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    await ended
  } finally {
    await Promise.all(hosts.map((host) => host.stop()))
  }
}

main(process.argv[2] ?? '{}').then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  },
)
