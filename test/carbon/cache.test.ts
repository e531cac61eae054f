// Answers on disk: whole or not at all, for the user alone, and nobody else's files touched.
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { cacheIn, cacheName, type Kept } from '../../lib/carbon/cache'
import { mustBeBuilt, runNode } from '../support/process'

const NAME = cacheName({ url: new URL('https://example.invalid/') })
const DAY_MS = 24 * 3_600_000

describe('the cache', () => {
  mustBeBuilt()
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-cache-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const kept = (text: string, fetchedAt = new Date()): Kept => ({ text, fetchedAt })
  /** Another file of the cache, so large and so old; its bytes are not really on disk. */
  const put = (digit: string, { bytes = 0, days = 0 } = {}): string => {
    const name = `${digit.repeat(32)}.json`
    const time = new Date(Date.now() - days * DAY_MS)
    writeFileSync(join(folder, name), '')
    truncateSync(join(folder, name), bytes)
    utimesSync(join(folder, name), time, time)
    return name
  }

  it('gives back what it was given', () => {
    const given = { ...kept('{"a":"ä"}'), etag: 'W/"1"' }
    cacheIn(folder).write(NAME, given)
    expect(cacheIn(folder).read(NAME)).to.deep.equal(given)
    expect(readdirSync(folder)).to.deep.equal([NAME])
  })

  it('keeps the old answer where a process is killed while it writes the new one', async () => {
    cacheIn(folder).write(NAME, kept('old'))
    const source = `
      const fs = require('node:fs')
      const write = fs.writeFileSync
      fs.writeFileSync = (path, text, options) => {
        write(path, text.slice(0, text.length / 2), options)
        process.kill(process.pid, 'SIGKILL')
      }
      const { cacheIn } = require('./dist/carbon/cache')
      cacheIn(process.argv[1]).write(process.argv[2], { text: 'new', fetchedAt: new Date() })`
    const { signal } = await runNode(source, { args: [folder, NAME] })
    expect(signal).to.equal('SIGKILL')
    expect(readdirSync(folder)).to.have.length(2)
    expect(cacheIn(folder).read(NAME)!.text).to.equal('old')
  })

  it('gives whole answers while several processes and threads write them', async () => {
    // Each writes what is as long as a page is, so that halves would show.
    const source = `
      const { Worker, isMainThread, threadId } = require('node:worker_threads')
      const { cacheIn } = require('./dist/carbon/cache')
      const [folder, name, own] = process.argv.slice(1)
      if (isMainThread) for (const one of 'ab') new Worker(process.argv.at(-1), { eval: true, argv: [folder, name, own + one] })`
    const writer = `
      const { cacheIn } = require('./dist/carbon/cache')
      const [folder, name, own] = process.argv.slice(2)
      for (let i = 0; i < 100; i++) cacheIn(folder).write(name, { text: own.repeat(50_000), fetchedAt: new Date() })`
    let running = 2
    const children = ['1', '2'].map((own) =>
      runNode(source, { args: [folder, NAME, own, writer] }).finally(() => running--),
    )
    const seen = new Set<string>()
    while (running > 0) {
      const found = existsSync(join(folder, NAME)) && readFileSync(join(folder, NAME), 'utf8')
      if (found) seen.add(JSON.parse(found).text)
      await new Promise(setImmediate)
    }
    for (const { code, stderr } of await Promise.all(children)) {
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    }
    expect(seen.size).to.be.at.least(1)
    for (const text of seen) expect(text).to.match(/^([12][ab])\1{49999}$/)
    expect(readdirSync(folder)).to.deep.equal([NAME])
  })

  it('removes what nobody has asked for in a week, and nothing that is not its own', () => {
    const week = put('a', { days: 8 })
    const half = `${week}.12345`
    const others = ['thesis.txt', 'old.json', `${week}c`, `x${week}`]
    for (const name of [half, ...others]) {
      writeFileSync(join(folder, name), '')
      utimesSync(join(folder, name), new Date(0), new Date(0))
    }
    const young = put('b', { days: 6 })
    cacheIn(folder).write(NAME, kept('1'))
    expect(readdirSync(folder).sort()).to.deep.equal([NAME, young, ...others].sort())
  })

  it('removes the oldest where all are larger than 64 MiB', () => {
    const MIB = 2 ** 20
    const [oldest, middle, newest] = [
      put('a', { bytes: MIB, days: 3 }),
      put('b', { bytes: 31 * MIB, days: 2 }),
      put('c', { bytes: 32 * MIB, days: 1 }),
    ]
    cacheIn(folder).write(NAME, kept('1'))
    expect(readdirSync(folder)).to.not.include(oldest)
    expect(readdirSync(folder)).to.include.members([NAME, middle, newest])
  })

  it('takes what is damaged for nothing', () => {
    const path = join(folder, NAME)
    const time = '2026-11-26T12:00:00Z'
    for (const damage of [
      '',
      '[]',
      'null',
      '{"text":1}',
      `{"text":"1","fetchedAt":"never"}`,
      `{"text":"1","fetchedAt":"${time}"`,
    ]) {
      writeFileSync(path, damage)
      expect(cacheIn(folder).read(NAME), damage).to.equal(undefined)
    }
    for (const etag of ['"a\nb"', '', '"ﬁ"', 5]) {
      writeFileSync(path, JSON.stringify({ text: '1', fetchedAt: time, etag }))
      expect(cacheIn(folder).read(NAME)).to.deep.equal(kept('1', new Date(time)))
    }
  })

  it('is for the user alone', () => {
    const inner = join(folder, 'made', 'here')
    cacheIn(inner).write(NAME, kept('1'))
    expect(statSync(inner).mode & 0o777).to.equal(0o700)
    expect(statSync(join(inner, NAME)).mode & 0o777).to.equal(0o600)
  })

  it('names answers by all that is asked, keys included, and shows nothing of it', () => {
    const url = new URL('https://example.invalid/path?key=SECRET')
    const names = [
      { url },
      { url: new URL('https://example.invalid/path?key=other') },
      { url, method: 'POST' },
      { url, body: 'a' },
      { url, headers: { 'auth-token': 'SECRET' } },
      { url, headers: { 'auth-token': 'other' } },
    ].map(cacheName)
    expect(new Set(names).size).to.equal(names.length)
    for (const name of names) expect(name).to.match(/^[0-9a-f]{32}\.json$/)
  })

  for (const [what, xdg, expected] of [
    ['the folder for caches', 'x', 'x/jouletap'],
    ['the home where none is named', '', '.cache/jouletap'],
  ] as const) {
    it(`is in ${what}`, async function () {
      if (process.platform !== 'linux') this.skip()
      const source = `
        const { cacheIn } = require('./dist/carbon/cache')
        cacheIn().write('name', { text: '1', fetchedAt: new Date() })`
      const env = { HOME: folder, XDG_CACHE_HOME: xdg && join(folder, xdg) }
      const { stderr } = await runNode(source, { env })
      expect(stderr).to.equal('')
      expect(cacheIn(join(folder, expected)).read('name')!.text).to.equal('1')
    })
  }
})
