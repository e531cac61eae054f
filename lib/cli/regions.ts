/** `jouletap regions`: regions of clouds, with the intensity of their grids. */
import { Command } from 'commander'
import {
  type CloudRegionFacts,
  cloudRegions,
  type IntensityPoint,
  type Location,
  resolveLocation,
  tableIntensity,
} from '../carbon'
import { configuration } from '../config'
import { badOption } from '../errors'
import { table } from '../text'
import { type Paint, paintFor, STDOUT, write } from './output'
import { noArguments } from './usage'

interface Options {
  near?: string
  json?: true
}

/** What `regions --json` writes. */
interface Found {
  schema: 'jouletap.regions/1'
  /** Where you are, or the place that was named. */
  location: Location
  /** The cleanest first. */
  regions: Region[]
  /** The cleanest of the nearest, where the degrees of the place are known. */
  cleanestNear?: Region
}

interface Region extends CloudRegionFacts {
  intensity: Omit<IntensityPoint, 'start' | 'end'>
  /** From the place, where both are known. */
  kilometres?: number
}

/** The command; `done` is told the exit code. */
export function regionsCommand(done: (code: number) => void): Command {
  return new Command('regions')
    .summary('regions of clouds, with the intensity of their grids')
    .description(
      'List the regions of clouds, the cleanest first, by annual means: of the provider where it ' +
        'publishes one, else of the grid or the country.',
    )
    .argument('[provider]', 'aws, azure or gcp')
    .option('--near <place>', 'how far from here: degrees (55.7,12.6) or a region (aws:eu-north-1)')
    .option('--json', 'answer with one JSON object')
    .addHelpText('after', HELP)
    .allowExcessArguments()
    .action((provider: string | undefined, options: Options, self: Command) => {
      noArguments(self, ['one provider'])
      const found = find(provider, options.near)
      write(STDOUT, options.json ? `${JSON.stringify(found)}\n` : text(found, paintFor(STDOUT)))
      done(0)
    })
}

const HELP = `
Figures are of different years, and not all count imports: small differences mean nothing.

Examples:
  jouletap regions gcp
  jouletap regions --near 55.7,12.6
  jouletap regions aws --near aws:eu-west-1 --json | jq -r .cleanestNear.region`

/** So many are near. */
const NEAR = 5

function find(provider: string | undefined, near: string | undefined): Found {
  const known = cloudRegions()
  if (provider !== undefined && !known.some((region) => region.provider === provider)) {
    throw badOption('the provider', provider, 'one of aws, azure, gcp')
  }
  const here = resolveLocation(near, { configuration: configuration() })
  if (near !== undefined && here.latitude === undefined) {
    throw badOption('--near', near, 'degrees (55.7,12.6) or the region of a cloud')
  }
  const regions = known
    .filter((region) => provider === undefined || region.provider === provider)
    .map(
      (region): Region => ({ ...region, intensity: intensityOf(region), ...farFrom(here, region) }),
    )
    .sort((a, b) => a.intensity.gramsPerKWh - b.intensity.gramsPerKWh)
  const nearest = regions
    .filter(({ kilometres }) => kilometres !== undefined)
    .sort((a, b) => a.kilometres! - b.kilometres!)
    .slice(0, NEAR)
  const cleanestNear = regions.find((region) => nearest.includes(region))
  return {
    schema: 'jouletap.regions/1',
    location: here,
    regions,
    ...(cleanestNear && { cleanestNear }),
  }
}

function intensityOf({ provider, region }: CloudRegionFacts): Region['intensity'] {
  const now = new Date()
  const {
    start: _,
    end: __,
    ...point
  } = tableIntensity(
    resolveLocation(`${provider}:${region}`),
    now,
    new Date(now.getTime() + 1),
  ).point
  return point
}

/** The great circle on a sphere of 6371 km, by haversines. */
function farFrom(here: Location, there: CloudRegionFacts): { kilometres?: number } {
  const { latitude: a, longitude: b } = here
  const { latitude: c, longitude: d } = there
  if (a === undefined || b === undefined || c === undefined || d === undefined) return {}
  const haversine = (degrees: number) => Math.sin((degrees * Math.PI) / 360) ** 2
  const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180)
  const h = haversine(c - a) + cos(a) * cos(c) * haversine(d - b)
  return { kilometres: Math.round(2 * 6371 * Math.asin(Math.sqrt(Math.min(1, h)))) }
}

function text({ location, regions, cleanestNear }: Found, paint: Paint): string {
  const rows = regions.map(({ provider, region, name, country, intensity, kilometres }) => [
    `${provider}:${region}`,
    intensity.gramsPerKWh.toFixed(0).padStart(4),
    `g/kWh, ${intensity.year}`,
    `${name}, ${country}`,
    kilometres === undefined ? '' : `${kilometres} km`,
  ])
  const lines = table(rows, '')
  if (cleanestNear) {
    const { provider, region, intensity, kilometres } = cleanestNear
    lines.push(
      '',
      paint(
        'bold',
        `The cleanest of the ${NEAR} nearest to ${location.name}: ${provider}:${region}, ` +
          `${intensity.gramsPerKWh.toFixed(0)} g/kWh, ${kilometres} km away.`,
      ),
    )
  } else {
    const place = location.foundBy === 'nothing' ? 'here' : location.name
    lines.push(
      '',
      `How far they are from ${place} is not known: name degrees, as in --near 55.7,12.6, to be told ` +
        'the cleanest near them.',
    )
  }
  const sources = [...new Set(regions.map(({ intensity }) => intensity.attribution))]
  lines.push(...sources.map((source) => paint('dim', source ?? '')))
  return `${lines.join('\n')}\n`
}
