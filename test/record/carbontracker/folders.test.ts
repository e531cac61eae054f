// Folders with whatever may be in them: what can be read is, the rest is told one by one.
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, truncateSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { aggregate, readCarbontrackerLogs, sentence } from '../../../lib/record/carbontracker'
import { block, END, epochs, folder, head, output, pair, read, standard } from './support'

const both = 'GPU with device(s) A. CPU with device(s) B.'
const good = standard(...head('2.4.3', both), ...epochs(2, { gpu: '100.0', cpu: '50.0' }), END)
const printed = output(block('Actual', 2, '0.5', '50'))
const GOOD = '1.5_2026-01-02T030405Z'
const stem = (prefix: string) => `${prefix}_${GOOD}`

describe('a folder of logs of carbontracker', () => {
  it('pairs files by all of their name', async () => {
    const a = Object.keys(pair('', '', stem('a')))[0]!
    const b = Object.keys(pair('', '', stem('b')))[1]!
    const { runs, problems } = await read({ [a]: good, [b]: printed, ...pair(good, printed) })
    expect(runs).to.have.length(1)
    expect(problems.map(({ file, problem }) => [basename(file), problem])).to.deep.equal([
      [a, 'Its output log is missing: it was left out.'],
      [b, 'Its standard log is missing: it was left out.'],
    ])
  })

  it('gives a lone log where that is named, and says so', async () => {
    using made = folder({ 'x_carbontracker.log': good, 'y_carbontracker_output.log': printed })
    const files = ['x_carbontracker.log', 'y_carbontracker_output.log']
    const { runs, problems } = await readCarbontrackerLogs(
      files.map((name) => join(made.path, name)),
    )
    expect(runs.map(({ actual }) => actual!.epochs)).to.deep.equal([2, 2])
    expect(runs[0]!.actual!.joules).to.equal(2 * 2 * 150)
    expect(runs[1]!.actual!.kWh).to.equal(0.5)
    expect(problems.map(({ problem }) => problem)).to.deep.equal([
      'Its output log is missing: it was read by itself.',
      'Its standard log is missing: it was read by itself.',
    ])
  })

  it('gives a run whole, whichever of its files is named, and once', async () => {
    using made = folder(pair(good, printed, stem('a.b_c')))
    const names = Object.keys(pair('', '', stem('a.b_c')))
    const paths = names.map((name) => join(made.path, name))
    for (const named of [[paths[0]!], [paths[1]!], paths]) {
      const { runs, problems } = await readCarbontrackerLogs(named)
      expect(problems).to.deep.equal([])
      expect(runs.map(({ files }) => files)).to.deep.equal([paths])
    }
  })

  it('leaves other files to others, and says of one that is named that it is none', async () => {
    expect(await read({ 'notes.txt': 'x', 'train.log': 'y' })).to.deep.equal({
      runs: [],
      problems: [],
    })
    const { problems } = await readCarbontrackerLogs(['/nowhere/notes.txt'])
    expect(problems).to.have.length(1)
  })

  it('must be there', async () => {
    try {
      await readCarbontrackerLogs('/nowhere/at all')
      expect.fail('it was read')
    } catch (error) {
      expect(error).to.include({ code: 'BAD_INPUT' })
      expect((error as Error).message).to.contain('/nowhere/at all')
    }
  })

  it('may hold a log that is cut between the lines of an epoch, at any byte', async () => {
    const whole = (await read(pair(good))).runs[0]!
    const cuts = Array.from({ length: good.length }, (_, length) =>
      pair(good.slice(0, length), printed, stem(`cut${length}`)),
    )
    const { runs } = await read(Object.assign({}, ...cuts))
    expect(runs).to.have.length(good.length)
    for (const [index, epoch] of runs.flatMap(({ epochs }) => [...epochs.entries()])) {
      const uncut = whole.epochs[index]!
      expect(epoch.seconds).to.be.oneOf([null, uncut.seconds])
      expect(epoch.watts!.gpu).to.be.oneOf([null, uncut.watts!.gpu])
      expect(epoch.watts!.cpu).to.be.oneOf([null, uncut.watts!.cpu])
      // Never a sum of less than all components.
      expect(epoch.joules).to.be.oneOf([null, uncut.joules])
    }
  })

  it('says of a torn log that it is torn', async () => {
    const { problems } = await read(pair(good.slice(0, -20)))
    expect(problems).to.have.length(1)
    expect(problems[0]!.problem).to.contain('may be torn')
  })

  it('reads files with the line ends of Windows', async () => {
    const windows = (text: string) => text.replaceAll('\n', '\r\n')
    const { runs, problems } = await read(pair(windows(good), windows(printed)))
    expect(problems).to.deep.equal([])
    expect(runs[0]!.actual).to.include({ epochs: 2, kWh: 0.5 })
    expect(runs[0]!.epochs[1]).to.deep.include({ seconds: 2, joules: 300 })
  })
})

describe('a folder of hostile files', () => {
  const others = pair(good, printed, GOOD)
  const names = Object.keys(pair('', '', stem('bad'))) as [string, string]

  /** What is told of the bad file, while the good run is read. */
  const toldOf = async (path: string) => {
    const { runs, problems } = await readCarbontrackerLogs(path, { timeZone: 'UTC' })
    expect(runs.some(({ files }) => basename(files[0]!).startsWith(GOOD))).to.equal(true)
    return { runs, told: problems.map(({ problem }) => problem).join('\n') }
  }

  it('may be one of 1 GB', async () => {
    using made = folder({ ...others, [names[0]]: '', [names[1]]: printed })
    truncateSync(join(made.path, names[0]), 2 ** 30)
    const { told } = await toldOf(made.path)
    expect(told).to.contain('larger than 64 MiB')
  })

  it('may have a line of 10 MB', async () => {
    const long = `2026-01-02 03:04:05 - ${'x'.repeat(10_000_000)}\n`
    using made = folder({
      ...others,
      [names[0]]: `${good}${long}${good.slice(-46)}`,
      [names[1]]: printed,
    })
    const { runs, told } = await toldOf(made.path)
    expect(told).to.contain('longer than 64 KiB')
    expect(runs).to.have.length(2)
    expect(runs[1]!.epochs).to.have.length(2)
  })

  it('may hold bytes that are no text', async () => {
    const bytes = Buffer.concat([
      Buffer.from(good),
      Buffer.from([0, 255, 10, 0, 10]),
      Buffer.from(good),
    ])
    using made = folder({ ...others, [names[0]]: bytes, [names[1]]: printed })
    const { told } = await toldOf(made.path)
    expect(told).to.contain('no text')
  })

  it('may be a program', async () => {
    using made = folder({
      ...others,
      [names[0]]: Buffer.alloc(100_000, '\x7fELF\0\0\n'),
      [names[1]]: printed,
    })
    const { told } = await toldOf(made.path)
    expect(told).to.contain('no text')
    expect(told.split('\n').length).to.be.below(5)
  })

  it('may be a link to itself, a folder, a pipe', async () => {
    using made = folder(others)
    symlinkSync(names[0], join(made.path, names[0]))
    mkdirSync(join(made.path, names[1]))
    execFileSync('mkfifo', [join(made.path, 'pipe_carbontracker.log')])
    execFileSync('mkfifo', [join(made.path, 'pipe_carbontracker_output.log')])
    symlinkSync(made.path, join(made.path, 'loop'))
    const { runs, told } = await toldOf(made.path)
    expect(runs).to.have.length(1)
    expect(told).to.contain('round in a circle').and.to.contain('a folder').and.to.contain('a pipe')
  })

  it('may lie in any way that does not end', async () => {
    const text = standard(
      ...head('2.4.3', `GPU with device(s) ${'a, '.repeat(20_000)}.`),
      'Epoch 1:',
      'Duration: 999999999999999999999:99:99',
      `Average power usage (W) for gpu: [${'1. '.repeat(20_000)}`,
      `Carbon intensities (gCO2eq/kWh) fetched every 900 s at detected location: ${'['.repeat(60_000)}`,
      `Live carbon intensity could not be fetched at detected location: ${'. Defaulted to average carbon intensity for '.repeat(1000)}`,
      `Fetcher is unable to retrieve carbon intensity data ${': 1'.repeat(20_000)}`,
    )
    using made = folder({ ...others, [names[0]]: text, [names[1]]: printed })
    const start = performance.now()
    await toldOf(made.path)
    expect(performance.now() - start).to.be.below(5000)
  })

  it('may name what every object has', async () => {
    const text = standard(
      ...head('2.4.3', 'CONSTRUCTOR with device(s) A.'),
      ...epochs(1, { ['__proto__']: '1.0', tostring: '2.0' }),
    )
    const told = output(
      `${block('Actual', 1, '0.5', '5', '1')}\n\t2.0 constructor\n\t3.0 __proto__`,
    )
    using made = folder({ ...others, [names[0]]: text, [names[1]]: told })
    const { runs } = await toldOf(made.path)
    expect(runs[1]!.actual!.kWh).to.equal(0.5)
    expect(aggregate(runs).equivalents).to.deep.include({ 'km travelled by car': 1 })
    expect(sentence(aggregate(runs))).to.contain(' or 2.0000000000000000 constructor')
  })

  it('may have a block that is cut, which is not taken', async () => {
    const told = output(block('Actual', 2, '0.5', '50'))
    const cut = told.slice(0, told.indexOf(' kWh') - 1)
    const { runs } = await read(pair(good, cut))
    expect(runs[0]!.actual!.joules).to.equal(2 * 2 * 150)
  })

  it('tell only so many problems each', async () => {
    const lines = Array.from({ length: 1000 }, () => 'Duration: x')
    using made = folder({ ...others, [names[0]]: standard(...lines), [names[1]]: printed })
    const { told } = await toldOf(made.path)
    expect(told.split('\n')).to.have.length(21)
    expect(told).to.contain('980 problems more')
  })
})
