/** Where this machine is, by asking the network: only for those who ask for it. */
import { badOption, JouletapError } from '../errors'
import { type Http, httpClient, type Question } from './http'
import { resolveLocation } from './location'
import type { Location } from './types'

/**
 * `metadata`: the cloud that the machine is in, at its link-local address, which is plain HTTP by
 * nature; `geolocation`: a service that looks up the public address that it is asked from, which it
 * thereby learns.
 */
export type LocateBy = 'metadata' | 'geolocation'

export interface LocateOptions {
  readonly by: LocateBy
  /** The longest that it is waited for in all, 0.1 … 60. Default 2. */
  readonly timeoutSeconds?: number
  /** Another address than the usual: of the metadata, or of a service that answers like ipapi.co. */
  readonly url?: string
}

const USUAL = {
  aws: 'http://169.254.169.254',
  azure: 'http://169.254.169.254',
  gcp: 'http://metadata.google.internal',
  geolocation: 'https://ipapi.co/json/',
}

/**
 * The place that the network tells.
 * @throws {JouletapError} BAD_OPTION; INTENSITY_UNAVAILABLE: nobody answers in time, or tells of a place
 *   that is not known.
 */
export async function locateByNetwork(options: LocateOptions): Promise<Location> {
  const { by, timeoutSeconds = 2, url } = options
  if (by !== 'metadata' && by !== 'geolocation') {
    throw badOption('by', by, "'metadata' or 'geolocation'")
  }
  if (!(timeoutSeconds >= 0.1 && timeoutSeconds <= 60)) {
    throw badOption('timeoutSeconds', timeoutSeconds, 'a number of seconds from 0.1 to 60')
  }
  // Where a machine is may change: nothing is kept.
  const http = httpClient({ timeoutMs: 1000 * timeoutSeconds, retries: 0, cacheFolder: null })
  return by === 'metadata' ? byMetadata(http, url) : byAddress(http, url ?? USUAL.geolocation)
}

async function byMetadata(http: Http, url?: string): Promise<Location> {
  const clouds = [awsRegion(http, url), gcpRegion(http, url), azureRegion(http, url)]
  const place = await Promise.any(clouds).catch(() => {
    throw unavailable('No cloud answers at its metadata address')
  })
  return known(place, `metadata of ${place.split(':')[0]}`)
}

async function byAddress(http: Http, url: string): Promise<Location> {
  const { country, latitude, longitude } = await ask(http, {
    url: new URL(url),
    plain: true,
    read(text) {
      const { country_code: country, latitude, longitude } = JSON.parse(text)
      if (typeof country !== 'string') throw new Error('there is no country in it')
      return { country, latitude, longitude }
    },
  })
  const location = known(country, new URL(url).host)
  return isWithin(latitude, 90) && isWithin(longitude, 180)
    ? { ...location, latitude, longitude }
    : location
}

function isWithin(degrees: unknown, most: number): degrees is number {
  return typeof degrees === 'number' && Math.abs(degrees) <= most
}

function known(place: string, detail: string): Location {
  try {
    return { ...resolveLocation(place), foundBy: 'network', detail }
  } catch {
    throw unavailable(
      `${detail} tells of ${JSON.stringify(place.slice(0, 40))}, which is not known here`,
    )
  }
}

function unavailable(what: string): JouletapError {
  return new JouletapError('INTENSITY_UNAVAILABLE', `${what}.`)
}

async function ask<T>(http: Http, question: Omit<Question<T>, 'ttlSeconds'>): Promise<T> {
  return (await http.ask({ ttlSeconds: 0, ...question })).value
}

/** One short line, as metadata are. */
function line(text: string): string {
  const word = text.trim()
  if (/^[\w./-]{1,200}$/.test(word)) return word
  throw new Error('it is not one word')
}

/** By version 2 of its metadata service, which wants a token. */
async function awsRegion(http: Http, url = USUAL.aws): Promise<string> {
  const token = await ask(http, {
    url: new URL('/latest/api/token', url),
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': '60' },
    plain: true,
    read: (text) => text.trim(),
  })
  const region = await ask(http, {
    url: new URL('/latest/meta-data/placement/region', url),
    headers: { 'x-aws-ec2-metadata-token': token },
    plain: true,
    read: line,
  })
  return `aws:${region}`
}

/** `projects/123/zones/europe-north1-a`: a zone is a region and a letter. */
async function gcpRegion(http: Http, url = USUAL.gcp): Promise<string> {
  const zone = await ask(http, {
    url: new URL('/computeMetadata/v1/instance/zone', url),
    headers: { 'metadata-flavor': 'Google' },
    plain: true,
    read: line,
  })
  return `gcp:${zone
    .split('/')
    .at(-1)!
    .replace(/-[a-z]$/, '')}`
}

async function azureRegion(http: Http, url = USUAL.azure): Promise<string> {
  const region = await ask(http, {
    url: new URL('/metadata/instance/compute/location?api-version=2021-02-01&format=text', url),
    headers: { metadata: 'true' },
    plain: true,
    read: line,
  })
  return `azure:${region}`
}
