/** A folder of records: each that is bad is told, and stops none of the others. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { openRecord, readRecords } from '../../lib/record'
import { optionsFor } from '../support/record'

describe('readRecords', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const at = (name: string) => join(folder, name)
  const record = (name: string) => openRecord(optionsFor(at(name))).close()

  it('reads what there is, and tells what cannot be read, file by file', async () => {
    record('b.jouletap.jsonl')
    record('a.jouletap.jsonl')
    record('by-its-content')
    symlinkSync('a.jouletap.jsonl', at('link'))
    mkdirSync(at('folder'))
    record('folder/not-entered.jouletap.jsonl')
    symlinkSync('.', at('here'))
    execFileSync('mkfifo', [at('pipe.jouletap.jsonl')])
    symlinkSync('loop', at('loop'))
    symlinkSync('gone', at('lost'))
    writeFileSync(at('model.bin'), Buffer.alloc(5_000_000, 7))
    writeFileSync(at('nul.jouletap.jsonl'), Buffer.alloc(100_000))
    writeFileSync(at('long.jouletap.jsonl'), 'x'.repeat(10_000_000))
    writeFileSync(at('huge.jouletap.jsonl'), '')
    truncateSync(at('huge.jouletap.jsonl'), 2 ** 30)

    const { runs, problems } = await readRecords(folder)
    expect(runs.map(({ files }) => files)).to.deep.equal(
      ['a.jouletap.jsonl', 'b.jouletap.jsonl', 'by-its-content', 'link'].map((name) => [at(name)]),
    )
    const none = 'This is no record of a run by jouletap.'
    expect(problems).to.deep.equal([
      { file: at('huge.jouletap.jsonl'), problem: 'It is larger than 256 MiB.' },
      { file: at('long.jouletap.jsonl'), problem: none },
      { file: at('loop'), problem: 'It cannot be read: symbolic links go round in a circle.' },
      { file: at('lost'), problem: 'There is no such file.' },
      { file: at('model.bin'), problem: none },
      { file: at('nul.jouletap.jsonl'), problem: none },
      {
        file: at('pipe.jouletap.jsonl'),
        problem: 'It is a pipe, a socket or a device, which is not read.',
      },
    ])
  })

  it('names the line that is wrong', async () => {
    record('a.jouletap.jsonl')
    writeFileSync(at('a.jouletap.jsonl'), '{"type":"rows","rows":3}\n', { flag: 'a' })
    expect(await readRecords(folder)).to.deep.equal({
      runs: [],
      problems: [{ file: at('a.jouletap.jsonl'), line: 2, problem: 'rows is not a list.' }],
    })
  })

  it('reads one file, and says where there is none', async () => {
    record('a.jouletap.jsonl')
    const { runs, problems } = await readRecords(at('a.jouletap.jsonl'))
    expect([runs.length, problems.length]).to.deep.equal([1, 0])
    expect(await readRecords(at('x'))).to.deep.equal({
      runs: [],
      problems: [{ file: at('x'), problem: 'There is no such file.' }],
    })
  })
})
