// Places by every name that is taken, and how they are found where none is given.
import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { nearMatches } from '../../lib/carbon/countries'
import { type LocationOptions, resolveLocation } from '../../lib/carbon/location'
import { JouletapError } from '../../lib/errors'

const found = (options: LocationOptions) =>
  resolveLocation(undefined, { environment: {}, timeZone: 'Etc/UTC', ...options })

describe('resolveLocation', () => {
  const places: [string, object][] = [
    ['DK', { country: 'DK', name: 'Denmark' }],
    ['dnk', { country: 'DK' }],
    [' denmark ', { country: 'DK' }],
    ['UK', { country: 'GB' }],
    ['EL', { country: 'GR' }],
    ['NA', { country: 'NA', name: 'Namibia' }],
    ['NAM', { country: 'NA' }],
    ['United States of America', { country: 'US' }],
    ['Monaco', { country: 'MC' }],
    ['XK', { country: 'XK' }],
    ['curacao', { country: 'CW', name: 'Curaçao' }],
    ['Türkiye', { country: 'TR' }],
    ['dk-dk1', { country: 'DK', zone: 'DK-DK1' }],
    ['US-CAL-CISO', { country: 'US', zone: 'US-CAL-CISO' }],
    ['US-CA', { country: 'US', subdivision: 'US-CA', name: 'California' }],
    ['CA-ON', { country: 'CA', zone: 'CA-ON' }],
    ['aws:eu-north-1', { country: 'SE', cloud: { provider: 'aws', region: 'eu-north-1' } }],
    ['GCP:europe-north1', { country: 'FI' }],
    ['azure:West Europe', { country: 'NL', cloud: { provider: 'azure', region: 'westeurope' } }],
    ['55.7, 12.6', { latitude: 55.7, longitude: 12.6 }],
  ]
  for (const [place, expected] of places) {
    it(`takes ${JSON.stringify(place)}`, () => {
      const location = resolveLocation(place)
      expect(location).to.deep.include(expected)
      expect(location.foundBy).to.equal('option')
    })
  }

  const wrong: [unknown, RegExp][] = [
    ['DKK', /not "DKK"; near it: .*DK/],
    ['Denmrak', /near it: Denmark/],
    ['DK-DK3', /near it: .*DK-DK1, DK-DK2/],
    ['US-CQ', /near it: US-CA, US-CO, US-CT\.$/],
    ['dk1', /near it: DK\.$/],
    ['aws:eu-north-9', /aws:eu-north-9, a region that is not known here; near it: eu-north-1/],
    ['ibm:eu-de', /must be a region of aws, azure, gcp/],
    ['91,0', /latitude/],
    ['a,b', /latitude.*"a,b"/],
    ['55.7,', /latitude.*"55\.7,"/],
    [',', /latitude/],
    [{ latitude: 91, longitude: 0 }, /latitude/],
    [{ country: 'DK' }, /latitude/],
    ['1,2,3', /must be a country/],
    ['', /must be a country/],
    [7, /must be a country/],
  ]
  for (const [place, message] of wrong) {
    it(`refuses ${JSON.stringify(place)}`, () => {
      expect(() => resolveLocation(place as string))
        .to.throw(JouletapError, message)
        .with.property('code', 'BAD_OPTION')
    })
  }

  it('says that a zone would be better where a country has several', () => {
    expect(resolveLocation('DK').warnings.join()).to.contain('DK-DK1').and.to.contain('DK-DK2')
    expect(resolveLocation('FI').warnings).to.deep.equal([])
    expect(resolveLocation('DK-DK1').warnings).to.deep.equal([])
  })

  it('takes the first that says anything: environment, configuration, cloud, time zone', () => {
    const environment: NodeJS.ProcessEnv = {
      JOULETAP_ZONE: 'SE-SE3',
      JOULETAP_COUNTRY: 'PL',
      AWS_REGION: 'eu-west-3',
    }
    const configuration = { zone: 'NO-NO1', country: 'FI' }
    const timeZone = 'Europe/Berlin'
    const steps: [Partial<LocationOptions>, object][] = []
    steps.push([{ environment: { ...environment } }, { zone: 'SE-SE3', detail: 'JOULETAP_ZONE' }])
    delete environment.JOULETAP_ZONE
    steps.push([{ environment: { ...environment } }, { country: 'PL', foundBy: 'environment' }])
    delete environment.JOULETAP_COUNTRY
    steps.push([
      { environment, configuration },
      { zone: 'NO-NO1', foundBy: 'configuration' },
    ])
    steps.push([{ environment, configuration: { country: 'FI' } }, { country: 'FI' }])
    steps.push([{ environment }, { country: 'FR', foundBy: 'cloud region', detail: 'AWS_REGION' }])
    steps.push([{}, { country: 'DE', foundBy: 'time zone', detail: timeZone }])
    for (const [options, expected] of steps) {
      expect(found({ timeZone, ...options })).to.include(expected)
    }
  })

  it('names the variable that holds nonsense', () => {
    expect(() => found({ environment: { JOULETAP_ZONE: 'Narnia' } })).to.throw(
      /^JOULETAP_ZONE must/,
    )
  })

  it('doubts a region that only tools are told of', () => {
    const doubt = found({ environment: { AWS_REGION: 'eu-west-3' } })
    expect(doubt.warnings.join()).to.contain('JOULETAP_ZONE')
    const environment = { AWS_REGION: 'eu-west-3', AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' }
    expect(found({ environment }).warnings).to.deep.equal([])
  })

  const clouds: [NodeJS.ProcessEnv, string, boolean][] = [
    [{ AWS_DEFAULT_REGION: 'us-east-1' }, 'us-east-1', false],
    [{ FUNCTION_REGION: 'us-central1', FUNCTION_NAME: 'f' }, 'us-central1', true],
    // Google sets neither of the two: they say what is asked for from there.
    [{ GOOGLE_CLOUD_REGION: 'us-central1', K_SERVICE: 's' }, 'us-central1', false],
    [{ CLOUDSDK_COMPUTE_REGION: 'europe-west1' }, 'europe-west1', false],
    [{ REGION_NAME: 'West Europe', WEBSITE_SITE_NAME: 's' }, 'westeurope', true],
    [{ AZURE_REGION: 'westeurope', WEBSITE_SITE_NAME: 's' }, 'westeurope', false],
  ]
  for (const [environment, region, isProven] of clouds) {
    it(`takes ${JSON.stringify(environment)} for ${isProven ? 'sure' : 'likely'}`, () => {
      const { cloud, warnings } = found({ environment })
      expect(cloud!.region).to.equal(region)
      expect(warnings).to.have.length(isProven ? 0 : 1)
    })
  }

  it('says that a region is not known, and goes on to the time zone', () => {
    const environment = { AWS_REGION: 'mars-1', AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE' }
    for (const [timeZone, country] of [
      ['Europe/Berlin', 'DE'],
      ['UTC', undefined],
    ] as const) {
      const location = found({ environment, timeZone })
      expect(location.country).to.equal(country)
      expect(location.warnings[0]).to.match(/^AWS_REGION names aws:mars-1, .*not known here/)
    }
    // The name is anybody's.
    const said = (more: object) =>
      found({ environment: { REGION_NAME: 'EMEA', ...more } }).warnings.join()
    expect(said({})).to.not.contain('EMEA')
    expect(said({ WEBSITE_SITE_NAME: 'mine' })).to.contain('azure:EMEA')
  })

  for (const timeZone of ['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT+3', 'Nowhere/At_All']) {
    it(`knows no country for ${timeZone}, and says so`, () => {
      const location = found({ timeZone })
      expect(location).to.include({ foundBy: 'nothing', detail: timeZone })
      expect(location).not.to.have.any.keys('country', 'zone')
      expect(location.warnings.join()).to.contain(timeZone)
    })
  }

  it('knows the country of every time zone that Node knows, as the system does', () => {
    const file = '/usr/share/zoneinfo/zone.tab'
    const system = new Map(
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => /^[A-Z]/.test(line))
            .map((line) => [line.split('\t')[2]!, line.split('\t')[0]!])
        : [],
    )
    const unlike: string[] = []
    for (const timeZone of Intl.supportedValuesOf('timeZone')) {
      const { country } = found({ timeZone })
      const expected = system.get(timeZone)
      if (country === undefined && !/^(UTC|Etc\/|GMT)/.test(timeZone)) unlike.push(timeZone)
      if (expected && country !== expected) unlike.push(`${timeZone}: ${country}, not ${expected}`)
    }
    expect(unlike).to.deep.equal([])
  })
})

describe('nearMatches', () => {
  it('gives the nearest first, and none that is far', () => {
    const names = ['Norway', 'Noway', 'Germany', 'Niger', 'Nigeria']
    expect(nearMatches('Norwya', names)).to.deep.equal(['Norway', 'Noway'])
    expect(nearMatches('niger', names)).to.deep.equal(['Niger'])
    expect(nearMatches('Atlantis', names)).to.deep.equal([])
  })
})
