/** When powermetrics is started again after it has ended. */

/** Restarts in all, and within a minute. */
export const MOST_RESTARTS = { inAll: 5, perMinute: 3 }
const MINUTE_MS = 60_000

/**
 * Milliseconds to wait before the next restart, or undefined if there shall be none.
 * @param restartsMs the times of the restarts so far, oldest first
 * @param backOffMs the wait before the first; it doubles with every restart
 */
export function pauseBefore(
  restartsMs: readonly number[],
  nowMs: number,
  backOffMs: number,
): number | undefined {
  const { inAll, perMinute } = MOST_RESTARTS
  if (restartsMs.length >= inAll) return undefined
  const busiest = restartsMs.at(-perMinute)
  const free = busiest === undefined ? 0 : busiest + MINUTE_MS - nowMs
  return Math.max(backOffMs * 2 ** restartsMs.length, free)
}
