// The client against a service that fails in every way, and its cache.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Http, type HttpOptions, httpClient, type Question } from '../../lib/carbon/http'
import { JouletapError } from '../../lib/errors'
import { mustBeBuilt, runNode } from '../support/process'
import { type Service, startService } from '../support/service'

/** Long enough for every answer that comes, and short enough to wait for those that do not. */
const PATIENT_MS = 20_000
const SHORT_MS = 400
/** For a machine that is busy. */
const SLACK_MS = 3000

describe('httpClient', () => {
  mustBeBuilt()
  let service: Service
  let folder: string
  let time: number
  before(async () => {
    service = await startService()
  })
  after(() => service.close())
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-http-'))
    time = Date.parse('2026-11-26T12:00:00Z')
    service.asked.length = 0
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const client = (options: HttpOptions = {}): Http =>
    httpClient({
      timeoutMs: PATIENT_MS,
      cacheFolder: join(folder, 'cache'),
      now: () => new Date(time),
      ...options,
    })
  const question = (more: Partial<Question<unknown>> = {}): Question<unknown> => ({
    url: new URL(`${service.url}/path?key=SECRET1`),
    headers: { 'auth-token': 'SECRET2' },
    ttlSeconds: 60,
    read: (text) => JSON.parse(text),
    ...more,
  })
  const pass = (seconds: number) => {
    time += 1000 * seconds
  }
  const files = () => readdirSync(join(folder, 'cache'))

  /** Expects a failure, with a sentence that holds no secret. */
  async function fails(message: RegExp, http = client(), asked = question()): Promise<void> {
    const error = await http.ask(asked).catch((cause) => cause)
    expect(error).to.be.instanceOf(JouletapError)
    expect(error.code).to.equal('INTENSITY_UNAVAILABLE')
    expect(error.message).to.match(message)
    expect(error.message).to.match(/^127\.0\.0\.1:\d+\/path /)
    expect(String(error.stack)).to.not.match(/SECRET/)
  }

  it('gives the value, and asks again only when it is old', async () => {
    service.answer({ body: '{"value":1}' })
    const http = client()
    const first = await http.ask(question())
    expect(first).to.deep.equal({ value: { value: 1 }, fetchedAt: new Date(time), stale: false })
    pass(59)
    expect(await http.ask(question())).to.deep.equal(first)
    expect(await client().ask(question())).to.deep.equal(first)
    expect(service.asked).to.have.length(1)
    pass(2)
    expect((await http.ask(question())).fetchedAt).to.deep.equal(new Date(time))
    expect(service.asked).to.have.length(2)
  })

  it('asks whether what it has still holds', async () => {
    service.answer((asked) =>
      asked.headers['if-none-match'] === '"v1"'
        ? { status: 304 }
        : { body: '7', headers: { etag: '"v1"' } },
    )
    await client().ask(question())
    pass(61)
    expect(await client().ask(question())).to.deep.equal({
      value: 7,
      fetchedAt: new Date(time),
      stale: false,
    })
    pass(59)
    await client().ask(question())
    expect(service.asked).to.have.length(2)
  })

  it('asks once where several want to know the same at once', async () => {
    service.answer({ body: '1' })
    const http = client()
    await Promise.all([1, 2, 3].map(() => http.ask(question())))
    expect(service.asked).to.have.length(1)
  })

  it('keeps nothing where it is not to', async () => {
    service.answer({ body: '1' })
    await client().ask(question({ ttlSeconds: 0 }))
    await client({ cacheFolder: null }).ask(question())
    expect(() => files()).to.throw('ENOENT')
    expect(service.asked).to.have.length(2)
  })

  it('keeps answers for the user alone, and no key', async () => {
    service.answer({ body: '1' })
    await client().ask(question())
    const path = join(folder, 'cache')
    expect(statSync(path).mode & 0o777).to.equal(0o700)
    expect(files()).to.have.length(1)
    for (const file of files()) {
      expect(file).to.match(/^[0-9a-f]{32}\.json$/)
      expect(statSync(join(path, file)).mode & 0o777).to.equal(0o600)
      expect(readFileSync(join(path, file), 'utf8')).to.not.match(/SECRET/)
    }
  })

  it('neither tells nor keeps a key that an answer holds', async () => {
    const login = Buffer.from('me:SECRET3').toString('base64')
    const headers = { 'auth-token': 'SECRET2', authorization: `Basic ${login}` }
    const bearer = { authorization: 'Bearer SECRET4' }
    const echo = (text: string) => service.answer({ body: text, headers: { etag: `"${text}"` } })
    for (const [sent, seen] of [
      [headers, ['SECRET2', 'SECRET3', login]],
      [bearer, ['SECRET4']],
    ] as const) {
      for (const secret of seen) {
        echo(JSON.stringify(`of ${secret}`))
        expect((await client().ask(question({ headers: sent }))).value).to.equal('of ***')
        pass(61)
        for (const text of [`${secret} is wrong`, `<html>${secret}`, `{"a":"${secret}"`]) {
          echo(text)
          const http = client({ cacheFolder: null, retries: 0 })
          const error = await http.ask(question({ headers: sent })).catch((cause) => cause)
          expect(String(error.stack)).to.contain('answered').and.to.not.contain(secret)
        }
        for (const file of files()) {
          expect(readFileSync(join(folder, 'cache', file), 'utf8')).to.not.contain(secret)
        }
      }
    }
    service.answer({ status: 302, headers: { location: 'http://example.invalid/SECRET2' } })
    const error = await client()
      .ask(question({ headers, ttlSeconds: 0 }))
      .catch((cause) => cause)
    expect(error.message).to.match(/^example\.invalid\/\*\*\* is not HTTPS/)
  })

  it('keeps answers for their owner, whatever the token of the day', async () => {
    service.answer({ body: '1' })
    const of = (token: string, owner: string) =>
      client().ask(question({ headers: { authorization: `Bearer ${token}` }, owner }))
    await of('one', 'me')
    await of('another', 'me')
    expect(service.asked).to.have.length(1)
    await of('another', 'you')
    expect(service.asked).to.have.length(2)
  })

  it('does not share answers between keys', async () => {
    service.answer({ body: '1' })
    await client().ask(question())
    await client().ask(question({ headers: { 'auth-token': 'another' } }))
    expect(service.asked).to.have.length(2)
  })

  it('takes a damaged cache for none', async () => {
    service.answer({ body: '1' })
    await client().ask(question())
    for (const damage of ['', '{"text":1}', '{"text":"1","fetchedAt":"never"}', '[]']) {
      writeFileSync(join(folder, 'cache', files()[0]!), damage)
      expect((await client().ask(question())).value).to.equal(1)
    }
    expect(service.asked).to.have.length(5)
  })

  it('does without a cache where none can be written', async () => {
    service.answer({ body: '1' })
    writeFileSync(join(folder, 'file'), '')
    const http = client({ cacheFolder: join(folder, 'file', 'cache') })
    expect((await http.ask(question())).value).to.equal(1)
  })

  for (const status of [400, 401, 403, 404]) {
    it(`does not ask again after ${status}`, async () => {
      service.answer({ status, body: 'SECRET1 SECRET2' })
      await fails(new RegExp(`answered with status ${status}`))
      expect(service.asked).to.have.length(1)
    })
  }

  for (const status of [429, 500, 503]) {
    it(`asks again after ${status}`, async () => {
      service.answer([{ status }, { body: '5' }])
      expect((await client().ask(question())).value).to.equal(5)
      expect(service.asked).to.have.length(2)
    })
  }

  it('waits as long as it is told to before it asks again', async () => {
    service.answer([{ status: 429, headers: { 'retry-after': '1' } }, { body: '5' }])
    const begun = performance.now()
    expect((await client().ask(question())).value).to.equal(5)
    expect(performance.now() - begun).to.be.at.least(990)
  })

  for (const wait of ['3600', 'Fri, 27 Nov 2026 12:00:00 GMT']) {
    it(`gives up at once where it should wait longer than it may: ${wait}`, async () => {
      service.answer({ status: 429, headers: { 'retry-after': wait } })
      const begun = performance.now()
      await fails(/status 429/, client({ timeoutMs: 60_000 }))
      expect(performance.now() - begun).to.be.below(30_000)
      expect(service.asked).to.have.length(1)
    })
  }

  it('does not ask for ever', async () => {
    service.answer({ status: 500 })
    await fails(/status 500/, client({ retries: 1 }))
    expect(service.asked).to.have.length(2)
  })

  for (const how of ['never', 'trickle'] as const) {
    it(`does not wait for an answer that comes ${how}`, async () => {
      service.answer({ how, body: '1' })
      const begun = performance.now()
      await fails(/did not answer in time/, client({ timeoutMs: SHORT_MS }))
      expect(performance.now() - begun).to.be.below(SHORT_MS + SLACK_MS)
    })
  }

  it('does not take half an answer for one', async () => {
    service.answer({ how: 'torn', body: '{"a": [1, 2, 3, 4, 5, 6]}' })
    await fails(/cannot be reached/, client({ retries: 0 }))
    expect(() => files()).to.throw('ENOENT')
  })

  it('neither keeps nor gives what cannot be used', async () => {
    service.answer({ body: '<!doctype html><title>SECRET1</title>' })
    await fails(/answered with HTML\.$/)
    service.answer({ body: 'nothing' })
    await fails(/answered what cannot be used/)
    expect(() => files()).to.throw('ENOENT')
  })

  it('gives what it had where the service fails, and says that it is old', async () => {
    service.answer({ body: '{"value":1}' })
    const fetchedAt = new Date(time)
    await client().ask(question())
    for (const reply of [{ status: 500 }, { how: 'never' }, { body: '<html>' }] as const) {
      pass(3600)
      service.answer(reply)
      expect(await client({ timeoutMs: SHORT_MS }).ask(question())).to.deep.equal({
        value: { value: 1 },
        fetchedAt,
        stale: true,
      })
    }
    service.answer({ status: 401 })
    await fails(/the key is not accepted/)
    pass(24 * 3600)
    service.answer({ status: 500 })
    await fails(/status 500/)
  })

  it('asks nobody over plain HTTP but this machine, unless the user says so', async () => {
    for (const url of ['http://example.invalid/path', 'ftp://127.0.0.1/path']) {
      const error = await client()
        .ask(question({ url: new URL(url) }))
        .catch((cause) => cause)
      expect(error.message).to.match(/is not HTTPS, and was not asked/)
    }
  })

  it('follows no address that is not HTTPS, and gives no key to another host', async () => {
    const other = await startService()
    try {
      other.answer({ body: '3' })
      const location = other.url.replace('127.0.0.1', 'localhost')
      service.answer({ status: 302, headers: { location } })
      expect((await client().ask(question())).value).to.equal(3)
      expect(other.asked[0]!.headers).to.not.have.property('auth-token')
      service.answer({ status: 302, headers: { location: 'http://example.invalid/' } })
      await client()
        .ask(question({ ttlSeconds: 1 }))
        .then(() => pass(5))
      const error = await client()
        .ask(question({ headers: {} }))
        .catch((cause) => cause)
      expect(error.message).to.match(/^example\.invalid\/ is not HTTPS/)
      service.answer({ status: 302, headers: { location: '/path' } })
      await fails(/sends from one address to the next/, client(), question({ headers: { a: 'b' } }))
    } finally {
      await other.close()
    }
  })

  it('keeps no process alive', async () => {
    service.answer({ body: '1' })
    const source = `
      const { httpClient } = require('./dist/carbon/http')
      httpClient({ cacheFolder: null }).ask({ url: new URL(process.argv[1]), ttlSeconds: 0, read: JSON.parse })
        .then(({ value }) => console.log(value))`
    const { code, stdout } = await runNode(source, { args: [service.url] })
    expect({ code, stdout: stdout.trim() }).to.deep.equal({ code: 0, stdout: '1' })
  })
})
