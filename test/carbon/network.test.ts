// Where a machine is by the network, asked of services that answer as clouds and look-ups do.
import { expect } from 'chai'
import { type LocateOptions, locateByNetwork } from '../../lib/carbon/network'
import { JouletapError } from '../../lib/errors'
import { type Asked, type Reply, type Service, startService } from '../support/service'

describe('locateByNetwork', () => {
  let service: Service
  before(async () => {
    service = await startService()
  })
  after(() => service.close())

  const clouds: Record<string, [(asked: Asked) => Reply, object]> = {
    aws: [
      ({ method, path, headers }) => {
        if (path === '/latest/api/token' && method === 'PUT') return { body: 'TOKEN' }
        const right = headers['x-aws-ec2-metadata-token'] === 'TOKEN'
        if (path === '/latest/meta-data/placement/region' && right) return { body: 'eu-north-1' }
        return { status: 404 }
      },
      { provider: 'aws', region: 'eu-north-1' },
    ],
    gcp: [
      ({ path, headers }) =>
        path === '/computeMetadata/v1/instance/zone' && headers['metadata-flavor'] === 'Google'
          ? { body: 'projects/123456/zones/europe-north1-a\n' }
          : { status: 404 },
      { provider: 'gcp', region: 'europe-north1' },
    ],
    azure: [
      ({ path, headers }) =>
        path === '/metadata/instance/compute/location' && headers.metadata === 'true'
          ? { body: 'westeurope' }
          : { status: 404 },
      { provider: 'azure', region: 'westeurope' },
    ],
  }
  for (const [name, [answer, cloud]] of Object.entries(clouds)) {
    it(`knows ${name} by its metadata`, async () => {
      service.answer(answer)
      const location = await locateByNetwork({ by: 'metadata', url: service.url })
      expect(location.cloud).to.deep.equal(cloud)
      expect(location).to.include({ foundBy: 'network', detail: `metadata of ${name}` })
    })
  }

  it('knows a country and degrees by a look-up', async () => {
    service.answer({ body: '{"country_code":"DK","latitude":55.7,"longitude":12.6}' })
    const location = await locateByNetwork({ by: 'geolocation', url: service.url })
    expect(location).to.include({ country: 'DK', latitude: 55.7, foundBy: 'network' })
  })

  for (const degrees of ['"latitude":91,"longitude":0', '"latitude":"55.7","longitude":12.6', '']) {
    it(`knows the country alone where the degrees are none: ${degrees}`, async () => {
      service.answer({ body: `{"country_code":"DK"${degrees && `,${degrees}`}}` })
      const location = await locateByNetwork({ by: 'geolocation', url: service.url })
      expect(location).to.include({ country: 'DK' })
      expect(location).to.not.have.any.keys('latitude', 'longitude')
    })
  }

  const failures: [LocateOptions['by'], Reply, RegExp][] = [
    ['metadata', { status: 404 }, /No cloud answers/],
    ['metadata', { how: 'never' }, /No cloud answers/],
    ['geolocation', { how: 'never' }, /did not answer in time/],
    ['geolocation', { body: '<html>' }, /HTML/],
    ['geolocation', { body: '{}' }, /no country/],
    ['geolocation', { body: '{"country_code":"ZZ"}' }, /tells of "ZZ", which is not known here/],
    ['geolocation', { status: 429 }, /429/],
  ]
  for (const [by, reply, message] of failures) {
    it(`says why ${by} is of no use: ${JSON.stringify(reply)}`, async () => {
      service.answer(reply)
      const begun = performance.now()
      const error = await locateByNetwork({ by, url: service.url, timeoutSeconds: 0.3 }).then(
        () => undefined,
        (cause) => cause,
      )
      expect(performance.now() - begun).to.be.below(3000)
      expect(error).to.be.instanceOf(JouletapError)
      expect(error).to.include({ code: 'INTENSITY_UNAVAILABLE' })
      expect(error.message).to.match(message)
    })
  }

  it('refuses other ways', async () => {
    for (const options of [{ by: 'magic' }, { by: 'metadata', timeoutSeconds: 0 }]) {
      const error = await locateByNetwork(options as LocateOptions).then(
        () => undefined,
        (cause) => cause,
      )
      expect(error).to.include({ code: 'BAD_OPTION' })
    }
  })
})
