/** What the options and the configuration say of place and provider. */
import { Option } from 'commander'
import { type IntensityOptions, type ProviderName, providerNames } from '../carbon'
import { configuration } from '../config'
import { badOption } from '../errors'

/** Parsed values of the options. */
export interface LiveFlags {
  live?: true
  provider?: 'auto' | ProviderName
  timeout?: number
}

/** For `intensity`: with a place, where one was named. */
export type LiveOptions = IntensityOptions & { place?: string | undefined }

/** `--live` and `--provider`. */
export function liveFlags(): Option[] {
  return [
    new Option('--live', 'ask a service that needs no key for the intensity of the grid'),
    new Option(
      '--provider <name>',
      `ask this one: auto, ${providerNames().join(', ')} (default: JOULETAP_PROVIDER)`,
    ).argParser(parseProvider),
  ]
}

/**
 * What is asked, over the configuration; and the site's PUE by that.
 * @throws {JouletapError} BAD_OPTION: the configuration is wrong.
 */
export function liveOptions(
  { live, provider, timeout }: LiveFlags,
  place?: string,
): LiveOptions & { pue: number } {
  const { zone, country, provider: usual, timeoutSeconds, pue = 1, ...keys } = configuration()
  const wished =
    provider ?? (live && 'auto') ?? (usual && parseProvider(usual, 'the configured provider'))
  const seconds = timeout ?? timeoutSeconds
  return {
    place,
    live: wished || false,
    pue,
    ...keys,
    configuration: { ...(zone && { zone }), ...(country && { country }) },
    ...(seconds !== undefined && { timeoutSeconds: seconds }),
  }
}

function parseProvider(text: string, option: unknown = '--provider'): 'auto' | ProviderName {
  const name = [...providerNames(), 'auto' as const].find((one) => one === text)
  if (name !== undefined) return name
  const named = typeof option === 'string' ? option : '--provider'
  throw badOption(named, text, `auto, or one of ${providerNames().join(', ')}`)
}
