/** What the options and the configuration say of place and provider. */
import { Option } from 'commander'
import { type IntensityOptions, type ProviderName, providerNames } from '../carbon'
import { configuration } from '../config'
import { badOption } from '../errors'
import { numberFrom } from './options'

/** Parsed values of the options. */
export interface LiveFlags {
  live?: true
  provider?: 'auto' | ProviderName
  file?: string
  grams?: number
  timeout?: number
}

/** For `intensity` and those that follow it: with a place, where one was named. */
export type LiveOptions = IntensityOptions & { place?: string | undefined }

/** `--live`, `--provider`, `--file`, `--grams` and `--timeout`. */
export function liveFlags(): Option[] {
  return [
    new Option('--live', 'ask a service that needs no key for the intensity of the grid'),
    new Option(
      '--provider <name>',
      `ask this one: auto, ${providerNames().join(', ')} (default: JOULETAP_PROVIDER)`,
    ).argParser(parseProvider),
    new Option('--file <path>', 'take the intensities from a CSV or JSON file'),
    new Option('--grams <n>', 'take this intensity, in g/kWh').argParser(
      numberFrom('--grams', 0, 3000, 'g/kWh'),
    ),
    new Option('--timeout <seconds>', 'wait no longer for a service; default: 5').argParser(
      numberFrom('--timeout', 0.1, 60, 'a number of seconds'),
    ),
  ]
}

/**
 * What is asked, over the configuration; and the site's PUE by that.
 * @throws {JouletapError} BAD_OPTION: the configuration is wrong.
 */
export function liveOptions(
  { live, provider, file, grams, timeout }: LiveFlags,
  place?: string,
): LiveOptions & { pue: number } {
  const { zone, country, provider: usual, timeoutSeconds, pue = 1, ...keys } = configuration()
  const own = file !== undefined ? 'file' : grams !== undefined ? 'fixed' : undefined
  const wished =
    provider ??
    own ??
    (live && 'auto') ??
    (usual && parseProvider(usual, 'the configured provider'))
  const seconds = timeout ?? timeoutSeconds
  return {
    place,
    live: wished || false,
    pue,
    ...keys,
    configuration: { ...(zone && { zone }), ...(country && { country }) },
    ...(file !== undefined && { file }),
    ...(grams !== undefined && { gramsPerKWh: grams }),
    ...(seconds !== undefined && { timeoutSeconds: seconds }),
  }
}

function parseProvider(text: string, option: unknown = '--provider'): 'auto' | ProviderName {
  const name = [...providerNames(), 'auto' as const].find((one) => one === text)
  if (name !== undefined) return name
  const named = typeof option === 'string' ? option : '--provider'
  throw badOption(named, text, `auto, or one of ${providerNames().join(', ')}`)
}
