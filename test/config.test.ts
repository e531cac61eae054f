// The configuration: which file is above which, the environment above both, and what is refused.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { configuration } from '../lib/config'
import { JouletapError } from '../lib/errors'

describe('configuration', () => {
  let home: string
  let folder: string
  const origin = process.cwd()
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'jouletap-config-'))
    folder = join(home, 'work')
    mkdirSync(folder)
    process.chdir(folder)
  })
  afterEach(() => {
    process.chdir(origin)
    rmSync(home, { recursive: true })
  })
  const user = (value: object, below = '.config') => {
    mkdirSync(join(home, below, 'jouletap'), { recursive: true })
    writeFileSync(join(home, below, 'jouletap', 'config.json'), JSON.stringify(value))
  }
  const here = (value: object) =>
    writeFileSync(join(folder, 'jouletap.config.json'), JSON.stringify(value))

  it('is empty where there is none, and for a user without a home', () => {
    expect(configuration({ HOME: home })).to.deep.equal({})
    expect(configuration({})).to.deep.equal({})
  })

  it('takes the environment above the folder’s file above the user’s', () => {
    user({ country: 'DK', pue: 1.1, provider: 'auto' })
    here({ country: 'SE', pue: 1.2 })
    const environment = { HOME: home, JOULETAP_PUE: '1.3' }
    expect(configuration(environment)).to.deep.equal({ country: 'SE', pue: 1.3, provider: 'auto' })
  })

  it('finds the user’s file where XDG_CONFIG_HOME says', () => {
    user({ zone: 'FR' }, 'elsewhere')
    const XDG_CONFIG_HOME = join(home, 'elsewhere')
    expect(configuration({ HOME: home, XDG_CONFIG_HOME })).to.deep.equal({ zone: 'FR' })
  })

  it('takes every key from the environment that may be a secret, and numbers as numbers', () => {
    expect(
      configuration({
        JOULETAP_PROVIDER: 'watttime',
        JOULETAP_TIMEOUT_SECONDS: '2.5',
        JOULETAP_ELECTRICITYMAPS_KEY: 'a',
        JOULETAP_WATTTIME_USERNAME: 'b',
        JOULETAP_WATTTIME_PASSWORD: 'c',
        JOULETAP_CARBON_AWARE_URL: 'http://d',
      }),
    ).to.deep.equal({
      provider: 'watttime',
      timeoutSeconds: 2.5,
      electricityMapsKey: 'a',
      wattTimeUsername: 'b',
      wattTimePassword: 'c',
      carbonAwareUrl: 'http://d',
    })
  })

  for (const [value, message] of [
    [{ pue: '1.2' }, /config\.json: pue must be a number from 1 to 10, not "1\.2"/],
    [{ country: '' }, /config\.json: country must be a text that is not empty/],
    [{ constructor: 'x' }, /config\.json: a key must be one of zone/],
    [[], /config\.json must hold one JSON object/],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}, and names the file`, () => {
      here(value)
      expect(() => configuration({ HOME: home }))
        .to.throw(JouletapError, message)
        .with.property('code', 'BAD_OPTION')
    })
  }

  it('refuses numbers of the environment that are none', () => {
    expect(() => configuration({ JOULETAP_PUE: 'low' })).to.throw(/^JOULETAP_PUE must be a number/)
  })
})
