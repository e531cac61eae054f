/** `jouletap doctor`: what can be read here, and what has to be done about the rest. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Domain, SourceReport } from '../../lib/energy'
import { runCli } from '../support/child'

interface Findings {
  schema: string
  sources: SourceReport[]
  auto: { sources: string[]; domains: Domain[]; notes: string[] }
  host: { jouletap: string }
}

describe('jouletap doctor', () => {
  let empty: string

  before(() => {
    empty = mkdtempSync(join(tmpdir(), 'jouletap-'))
  })
  after(() => rmSync(empty, { recursive: true }))

  it('tells of every source whether it is usable, and why not', async () => {
    const { code, stdout, stderr } = await runCli(['doctor'])
    expect(code).to.equal(0)
    expect(stderr).to.equal('')
    expect(stdout).to.match(/^estimate: usable$/m)
    expect(stdout).to.match(
      /^(auto uses|No counter can be read here: auto falls back to the estimate)/m,
    )
    expect(stdout).to.not.contain('\u001b')
  })

  it('answers machines with --json, and says the same', async () => {
    const [plain, json] = await Promise.all([runCli(['doctor']), runCli(['doctor', '--json'])])
    expect(json.code).to.equal(0)
    const { schema, sources, auto, host } = JSON.parse(json.stdout) as Findings
    expect(schema).to.equal('jouletap.doctor/1')
    expect(host.jouletap).to.be.a('string')
    for (const source of sources) {
      expect(plain.stdout).to.match(
        new RegExp(`^${source.name}: ${source.usable ? 'usable' : 'not usable'}`, 'm'),
      )
      if (source.usable) {
        for (const domain of source.domains) expect(plain.stdout).to.contain(`  ${domain.id} `)
      } else {
        expect(source.reason).to.be.a('string')
        expect(plain.stdout).to.contain(source.reason!.slice(1))
        if (source.fix) expect(plain.stdout).to.contain(`  To mend it: ${source.fix}\n`)
      }
    }
    expect(auto.sources).to.deep.equal([...new Set(auto.domains.map((domain) => domain.source))])
    expect(auto.sources).to.not.have.length(0)
  })

  it('finds nothing but the estimate below an empty root', async () => {
    const { code, stdout } = await runCli(['doctor', '--root', empty, '--json'])
    expect(code).to.equal(0)
    const { sources, auto } = JSON.parse(stdout) as Findings
    const usable = sources.filter((source) => source.usable).map((source) => source.name)
    expect(usable).to.deep.equal(['estimate'])
    expect(auto.sources).to.deep.equal(['estimate'])
  })
})
