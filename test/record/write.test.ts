/** The record of a run as it is written: its name, its lines, and what bad disks do to it. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { expect } from 'chai'
import type { IntensityPoint } from '../../lib/carbon'
import { JouletapError } from '../../lib/errors'
import { openRecord, readRecord, version } from '../../lib/record'
import { DOMAINS, joulesAt, linesOf, optionsFor, STARTED, TOTAL_WATTS } from '../support/record'

const point: IntensityPoint = {
  start: STARTED,
  end: new Date('2026-11-21T21:00:00.000Z'),
  gramsPerKWh: 100,
  kind: 'average',
  factors: 'lifecycle',
  boundary: 'consumption',
  status: 'measured',
  zone: 'DK-DK1',
  source: 'a service',
}

const TOTALS = { seconds: 1, joules: 1, kWh: null, grams: null }

describe('openRecord', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('keeps a run that readRecord gives back', async () => {
    const path = join(folder, 'a.jouletap.jsonl')
    const about = {
      command: ['python', 'train.py'],
      plannedEpochs: 3,
      pue: 1.5,
      devices: { cpu: ['A CPU'] },
      location: { name: 'West Denmark', zone: 'DK-DK1', foundBy: 'option', detail: '--zone' },
      factors: { pue: '--pue' },
      host: { platform: 'linux', logicalCpus: 4 },
    } as const
    const record = openRecord(optionsFor(path, about))
    record.intensity(point)
    record.row(0, joulesAt(0))
    for (const epoch of [1, 2, 3]) {
      const ms = 2000 * (epoch - 1)
      record.mark({ at: 'begin', ms, epoch, totalJoules: (TOTAL_WATTS * ms) / 1000 })
      record.row(ms + 2000, joulesAt(ms + 2000))
      const start = ms / 1000
      record.mark({ at: 'end', ms: ms + 2000, epoch, start, seconds: 2, joules: 2 * TOTAL_WATTS })
    }
    const predicted = { epochs: 3, seconds: 6, joules: 6 * TOTAL_WATTS, kWh: null, grams: null }
    record.prediction({ seen: 2, ...predicted })
    record.warning('It was cold.')
    const actual = { epochs: 3, seconds: 6, joules: 6 * TOTAL_WATTS, kWh: 0.0002, grams: 0.02 }
    record.summary({ status: 'complete', actual, quality: 'measured' })
    record.close()

    const run = await readRecord(path)
    const { start, end, ...rest } = point
    expect(run).to.deep.equal({
      format: 'jouletap',
      files: [path],
      tool: `jouletap ${version()}`,
      startedAt: STARTED.toISOString(),
      ...about,
      status: 'complete',
      epochs: [1, 2, 3].map((epoch) => ({
        epoch,
        start: 2 * (epoch - 1),
        seconds: 2,
        joules: 2 * TOTAL_WATTS,
      })),
      actual,
      predicted: { seen: 2, ...predicted },
      predictions: [{ seen: 2, ...predicted }],
      intensities: [{ ...rest, start: start.toISOString(), end: end.toISOString() }],
      quality: 'measured',
      domains: DOMAINS,
      rows: {
        seconds: [0, 2, 4, 6],
        joules: [0, 1, 2].map((domain) => [0, 2000, 4000, 6000].map((ms) => joulesAt(ms)[domain])),
      },
      warnings: ['It was cold.'],
    })
  })

  it('is named after prefix, start, host and process, in a folder that it makes', () => {
    const record = openRecord({
      folder: join(folder, 'a', 'b'),
      prefix: '../it is',
      startedAt: STARTED,
      domains: [],
    })
    record.close()
    const host = hostname().replace(/[^\w.-]/g, '-')
    expect(readdirSync(join(folder, 'a', 'b'))).to.deep.equal([
      `it-is_20261121T200000Z_${host}_${process.pid}.jouletap.jsonl`,
    ])
  })

  it('takes no name from the host or the prefix that a file system, or a shell, minds', () => {
    const prefix = `-${'/ü$ \n'.repeat(50)}`
    const { path, close } = openRecord({ folder, prefix, startedAt: STARTED, domains: [] })
    close()
    expect(basename(path)).to.match(/^[A-Za-z0-9][\w.-]*\.jouletap\.jsonl$/)
    expect(dirname(path)).to.equal(folder)
  })

  it('never writes over a file: the next of a name gets a number', () => {
    const path = join(folder, 'a.jouletap.jsonl')
    writeFileSync(path, 'mine')
    symlinkSync('nowhere', join(folder, 'a-2.jouletap.jsonl'))
    const records = [1, 2].map(() => openRecord(optionsFor(path)))
    for (const { close } of records) close()
    expect(records.map((record) => record.path)).to.deep.equal(
      ['a-3.jouletap.jsonl', 'a-4.jouletap.jsonl'].map((name) => join(folder, name)),
    )
    expect(readFileSync(path, 'utf8')).to.equal('mine')
    expect(existsSync(join(folder, 'nowhere'))).to.equal(false)
  })

  it('can be read at any time, a second of rows aside', async () => {
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl')))
    for (let ms = 0; ms <= 60_000; ms += 100) {
      record.row(ms, joulesAt(ms))
      if (ms % 7000 !== 0) continue
      const { actual } = await readRecord(record.path)
      expect(actual!.seconds).to.be.within((ms - 1000) / 1000, ms / 1000)
    }
    record.close()
  })

  it('writes rows that are rare at once', () => {
    using record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl')))
    for (const ms of [0, 5000, 10_000]) {
      record.row(ms, joulesAt(ms))
      expect(linesOf(record.path).at(-1)).to.deep.include({ rows: [[ms, ...joulesAt(ms)]] })
    }
  })

  it('keeps few rows of a long run, but every joule', async () => {
    const maxRows = 100
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl'), { maxRows }))
    const [noise, count] = [(index: number) => (index * 7919) % 13, 200_001]
    const truth = [0, 0, 0]
    for (let index = 0; index < count; index++) {
      record.row(index, truth)
      for (const domain of truth.keys()) truth[domain]! += noise(index + domain) / 1000
    }
    record.row(count, truth)
    record.close()
    const written = linesOf(record.path).flatMap(({ rows = [] }) => rows as number[][])
    expect(written.length).to.be.within(maxRows / 2, maxRows)
    expect(written.at(-1)).to.deep.equal([count, ...truth])
    const { actual } = await readRecord(record.path)
    expect(actual!.joules).to.equal(truth[0]! + truth[2]!)
  })

  it('says with each of its rows how many came for it', () => {
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl'), { maxRows: 64 }))
    for (let ms = 0; ms < 10_000; ms++) record.row(ms, joulesAt(ms))
    record.summary({ status: 'complete', actual: TOTALS })
    record.close()
    let before = -1
    for (const { every, rows, type } of linesOf(record.path)) {
      if (type !== 'rows') continue
      for (const [ms] of rows as number[][]) {
        if (ms !== 9999) expect(ms! - before).to.equal(every)
        before = ms!
      }
    }
    expect(before).to.equal(9999)
  })

  it('keeps what was not read apart from 0', async () => {
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl')))
    record.row(0, Float64Array.of(0, 0, Number.NaN))
    record.close()
    expect((await readRecord(record.path)).rows!.joules).to.deep.equal([[0], [0], [Number.NaN]])
  })

  it('shortens a command that is longer than a line may be', async () => {
    const command = ['ls', 'x'.repeat(60_000), ...Array(100_000).fill('a-file-of-many')]
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl'), { command }))
    record.close()
    const read = (await readRecord(record.path)).command!
    expect(read.slice(0, 2)).to.deep.equal(command.slice(0, 2))
    expect(read.at(-1)).to.equal('…')
  })

  it('refuses to write what could not be read, and to write on when closed', async () => {
    const record = openRecord(optionsFor(join(folder, 'a.jouletap.jsonl')))
    const refused = (write: () => void, code: string, message: string) =>
      expect(write).to.throw(JouletapError, message).with.property('code', code)
    const mark = { at: 'begin', ms: Number.NaN, epoch: 1 } as const
    refused(
      () => record.mark(mark),
      'BAD_INPUT',
      'The mark of a record is wrong: ms is not a number from 0 to 1e18.',
    )
    const long = 'x'.repeat(1_100_000)
    refused(
      () => record.warning(long),
      'BAD_INPUT',
      'The warning of a record is wrong: It is too long.',
    )
    refused(
      () => record.row(0, [1]),
      'BAD_INPUT',
      'A row of a record is a time and 3 joules, not 0 ms and 1 joules.',
    )
    refused(() => record.row(-1, [1, 2, 3]), 'BAD_INPUT', 'not -1 ms and 3 joules.')
    record.close()
    record.close()
    const closed = `The record ${record.path} is closed.`
    refused(() => record.row(0, [1, 2, 3]), 'BAD_STATE', closed)
    refused(() => record.warning('x'), 'BAD_STATE', closed)
    refused(() => record.summary({ status: 'complete', actual: TOTALS }), 'BAD_STATE', closed)
    expect((await readRecord(record.path)).warnings).to.have.length(1)
  })

  it('says which option is wrong, before it makes a file', () => {
    const path = join(folder, 'a.jouletap.jsonl')
    for (const [options, message] of [
      [{ domains: [] }, 'folder or path must be given, one of the two, not undefined.'],
      [{ path, folder, domains: [] }, 'folder or path must be given, one of the two, not'],
      [{ ...optionsFor(path), colour: 1 }, 'an option must be one of folder, prefix, path,'],
      [{ ...optionsFor(''), domains: [] }, 'path must be a text that is not empty, not "".'],
      [
        { ...optionsFor(path), maxRows: 63 },
        'maxRows must be a whole number from 64 to 1000000, not 63.',
      ],
      [{ ...optionsFor(path), onProblem: 1 }, 'onProblem must be a function, not 1.'],
      [{ ...optionsFor(path), startedAt: 'now' }, 'startedAt must be a date, not "now".'],
      [
        { ...optionsFor(path), pue: 11 },
        'The header of a record is wrong: pue is not a number from 1 to 10.',
      ],
      [
        { ...optionsFor(path), domains: 'cpu' },
        'The header of a record is wrong: domains is not a list.',
      ],
      [null, 'options must be an object, not null.'],
    ] as const) {
      expect(() => openRecord(options as never))
        .to.throw(JouletapError, message)
        .with.property('code', 'BAD_OPTION')
    }
    expect(readdirSync(folder)).to.deep.equal([])
  })

  it('says when its folder cannot be written', () => {
    writeFileSync(join(folder, 'file'), '')
    const within = join(folder, 'file', 'sub')
    expect(() => openRecord({ folder: within, domains: [] }))
      .to.throw(
        JouletapError,
        `folder must be a folder that can be written (a part of the path is not a folder), not "${within}".`,
      )
      .with.property('code', 'BAD_OPTION')
    expect(() => openRecord(optionsFor('/proc/a'))).to.throw(
      JouletapError,
      /^path must be a file that can/,
    )
  })
})
