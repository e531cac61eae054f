/** `jouletap bench predict`: its words and its report. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { benchPredict, type PredictReport } from '../../lib/bench'
import { benchPredictText } from '../../lib/cli/bench-predict'
import { runCli } from '../support/child'

describe('the report of predictions', () => {
  const report: PredictReport = {
    schema: 'jouletap.bench.predict/1',
    runs: 1000,
    seed: 1,
    epochs: 50,
    noisePercent: 4,
    confidence: 0.9,
    worlds: [
      {
        world: 'warm-up',
        about: 'epoch 0 takes 2.5 times as long',
        seen: 1,
        errorPercent: 149.62,
        meanErrorPercent: 149.58,
        coveragePercent: null,
        widthPercent: null,
        roughPercent: 100,
      },
      {
        world: 'warm-up',
        about: 'epoch 0 takes 2.5 times as long',
        seen: 5,
        errorPercent: 1.68,
        meanErrorPercent: 30.04,
        coveragePercent: 98.96,
        widthPercent: 24.6,
        roughPercent: 0.1,
      },
    ],
  }

  it('has both methods side by side, and says what is what', () => {
    const text = benchPredictText(report, (_, plain) => plain)
    expect(text).to.match(/^1000 runs of 50 epochs in each world, 4 % noise, seed 1$/m)
    expect(text).to.match(/^ {2}warm-up {2}1 +149\.6 % +149\.6 % +none +none +100\.0 %$/m)
    expect(text).to.match(/^ {2}warm-up {2}5 +1\.7 % +30\.0 % +99\.0 % +24\.6 % +0\.1 %$/m)
    expect(text).to.match(/^ {2}holds: how many of the 90 % intervals hold the truth$/m)
    expect(text.match(/epoch 0 takes 2\.5 times as long/g)).to.have.length(1)
  })
})

describe('jouletap bench predict', () => {
  it('explains itself', async () => {
    const { code, stdout } = await runCli(['bench', 'predict', '--help'])
    expect(code).to.equal(0)
    for (const flag of ['--runs', '--seed', '--json']) expect(stdout).to.contain(flag)
    expect((await runCli(['bench', '--help'])).stdout).to.match(/^ {2}predict /m)
  })

  it('writes the object that the library gives, to stdout or to a file', async () => {
    const expected = benchPredict({ runs: 10, seed: 4 })
    const plain = await runCli(['bench', 'predict', '--runs', '10', '--seed', '4', '--json'])
    expect(JSON.parse(plain.stdout)).to.deep.equal(expected)
    const folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
    try {
      const file = join(folder, 'report.json')
      const args = ['bench', 'predict', '--runs', '10', '--seed', '4', '--json', file]
      const { code, stdout } = await runCli(args)
      expect(code).to.equal(0)
      expect(stdout).to.contain('10 runs of 50 epochs')
      expect(JSON.parse(readFileSync(file, 'utf8'))).to.deep.equal(expected)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const refused: [string[], string][] = [
    [['--runs', '9'], '--runs must be a whole number from 10 to 100000, not "9".'],
    [['--seed', '-1'], '--seed must be a whole number from 0 to 4294967295, not "-1".'],
    [['--json', ''], '--json must be - or the name of a file, not "".'],
    [['now'], 'jouletap bench predict takes only options, not "now".'],
    [['--full'], 'jouletap bench predict has no option --full'],
  ]
  for (const [args, sentence] of refused) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(['bench', 'predict', ...args])
      expect(code).to.equal(2)
      expect(stdout).to.equal('')
      expect(stderr).to.contain(sentence)
      expect(stderr).to.contain("See 'jouletap bench predict --help'.")
    })
  }
})
