/** All providers by name, and which of them a place is asked of. */
import { badOption, JouletapError } from '../../errors'
import type { Http } from '../http'
import type { Basis, Location, Provider } from '../types'
import { basisOf } from './basis'

/** Those that need no key come first, in the order in which `auto` tries them; not `caiso`, which promises nothing. */
export const PROVIDER_NAMES = [
  'neso',
  'energi-data-service',
  'energy-charts',
  'caiso',
  'electricity-maps',
  'watttime',
  'carbon-aware',
  'file',
  'fixed',
] as const
export type ProviderName = (typeof PROVIDER_NAMES)[number]

/** `auto`: one without a key that covers the place; a name; or an object of the user's. */
export type ProviderChoice = 'auto' | ProviderName | (Pick<Provider, 'range'> & Partial<Provider>)

/** What providers need to know. */
export interface ProviderSettings {
  /** Default: `JOULETAP_ELECTRICITYMAPS_KEY`. */
  readonly electricityMapsKey?: string
  /** Default: `JOULETAP_WATTTIME_USERNAME` and `JOULETAP_WATTTIME_PASSWORD`. */
  readonly wattTimeUsername?: string
  readonly wattTimePassword?: string
  /** Address of a carbon-aware WebAPI. Default: `JOULETAP_CARBON_AWARE_URL`. */
  readonly carbonAwareUrl?: string
  /** Path of a time series; see `file`. */
  readonly file?: string
  /** The figure of `fixed`, in g/kWh. */
  readonly gramsPerKWh?: number
  /**
   * What the figures of `file`, `fixed` and `carbon-aware` count, for they do not say so themselves.
   * Default: average, of unknown factors and boundary.
   */
  readonly basis?: Partial<Basis>
  /** A region of `neso`, 1 … 17, or the outward part of a postcode. */
  readonly gbRegion?: string
  /** Other addresses of services, by the name of the provider. */
  readonly urls?: Readonly<Partial<Record<ProviderName, string>>>
}

/**
 * The provider of a choice. Nothing is asked of it yet.
 * @returns nothing where `auto` finds none for the place.
 * @throws {JouletapError} BAD_OPTION: there is no such provider, it lacks its key, address or file, or
 *   it does not know of the place.
 */
export function chooseProvider(
  choice: ProviderChoice,
  location: Location,
  settings: ProviderSettings,
  http: Http,
): Provider | undefined {
  if (choice === 'auto') {
    return (['neso', 'energi-data-service', 'energy-charts'] as const)
      .map((name) => guarded(byName(name, settings, http)))
      .find((provider) => provider.covers(location))
  }
  const provider = guarded(
    typeof choice === 'string' ? byName(choice, settings, http) : LOAD.custom().custom(choice),
  )
  if (provider.covers(location)) return provider
  throw new JouletapError(
    'BAD_OPTION',
    `The provider ${provider.id} does not know of ${location.name}; auto takes one that does.`,
  )
}

/** Whoever holds a provider may ask it of another place: it answers for none that it does not know. */
function guarded(provider: Provider): Provider {
  const { id, forecast } = provider
  function mustCover(location: Location): void {
    if (provider.covers(location)) return
    const unknown = `${id} does not know of ${location.name}.`
    throw new JouletapError('INTENSITY_UNAVAILABLE', unknown)
  }
  return {
    ...provider,
    async range(location, from, to) {
      mustCover(location)
      return provider.range(location, from, to)
    },
    ...(forecast && {
      async forecast(location: Location, hours: number) {
        mustCover(location)
        return forecast(location, hours)
      },
    }),
  }
}

/** Each with its file, loaded when it is wanted. */
const LOAD = {
  neso: () => require('./neso') as typeof import('./neso'),
  energiDataService: () =>
    require('./energi-data-service') as typeof import('./energi-data-service'),
  energyCharts: () => require('./energy-charts') as typeof import('./energy-charts'),
  caiso: () => require('./caiso') as typeof import('./caiso'),
  electricityMaps: () => require('./electricity-maps') as typeof import('./electricity-maps'),
  wattTime: () => require('./watttime') as typeof import('./watttime'),
  carbonAware: () => require('./carbon-aware') as typeof import('./carbon-aware'),
  file: () => require('./file') as typeof import('./file'),
  fixed: () => require('./fixed') as typeof import('./fixed'),
  custom: () => require('./custom') as typeof import('./custom'),
}

function byName(name: ProviderName, settings: ProviderSettings, http: Http): Provider {
  const { env } = process
  const url = settings.urls?.[name]
  const at = url === undefined ? {} : { url }
  switch (name) {
    case 'neso': {
      const { gbRegion: region } = settings
      return LOAD.neso().neso(http, { ...at, ...(region !== undefined && { region }) })
    }
    case 'energi-data-service':
      return LOAD.energiDataService().energiDataService(http, at)
    case 'energy-charts':
      return LOAD.energyCharts().energyCharts(http, at)
    case 'caiso':
      return LOAD.caiso().caiso(http, at)
    case 'electricity-maps': {
      const key = settings.electricityMapsKey ?? env.JOULETAP_ELECTRICITYMAPS_KEY
      return LOAD.electricityMaps().electricityMaps(http, {
        ...at,
        key: needed(key, name, 'a key: set JOULETAP_ELECTRICITYMAPS_KEY'),
      })
    }
    case 'watttime': {
      const login = 'a login: set JOULETAP_WATTTIME_USERNAME and JOULETAP_WATTTIME_PASSWORD'
      const username = settings.wattTimeUsername ?? env.JOULETAP_WATTTIME_USERNAME
      const password = settings.wattTimePassword ?? env.JOULETAP_WATTTIME_PASSWORD
      return LOAD.wattTime().wattTime(http, {
        ...at,
        username: needed(username, name, login),
        password: needed(password, name, login),
      })
    }
    case 'carbon-aware': {
      const server = url ?? settings.carbonAwareUrl ?? env.JOULETAP_CARBON_AWARE_URL
      return LOAD.carbonAware().carbonAware(http, {
        url: needed(server, name, 'its address: set JOULETAP_CARBON_AWARE_URL'),
        basis: basisOf(settings.basis),
      })
    }
    case 'file':
      return LOAD.file().file(
        needed(settings.file, name, 'the path of a file'),
        basisOf(settings.basis),
        http.now,
      )
    case 'fixed':
      return LOAD.fixed().fixed(
        needed(settings.gramsPerKWh, name, 'a figure in g/kWh'),
        basisOf(settings.basis),
        http.now,
      )
    default:
      throw badOption('a provider', name, `auto, or one of ${PROVIDER_NAMES.join(', ')}`)
  }
}

function needed<T>(value: T | undefined, name: ProviderName, what: string): T {
  if (value !== undefined && value !== '') return value
  throw new JouletapError('BAD_OPTION', `The provider ${name} needs ${what}.`)
}
