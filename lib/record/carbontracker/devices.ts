/** Which devices a log names, and what its powers mean for them. */
import type { LogEpoch, Power } from './facts'

/** `GPU with device(s) <a>, <b>. CPU with device(s) <c>.` as component → names. */
export function devicesOf(
  components: string,
  epochs: readonly LogEpoch[],
): Record<string, string[]> {
  const heads = [...components.matchAll(/(?:^|\. ?)\s*([A-Z]+) with device\(s\) /g)]
  const entries = heads.map((head, index): [string, string[]] => {
    const names = components
      .slice(head.index + head[0].length, heads[index + 1]?.index)
      .replace(/\.?\s*$/, '')
    const component = head[1]!.toLowerCase()
    const split = names.split(/,\s*/).filter((name) => name !== '')
    // A name may hold a comma: a list with one number says that there is one device.
    const counts = epochs.map(({ powers }) => countOf(powers[component]))
    const isOne = split.length > 1 && Math.max(0, ...counts) === 1
    return [component, isOne ? [names] : split]
  })
  return Object.fromEntries(entries)
}

function countOf(power: Power | undefined): number {
  return power?.isList ? power.values.length : 0
}

/** How many devices one number of a component is the mean of. */
export function meanOf(devices: readonly string[] | undefined): number {
  if (!devices || devices.length === 0) return 1
  // The graphics and the neural engine of Apple silicon are told as their sum.
  return devices.join() === 'GPU,ANE' ? 1 : devices.length
}

/** The watts of a component: all of its devices, where one of them is not known null. */
export function wattsOf({ values }: Power): number | null {
  if (values.length === 0 || values.includes(null)) return null
  return values.reduce<number>((sum, value) => sum + value!, 0)
}
