/** The tables of the package and their reader. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { parseTable, readTable } from '../../lib/data'

const folder = join(__dirname, '../../lib/data')
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.csv'))
  .map((file) => file.replace(/\.csv$/, ''))

describe('tables', () => {
  for (const name of names) {
    it(`${name} opens with its source, year and licence`, () => {
      const { remarks, rows } = readTable(name)
      expect(remarks.join('\n'))
        .to.match(/^Source: .+/m)
        .and.match(/^Year: .*\d{4}/m)
        .and.match(/^Licence: .+/m)
      expect(rows).not.to.have.length(0)
    })
  }

  it('cpu-tdp holds nothing but positive watts, and every name once', () => {
    const { rows } = readTable('cpu-tdp')
    expect(rows).to.have.length(4887)
    expect(rows.filter((row) => !(Number(row.tdp_w) > 0))).to.deep.equal([])
    expect(new Set(rows.map((row) => row.name!.toLowerCase())).size).to.equal(rows.length)
  })

  it('reads quoted cells, and refuses lines of another length with their number', () => {
    const { rows, lines } = parseTable('# Source: x\na,b\n"one, ""two""",3\r\n\n,\n')
    expect(rows).to.deep.equal([
      { a: 'one, "two"', b: '3' },
      { a: '', b: '' },
    ])
    expect(lines).to.deep.equal([3, 5])
    expect(() => parseTable('a,b\n1\n', 'thing')).to.throw('thing, line 2: 1 cells, not 2.')
  })
})
