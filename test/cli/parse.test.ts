/** `jouletap parse`: what it prints, writes and refuses. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import {
  block,
  END,
  epochs,
  folder,
  head,
  LOGS,
  output,
  pair,
  standard,
} from '../record/carbontracker/support'
import { runCli } from '../support/child'

const RESNET = 'resnet_15749.643031_2026-11-21T210040Z'
const COMMAND = '26591.995958_2026-11-21T205738Z'

interface Parsed {
  schema: string
  aggregate: { kWh: number; grams: number }
  sentence: string
  runs: { startedAt: string; actual: { epochs: number } }[]
  problems: { file: string }[]
}

const parse = (...args: string[]) => runCli(['parse', ...args], { env: { TZ: 'UTC' } })

describe('jouletap parse', () => {
  it("says carbontracker's sentence, and a line for each run", async () => {
    const { code, stdout } = await parse(LOGS, '--time-zone', 'UTC')
    expect(code).to.equal(0)
    const [first, blank, header, ...rows] = stdout.trimEnd().split('\n')
    expect(first).to.match(
      /^The training of models in this work is estimated to use 0\.0016408760580000 kWh of electricity contributing to 0\.0002392111696010 kg of CO2eq\. This is equivalent to 0\.0022394622620000 km travelled by car\. Measured by carbontracker \(https:\/\/github\.com\/lfwa\/carbontracker\)\.$/,
    )
    expect(blank).to.equal('')
    expect(header).to.match(/^run +state +epochs +time +kWh +g CO2eq$/)
    expect(rows.map((row) => row.split(/ {2,}/))).to.deep.equal([
      [COMMAND, 'complete', '1', '5.000 s', '0.000548876', '0.0786542'],
      [RESNET, 'stopped', '3', '6.000 s', '0.001092', '0.160557'],
    ])
  })

  it('tells on stderr what the figures are not, once for all runs', async () => {
    const { stderr } = await parse(LOGS)
    expect(stderr).to.contain('2 runs: Its log does not name the time zone of its times: UTC')
    expect(stderr).to.contain(`${RESNET}: It was stopped after 3 of 5 epochs`)
    expect(stderr.match(/time zone/g)).to.have.length(1)
  })

  it('writes one JSON object, in the zone that is given', async () => {
    const zone = ['--time-zone', 'Europe/Copenhagen']
    const { code, stdout } = await parse(LOGS, '--json', '-', ...zone)
    expect(code).to.equal(0)
    const { schema, aggregate, runs, problems } = JSON.parse(stdout) as Parsed
    expect(schema).to.equal('jouletap.runs/1')
    expect(aggregate.kWh).to.be.closeTo(0.001092 + 0.000548876058, 1e-15)
    expect(runs[1]!.startedAt).to.equal('2026-11-21T20:00:40.000Z')
    expect(problems).to.deep.equal([])
  })

  it('writes a table with a line for each run to a file', async () => {
    using made = folder({ '1,"2_carbontracker.log': standard(...head('2.4.3')) })
    const table = join(made.path, 'runs.csv')
    const one = join(made.path, '1,"2_carbontracker.log')
    const { code, stdout } = await parse(LOGS, one, '--csv', table)
    expect(code).to.equal(0)
    expect(stdout).to.match(/^The training of models/)
    const [header, ...lines] = readFileSync(table, 'utf8').trimEnd().split('\n')
    const cell = (line: string, name: string) => line.split(',')[header!.split(',').indexOf(name)]
    const resnet = lines.find((line) => line.startsWith(RESNET))!
    expect(cell(resnet, 'status')).to.equal('stopped')
    expect(cell(resnet, 'kwh')).to.equal('0.001092')
    expect(cell(resnet, 'predicted_epochs')).to.equal('10')
    expect(cell(resnet, 'corrected_kwh')).to.equal('')
    expect(lines.some((line) => line.startsWith('"1,""2",carbontracker 2.4.3,'))).to.equal(true)
  })

  it('takes the prediction of a finished run only by the rules of carbontracker', async () => {
    using made = folder(
      pair(
        standard(...head('2.4.3'), ...epochs(5, { gpu: '100.0' }), END),
        output(block('Predicted', 5, '0.6', '60'), block('Actual', 5, '0.5', '50')),
      ),
    )
    expect((await parse(made.path)).stdout).to.contain(' use 0.5000000000000000 kWh')
    expect((await parse(made.path, '--compat')).stdout).to.contain(' use 0.6000000000000000 kWh')
  })

  it('says what could not be read, one by one, and reads the rest', async () => {
    using made = folder({ 'lone_carbontracker.log': 'x', ...pair(standard(...head('2.4.3'))) })
    const { code, stdout, stderr } = await parse(made.path, '/nowhere/at/all', LOGS)
    expect(code).to.equal(0)
    expect(stdout).to.contain(RESNET)
    expect(stderr).to.contain('lone_carbontracker.log: Its output log is missing')
    expect(stderr).to.contain('/nowhere/at/all: ')
  })

  it('ends with 1 where nothing could be read', async () => {
    using made = folder()
    for (const path of [made.path, '/nowhere/at/all']) {
      const { code, stdout } = await parse(path)
      expect(code).to.equal(1)
      expect(stdout).to.contain(' use 0.0000000000000000 kWh')
    }
  })

  const wrong: [string, string[], string][] = [
    ['no path', [], 'A folder or a file is missing'],
    ['no such time zone', ['--time-zone', 'Mars/Olympus', LOGS], '--time-zone must be'],
    ['two answers on stdout', ['--json', '-', '--csv', '-', LOGS], 'must not both be -'],
    ['a file that cannot be', ['--json', '/nowhere/at/all.json', LOGS], '--json must be'],
    ['no file', ['--csv', '', LOGS], '--csv must be'],
  ]
  for (const [name, args, message] of wrong) {
    it(`refuses ${name}`, async () => {
      const { code, stdout, stderr } = await parse(...args)
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
      expect(stderr).to.contain(message).and.to.contain('jouletap parse --help')
    })
  }
})
