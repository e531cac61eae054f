// The cases of carbontracker's own tests of its parser, P1 to P15, and where our rules are others.
import { expect } from 'chai'
import { aggregate, sentence } from '../../../lib/record/carbontracker'
import type { Run } from '../../../lib/record/types'
import { block, epochs, head, output, pair, read, standard } from './support'

const STEMS = ['10151_2024-03-26T105926Z', '32487_2024-06-26T141608Z', '77_2024-07-01T000000Z']
const plain = standard(...head('1.2.5'), ...epochs(1, { gpu: '[100.]', cpu: '[10.]' }))
const printed = output(block('Actual', 1, '0.5', '50'))

const P7 = pair(
  standard('Training was interrupted before all 2 epochs were monitored.'),
  `2026-01-02 03:04:05 - CarbonTracker: Actual consumption for 1 epoch(s):
\tTime:\t0:02:22
\tEnergy:\t0.009417 kWh
\tCO2eq:\t0.960490 g
\tThis is equivalent to:
\t0.007977 km travelled by car
`,
)

/** A run that tells so much. */
const told = (some: Partial<Run>): Run => ({
  format: 'carbontracker',
  files: [],
  status: 'complete',
  epochs: [],
  actual: null,
  predicted: null,
  pue: 1.58,
  intensities: [],
  warnings: [],
  ...some,
})

describe("the cases of carbontracker's own parser", () => {
  it('P1, P4: two pairs are two runs, by their names', async () => {
    const files = { ...pair(plain, printed, STEMS[0]), ...pair(plain, printed, STEMS[1]) }
    const { runs, problems } = await read(files)
    expect(problems).to.deep.equal([])
    expect(runs.map((run) => run.files.map((file) => file.replace(/^.*\//, '')))).to.deep.equal(
      [STEMS[0], STEMS[1]].map((stem) => [
        `${stem}_carbontracker.log`,
        `${stem}_carbontracker_output.log`,
      ]),
    )
  })

  it('P2: durations, also on a line without a stamp', async () => {
    const { runs } = await read(pair(`${standard('Duration: 0:02:21.90')}Duration: 0:01:30\n`))
    expect(runs[0]!.epochs.map(({ seconds }) => seconds)).to.deep.equal([141.9, 90])
  })

  it('P3: powers of both components', async () => {
    const lines = epochs(1, { gpu: '[136.86084615]', cpu: '[13.389104]' })
    const { runs } = await read(pair(standard(...lines)))
    expect(runs[0]!.epochs[0]!.watts).to.deep.equal({ gpu: 136.86084615, cpu: 13.389104 })
  })

  it('P5, P7: a block on the line of the greeting', async () => {
    const { runs, problems } = await read(P7)
    expect(problems).to.deep.equal([])
    expect(runs[0]!.actual).to.deep.include({
      epochs: 1,
      seconds: 142,
      kWh: 0.009417,
      grams: 0.96049,
      equivalents: { 'km travelled by car': 0.007977 },
    })
    expect(runs[0]!.predicted).to.equal(null)
  })

  it('P6: an early stop, in any case of its letters', async () => {
    const text = '2026-01-02 03:04:05 - CarbonTracker: TRAINING WAS interrupted\n'
    expect((await read(pair(text))).runs[0]!.status).to.equal('stopped')
  })

  it('P8: files that hold only "content" are no run, and told; by their rule they are one', async () => {
    const { runs, problems } = await read(pair('content', 'content'))
    expect(runs).to.deep.equal([])
    expect(new Set(problems.map(({ file }) => file)).size).to.equal(2)
    expect((await read(pair('content', 'content'), { compat: true })).runs).to.have.length(1)
  })

  it('P9: None is missing; by their rule it is 0', async () => {
    const files = pair(standard(...epochs(1, { gpu: 'None', cpu: 'None' })))
    expect((await read(files)).runs[0]!.epochs[0]!.watts).to.deep.equal({ gpu: null, cpu: null })
    const [theirs] = (await read(files, { compat: true })).runs
    expect(theirs!.epochs[0]!.watts).to.deep.equal({ gpu: 0, cpu: 0 })
  })

  it('P10: three pairs and a lone output log are three runs, and the lone one is told', async () => {
    const files = Object.assign({}, ...STEMS.map((stem) => pair(plain, printed, stem)))
    const lone = '9803_2024-03-26T105836Z_carbontracker_output.log'
    const { runs, problems } = await read({ ...files, [lone]: printed })
    expect(runs).to.have.length(3)
    expect(problems).to.have.length(1)
    expect(problems[0]!.file).to.match(new RegExp(`${lone}$`))
    expect(problems[0]!.problem).to.equal('Its standard log is missing: it was left out.')
  })

  it('P11: two empty files are no run, and told', async () => {
    const { runs, problems } = await read(pair('', ''))
    expect(runs).to.deep.equal([])
    expect(problems.map(({ problem }) => problem)).to.deep.equal(['It is empty.', 'It is empty.'])
  })

  it('P12: no logs, and a pair with neither block, add up to nothing', async () => {
    const nothing = { kWh: 0, grams: 0, equivalents: {} }
    expect(aggregate([])).to.deep.equal(nothing)
    expect(aggregate((await read({})).runs)).to.deep.equal(nothing)
    const neither = pair(standard(...head('2.4.3')), output('Finished monitoring.'))
    expect(aggregate((await read(neither)).runs)).to.deep.equal(nothing)
  })

  for (const one of ['actual', 'predicted'] as const) {
    it(`P13: a run that tells only what is ${one} counts with that`, () => {
      const totals = { seconds: 1, joules: null, kWh: 1, grams: 2, equivalents: { km: 3 } }
      expect(aggregate([told({ [one]: totals })])).to.deep.equal({
        kWh: 1,
        grams: 2,
        equivalents: { km: 3 },
      })
    })
  }

  it('P14: the sum of P7', async () => {
    expect(aggregate((await read(P7)).runs)).to.deep.equal({
      kWh: 0.009417,
      grams: 0.96049,
      equivalents: { 'km travelled by car': 0.007977 },
    })
  })

  it('P15: a block without equivalents', async () => {
    const { runs } = await read(pair(plain, output(block('Actual', 1, '10.5', '20.5'))))
    expect(runs[0]!.actual).to.include({ kWh: 10.5, grams: 20.5 })
    expect(runs[0]!.actual).to.not.have.property('equivalents')
  })

  it('equivalents whose number cannot be read are left out, and told; the others count', async () => {
    const text = `${block('Actual', 1, '10.5', '20.5', '1.2.3')}\n\t4.5 apples`
    const { runs, problems } = await read(pair(plain, output(text)))
    expect(runs[0]!.actual!.equivalents).to.deep.equal({ apples: 4.5 })
    expect(problems.map(({ problem }) => problem).join()).to.contain('"1.2.3" is no number')
  })

  it('grams that are no number are left out of the sum', () => {
    const some = (grams: number | null) => ({ seconds: 1, joules: null, kWh: 1, grams })
    expect(aggregate([told({ actual: some(null) }), told({ actual: some(5) })])).to.deep.equal({
      kWh: 2,
      grams: 5,
      equivalents: {},
    })
  })

  it('by their rule a prediction stands in but for a run that was stopped, or is of as many epochs', () => {
    const totals = (epochs: number, kWh: number) => ({
      epochs,
      seconds: 1,
      joules: null,
      kWh,
      grams: 0,
    })
    const run = (status: Run['status'], epochs: number) =>
      told({ status, actual: totals(1, 1), predicted: totals(epochs, 9) })
    const theirs = (one: Run) => aggregate([one], { compat: true }).kWh
    expect(theirs(run('complete', 9))).to.equal(9)
    expect(theirs(run('complete', 1))).to.equal(1)
    expect(theirs(run('stopped', 9))).to.equal(1)
    expect(aggregate([run('complete', 9)]).kWh).to.equal(1)
  })
})

describe("carbontracker's sentence", () => {
  const begin = 'The training of models in this work is estimated to use '
  const end = 'Measured by carbontracker (https://github.com/lfwa/carbontracker).'

  it('has 16 decimals, and no equivalents where there are none', () => {
    expect(sentence({ kWh: 100, grams: 50_000, equivalents: {} })).to.equal(
      `${begin}100.0000000000000000 kWh of electricity contributing to 50.0000000000000000 kg of CO2eq. ${end}`,
    )
  })

  it('joins equivalents by "or"', () => {
    const text = sentence({ kWh: 0, grams: 0, equivalents: { 'km travelled by car': 1.5, kg: 2 } })
    expect(text).to.contain(
      ' kg of CO2eq. This is equivalent to 1.5000000000000000 km travelled by car or 2.0000000000000000 kg. Measured',
    )
  })

  it('names the tools that measured', () => {
    const nothing = { kWh: 0, grams: 0, equivalents: {} }
    expect(sentence(nothing, ['jouletap', 'carbontracker'])).to.match(
      /\. Measured by jouletap \(https:\/\/\S+\) and carbontracker \(https:\/\/\S+\)\.$/,
    )
  })
})
