/** `jouletap sample`: a header, then rows that grow, and a clean end in every way it can end. */
import { expect } from 'chai'
import type { Domain } from '../../lib/energy'
import { CLI, runCli, runProgram, startCli } from '../support/child'

const MODEL = ['--sources', 'estimate'] as const

interface Header {
  schema: string
  startedAt: string
  columns: string[]
  domains: Domain[]
  intervalMs: number
  version: string
}
type Row = (number | null)[]

function parse(stdout: string): { header: Header; rows: Row[] } {
  expect(stdout.endsWith('\n')).to.equal(true)
  const [header, ...rows] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  return { header: header as Header, rows: rows as Row[] }
}

describe('jouletap sample', () => {
  it('writes a header that names the columns, then rows of milliseconds and joules', async () => {
    const before = Date.now()
    const { code, stdout, stderr } = await runCli(['sample', ...MODEL, '--duration', '1'])
    const { header, rows } = parse(stdout)
    expect(code, stderr).to.equal(0)
    expect(header).to.include({ schema: 'jouletap.rows/1', intervalMs: 100 })
    expect(Date.parse(header.startedAt)).to.be.within(before, Date.now())
    const ids = header.domains.map((domain) => domain.id)
    expect(header.columns).to.deep.equal(['milliseconds', ...ids])
    expect(ids).to.not.have.length(0)
    expect(rows.length).to.be.within(5, 15)
    expect(rows[0]![0]).to.be.within(0, 500)
    expect(rows.at(-1)![0]).to.be.within(700, 3000)
    for (const [index, row] of rows.entries()) {
      expect(row).to.have.length(header.columns.length)
      for (const [column, value] of row.entries()) {
        expect(value).to.be.a('number')
        if (index > 0) expect(value).to.be.at.least(rows[index - 1]![column]!)
      }
      expect(String(row[0])).to.match(/^\d+(\.\d{1,3})?$/)
    }
    expect(rows.at(-1)![1]).to.be.above(rows[0]![1]!)
    expect(header.domains[0]!.quality).to.equal('estimated')
    expect(stderr).to.match(/^(jouletap: .+\.\n)+$/)
  })

  it('writes the same as CSV', async () => {
    const args = ['sample', ...MODEL, '--format', 'csv', '--duration', '0.5', '--interval', '50']
    const { code, stdout } = await runCli(args)
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(code).to.equal(0)
    expect(head).to.match(/^milliseconds(,[a-z]+-\d+)+$/)
    expect(rows.length).to.be.above(1)
    const width = head!.split(',').length
    for (const row of rows) expect(row).to.match(/^\d+(\.\d{1,3})?(,\d+(\.\d{1,9})?)+$/)
    for (const row of rows) expect(row.split(',')).to.have.length(width)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends at ${signal}, with whole lines and code 0`, async () => {
      const child = startCli(['sample', ...MODEL])
      await child.seen(/\n\[.*\]\n\[.*\]\n/)
      child.process.kill(signal)
      const { code, stdout, signal: by } = await child.result
      expect({ code, by }).to.deep.equal({ code: 0, by: null })
      expect(parse(stdout).rows.length).to.be.at.least(2)
    })
  }

  it('writes the last rows when it is told to end', async () => {
    const child = startCli(['sample', ...MODEL, '--interval', '1000000'])
    await child.seen('jouletap.rows/1')
    child.process.kill('SIGINT')
    expect((await child.result).code).to.equal(0)
  })

  it('ends silently when the reader has seen enough', async () => {
    const script = '{ "$@"; echo "code $?" >&2; } | head -n 1'
    const command = [process.execPath, ...CLI, 'sample', ...MODEL, '--interval', '20']
    const { stdout, stderr } = await runProgram('sh', ['-c', script, 'sh', ...command])
    expect(parse(stdout).header.schema).to.equal('jouletap.rows/1')
    expect(stderr).to.match(/code 0\n$/)
    expect(stderr).to.not.match(/EPIPE|Error/)
  })

  it('says in one sentence that the disk is full', async () => {
    const line = '"$@" > /dev/full'
    const command = [process.execPath, ...CLI, 'sample', ...MODEL, '--duration', '5']
    const { code, stderr } = await runProgram('sh', ['-c', line, 'sh', ...command])
    expect(code).to.equal(1)
    expect(stderr).to.match(/jouletap: The rows could not be written: no space left\.\n$/)
  })
})
