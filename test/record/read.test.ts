/** What `readRecord` makes of files that are torn, foreign, hostile or gigantic. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { JouletapError } from '../../lib/errors'
import { readRecord } from '../../lib/record'
import { runProgram } from '../support/child'
import { DOMAINS, STARTED, TOTAL_WATTS } from '../support/record'

const ROOT = join(__dirname, '..', '..')
const HEADER = {
  type: 'header',
  schema: 'jouletap.record/1',
  tool: 'jouletap 1.2.3',
  startedAt: STARTED.toISOString(),
  pue: null,
  domains: DOMAINS,
}
const ROWS = {
  type: 'rows',
  every: 1,
  rows: [
    [0, 0, 0, 0],
    [1000, 30, 20, 50],
  ],
}
const TOTALS = { seconds: 2, joules: 160, kWh: null, grams: null }
const SUMMARY = { type: 'summary', status: 'complete', actual: TOTALS }
const MARK = { type: 'mark', at: 'end', ms: 1000, epoch: 1, seconds: 1, joules: 80 }

describe('readRecord', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
    path = join(folder, 'a.jouletap.jsonl')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const text = (...lines: readonly unknown[]) =>
    lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
  const write = (...lines: readonly unknown[]) => writeFileSync(path, text(...lines))
  const refusal = (file = path) =>
    readRecord(file).then(
      () => expect.fail('It was read.'),
      (error: unknown) => {
        expect(error).to.be.an.instanceOf(JouletapError)
        expect((error as JouletapError).code).to.equal('BAD_RECORD')
        const { message, cause } = error as JouletapError
        return { message, cause }
      },
    )

  describe('of a run that has no end', () => {
    it('gives the energy up to the last row, and says so', async () => {
      write(HEADER, ROWS)
      const run = await readRecord(path)
      expect(run.status).to.equal('unfinished')
      expect(run.actual).to.include({ seconds: 1, joules: TOTAL_WATTS, epochs: 0, grams: null })
      expect(run.warnings).to.deep.equal([
        `The record ${path} has no end, as where a run is killed: its energy is that of the first 1.0 s.`,
      ])
    })

    it('gives the energy up to the last mark, where that came later', async () => {
      write(HEADER, ROWS, { ...MARK, ms: 4000, totalJoules: 320 })
      expect((await readRecord(path)).actual).to.include({ seconds: 4, joules: 320, epochs: 1 })
    })

    it('gives the epoch in which it ended, as one that is partial', async () => {
      const begin = {
        type: 'mark',
        at: 'begin',
        ms: 400,
        epoch: 2,
        phase: 'train',
        totalJoules: 32,
      }
      write(HEADER, { ...MARK, ms: 400, seconds: 0.4, joules: 32 }, begin, ROWS)
      expect((await readRecord(path)).epochs).to.deep.equal([
        { epoch: 1, seconds: 0.4, joules: 32 },
        {
          epoch: 2,
          phase: 'train',
          start: 0.4,
          seconds: 0.6,
          joules: TOTAL_WATTS - 32,
          partial: true,
        },
      ])
    })

    it('takes a last line that is torn for what it is', async () => {
      for (const cut of [1, 20, JSON.stringify(SUMMARY).length - 1]) {
        write(HEADER, ROWS)
        appendFileSync(path, JSON.stringify(SUMMARY).slice(0, cut))
        const run = await readRecord(path)
        expect(run.status).to.equal('unfinished')
        expect(run.warnings.at(-1)).to.equal(`The last line of ${path} is torn and was left out.`)
      }
    })

    it('takes a last line that lacks but its end', async () => {
      write(HEADER, ROWS)
      appendFileSync(path, JSON.stringify(SUMMARY))
      const run = await readRecord(path)
      expect(run).to.include({ status: 'complete' })
      expect(run.warnings).to.deep.equal([])
    })

    it('leaves out what a device did not tell, and takes the last that it told', async () => {
      write(HEADER, ROWS, { type: 'rows', every: 1, rows: [[2000, null, 40, 100]] })
      const run = await readRecord(path)
      expect(run.actual).to.include({ joules: 30 + 100 })
      expect(run.rows!.joules).to.deep.equal([
        [0, 30, Number.NaN],
        [0, 20, 40],
        [0, 50, 100],
      ])
    })
  })

  describe('of lines that cannot be read', () => {
    for (const [name, line] of [
      ['text', 'what is this?'],
      ['half of a line, as a full disk leaves it', JSON.stringify(ROWS).slice(0, 30)],
      ['NUL bytes', '\0'.repeat(5000)],
      ['a line of 10 MB', `{"type":"warning","text":"${'x'.repeat(10_000_000)}"}`],
      ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0xfe, 0x7d])],
    ] as const) {
      it(`leaves out ${name}, and says which`, async () => {
        writeFileSync(
          path,
          Buffer.concat([
            Buffer.from(text(HEADER, ROWS)),
            Buffer.from(line),
            Buffer.from(`\n${text(SUMMARY)}`),
          ]),
        )
        const run = await readRecord(path)
        expect(run.actual).to.deep.equal(TOTALS)
        expect(run.warnings).to.deep.equal([
          `1 line of ${path} cannot be read and was left out: line 3.`,
        ])
      })
    }

    it('takes no more than 999 of them', async () => {
      write(HEADER, ...Array(999).fill('no'), SUMMARY)
      expect((await readRecord(path)).status).to.equal('complete')
      write(HEADER, ...Array(1000).fill('no'), SUMMARY)
      expect((await refusal()).message).to.equal(
        `${path}, line 1001: It is the 1000th line that cannot be read.`,
      )
    })
  })

  describe('of values that cannot be', () => {
    const row = (row: unknown) => ({ ...ROWS, rows: [row] })
    for (const [line, problem] of [
      [{ ...MARK, joules: '80' }, 'joules is not a number from 0 to 1e18'],
      [{ ...MARK, joules: -1 }, 'joules is not a number from 0 to 1e18'],
      [
        '{"type":"mark","at":"end","ms":1e999,"epoch":1,"seconds":1,"joules":1}',
        'ms is not a number from 0 to 1e18',
      ],
      [{ ...MARK, joules: 1e300 }, 'joules is not a number from 0 to 1e18'],
      [{ ...MARK, epoch: 1.5 }, 'epoch is not a whole number from 1'],
      [{ ...MARK, at: 'there' }, 'at is not begin or end or phase'],
      [{ ...MARK, watts: [5] }, 'watts is not an object'],
      [{ ...MARK, watts: { gpu: 'much' } }, 'watts.gpu is not a number from 0 to 1e18'],
      [row([2000, 1, 2]), 'A row of it is not a time and 3 numbers'],
      [row([null, 1, 2, 3]), 'A row of it is not a time and 3 numbers'],
      [row([500, 1, 2, 3]), 'The time of a row is before that of the one above'],
      [row([2000, 1, 2, -3]), 'rows[0][3] is not a number from 0 to 1e18'],
      [{ ...ROWS, rows: 5 }, 'rows is not a list'],
      [{ type: 'intensity', gramsPerKWh: 3001 }, 'gramsPerKWh is not a number from 0 to 3000'],
      [
        { type: 'intensity', gramsPerKWh: 1, start: 'now' },
        'start is not a time, such as 2026-11-21T20:00:00.000Z',
      ],
      [{ ...SUMMARY, actual: null }, 'actual is not an object'],
      [{ type: 'warning', text: 7 }, 'text is not a text'],
      [{ ...HEADER }, 'It is a second header'],
    ] as const) {
      it(`refuses ${(typeof line === 'string' ? line : JSON.stringify(line)).slice(0, 80)}`, async () => {
        write(HEADER, ROWS, line)
        expect(await refusal()).to.deep.equal({
          message: `${path}, line 3: ${problem}.`,
          cause: { file: path, line: 3, problem: `${problem}.` },
        })
      })
    }

    for (const [more, problem] of [
      [{ pue: 0.5 }, 'pue is not a number from 1 to 10'],
      [{ startedAt: 5 }, 'startedAt is not a time, such as 2026-11-21T20:00:00.000Z'],
      [{ domains: {} }, 'domains is not a list'],
      [{ domains: [{ ...DOMAINS[0], additive: 1 }] }, 'domains[0].additive is not true or false'],
      [{ domains: undefined }, 'domains is not a list'],
      [{ command: 'rm' }, 'command is not a list'],
      [
        { schema: 'jouletap.record/2' },
        'A newer jouletap wrote this (schema 2); this one reads schema 1',
      ],
      [{ schema: 'jouletap.run/1' }, 'This is no record of a run by jouletap'],
      [{ schema: { toString: 1 } }, 'This is no record of a run by jouletap'],
    ] as const) {
      it(`refuses a header with ${JSON.stringify(more)}`, async () => {
        write({ ...HEADER, ...more }, ROWS)
        expect((await refusal()).message).to.equal(`${path}, line 1: ${problem}.`)
      })
    }

    it('lets no name change what an object is', async () => {
      const evil = JSON.stringify({ ...MARK, watts: { cpu: 1 } }).replace(
        '"cpu":1',
        '"cpu":1,"__proto__":9',
      )
      const polluted = JSON.stringify(HEADER).replace(
        '{',
        '{"__proto__":{"evil":1},"constructor":5,',
      )
      write(polluted, ROWS, evil)
      const run = await readRecord(path)
      expect(run.epochs[0]!.watts).to.deep.equal({ cpu: 1 })
      expect(Object.keys(run)).to.not.include.members(['evil', '__proto__', 'constructor'])
      expect(Object.getPrototypeOf(run)).to.equal(Object.prototype)
      expect({}).to.not.have.property('evil')
    })

    it('is not moved by depth', async () => {
      const deep = `{"type":"warning","text":${'['.repeat(400_000)}${']'.repeat(400_000)}}`
      write(HEADER, ROWS, deep)
      expect((await refusal()).message).to.equal(`${path}, line 3: text is not a text.`)
    })

    it('is believed, or refused in a sentence, whatever bytes of a record are changed', async () => {
      write(
        HEADER,
        ROWS,
        MARK,
        { type: 'intensity', gramsPerKWh: 5 },
        { ...ROWS, rows: [[2000, null, 40, 100]] },
        SUMMARY,
      )
      const whole = readFileSync(path)
      let seed = 1
      const random = (most: number) => {
        seed = (seed * 48271) % 2147483647
        return seed % most
      }
      const outcomes = { believed: 0, refused: 0 }
      for (let trial = 0; trial < 1000; trial++) {
        const bytes = Buffer.from(whole)
        for (let change = random(3); change >= 0; change--) {
          const [from, to] = [random(bytes.length), random(bytes.length)]
          if (random(2) === 0) bytes[from] = random(256)
          else bytes.copyWithin(from, to, to + random(20))
        }
        writeFileSync(path, bytes)
        try {
          const { actual } = await readRecord(path)
          for (const value of [actual!.joules, actual!.seconds, actual!.kWh]) {
            if (value !== null) expect(value).to.be.within(0, 1e20)
          }
          outcomes.believed++
        } catch (error) {
          expect(error).to.have.property('code', 'BAD_RECORD')
          expect((error as Error).message).to.match(
            /, line \d+: .*( is not |no record|A newer jouletap|second header|The time of a row)|: This is no record/,
          )
          outcomes.refused++
        }
      }
      expect(outcomes.believed).to.be.above(100)
      expect(outcomes.refused).to.be.above(100)
    })

    it('passes over lines and fields that a later version may add', async () => {
      write(
        { ...HEADER, colour: 'red' },
        { type: 'weather', rain: true },
        [1],
        5,
        null,
        ROWS,
        SUMMARY,
      )
      const run = await readRecord(path)
      expect(run.status).to.equal('complete')
      expect(run).to.not.have.property('colour')
      expect(run.warnings).to.deep.equal([])
    })
  })

  describe('of what is no record', () => {
    for (const [name, content] of [
      ['nothing', ''],
      ['a text', 'Epoch 1:\nfine\n'.repeat(100)],
      ['a JSON object', '{"a":1}\n'],
      ['a list', '[]\n'],
      ['another record', '{"schema":"jouletap.run/1"}\n'],
      ['rows without a header', `${JSON.stringify(ROWS)}\n`],
    ] as const) {
      it(`refuses ${name}`, async () => {
        writeFileSync(path, content)
        const { message } = await refusal()
        expect(message).to.match(/(, line \d+)?: This is no record of a run by jouletap\.$/)
        expect(message.startsWith(path)).to.equal(true)
      })
    }

    it('refuses what is no file, and waits for nothing', async () => {
      execFileSync('mkfifo', [path])
      expect((await refusal()).message).to.equal(
        `${path}: It is a pipe, a socket or a device, which is not read.`,
      )
      expect((await refusal('/dev/zero')).message).to.match(/a device, which is not read\.$/)
      expect((await refusal(folder)).message).to.equal(`${folder}: It is a folder.`)
      const lost = join(folder, 'lost')
      expect((await refusal(lost)).message).to.equal(`${lost}: There is no such file.`)
      const loop = join(folder, 'loop')
      symlinkSync(loop, loop)
      expect((await refusal(loop)).message).to.equal(
        `${loop}: It cannot be read: symbolic links go round in a circle.`,
      )
    })

    it('follows a link to a record', async () => {
      write(HEADER, SUMMARY)
      const link = join(folder, 'link')
      symlinkSync(path, link)
      expect((await readRecord(link)).status).to.equal('complete')
    })
  })

  describe('of gigantic files', () => {
    it('refuses one that is larger than it may be', async () => {
      write(HEADER)
      truncateSync(path, 1_000_000_000)
      expect((await refusal()).message).to.equal(`${path}: It is larger than 256 MiB.`)
    })

    it('reads 1 GB of nothing, and 1 GB behind a header, in bounded memory', async function () {
      this.timeout(60_000)
      const empty = join(folder, 'empty')
      writeFileSync(empty, '')
      truncateSync(empty, 2 ** 30)
      write(HEADER, ROWS)
      truncateSync(path, 2 ** 30)
      const { code, stdout, stderr } = await runProgram(
        process.execPath,
        [
          '--max-old-space-size=64',
          '--import',
          'tsx',
          join(ROOT, 'test/record/read.child.ts'),
          empty,
          path,
        ],
        { timeout: 60_000 },
      )
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      const [nothing, behind] = JSON.parse(stdout)
      expect(nothing.error).to.match(/no record/)
      expect(behind.joules).to.equal(TOTAL_WATTS)
      expect(nothing.grownMiB).to.be.below(64)
      expect(behind.grownMiB).to.be.below(64)
    })

    it('keeps 10 000 rows of a million, the last among them', async () => {
      const count = 1_000_000
      const batch = (from: number) => ({
        ...ROWS,
        rows: Array.from({ length: 1000 }, (_, index) => [from + index, from + index, 0, 0]),
      })
      const lines = Array.from({ length: count / 1000 }, (_, index) => batch(1000 * index))
      write(HEADER, ...lines)
      const { rows, actual } = await readRecord(path)
      expect(rows!.seconds.length).to.be.within(5000, 10_000)
      expect(rows!.seconds.at(-1)).to.equal((count - 1) / 1000)
      expect(actual!.joules).to.equal(count - 1)
    })

    it('refuses more lines than a record has', async () => {
      write(HEADER, '\n'.repeat(2 ** 22))
      expect((await refusal()).message).to.match(/, line 4194305: It is beyond the 4194304 lines/)
    })

    it('refuses more marks than it can keep', async () => {
      const warning = { type: 'warning', text: 'x'.repeat(1_000_000) }
      write(HEADER, ...Array(34).fill(warning))
      expect((await refusal()).message).to.match(
        /, line 35: It is beyond 32 MiB of lines that are not rows\.$/,
      )
    })
  })

  it('says which option is wrong', async () => {
    for (const [options, message] of [
      [{ maxRows: 0 }, 'maxRows must be a whole number from 64 to 10000, not 0.'],
      [{ maxBytes: -1 }, 'maxBytes must be a whole number from 1, not -1.'],
    ] as const) {
      const error = await readRecord(path, options).catch((error) => error)
      expect(error).to.include({ code: 'BAD_OPTION', message })
    }
    expect(await readRecord('').catch((error) => error)).to.include({ code: 'BAD_OPTION' })
  })
})
