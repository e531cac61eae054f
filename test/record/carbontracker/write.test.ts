// Runs written as logs of carbontracker 2.4.3: letter by letter as that does, and read back.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import {
  type CarbontrackerLogOptions,
  openCarbontrackerLogs,
  readCarbontrackerLogs,
} from '../../../lib/record/carbontracker'
import { folder, LOGS } from './support'

const START = Date.UTC(2026, 10, 21, 21, 0, 40, 469)

/** A clock that is set. */
function clock() {
  let time = START
  return {
    now: () => new Date(time),
    to: (seconds: number) => {
      time = Date.UTC(2026, 10, 21, 21, 0, seconds, 469)
    },
  }
}

/** The run that the sample of carbontracker itself is of. */
function writeResnet(path: string, options: Partial<CarbontrackerLogOptions> = {}) {
  const { now, to } = clock()
  const logs = openCarbontrackerLogs({
    folder: path,
    prefix: 'resnet',
    decimals: 6,
    refreshSeconds: 4,
    utc: true,
    now,
    ...options,
  })
  const km = (count: number) => ({ equivalents: { 'km travelled by car': count } })
  const place = 'Copenhagen, Capital Region, DK'
  const watts = { gpu: 320, cpu: 75 }
  logs.components({ gpu: ['NVIDIA A100'], cpu: ['Intel Xeon'] })
  logs.intensity({ gramsPerKWh: 143, place, isLive: true })
  to(42)
  logs.epoch({ epoch: 1, seconds: 2.1, watts })
  to(44)
  logs.intensity({ gramsPerKWh: 151, place, isLive: true })
  logs.epoch({ epoch: 2, seconds: 2.1, watts })
  logs.predicted({ epochs: 10, seconds: 21, kWh: 0.003641, grams: 0.540648, ...km(0.005062) })
  to(46)
  logs.epoch({ epoch: 3, seconds: 2.1, watts })
  to(47)
  logs.stopped(5)
  logs.actual({ epochs: 3, seconds: 6, kWh: 0.001092, grams: 0.160557, ...km(0.001503) })
  logs.end()
  return logs
}

const sample = (kind: string) =>
  readFileSync(
    join(LOGS, `resnet_15749.643031_2026-11-21T210040Z_carbontracker${kind}.log`),
    'utf8',
  )

describe('logs written as those of carbontracker 2.4.3', () => {
  it('are the same, byte for byte, for the same run', () => {
    using temporary = folder()
    const { standard, output } = writeResnet(temporary.path)
    expect(readFileSync(standard, 'utf8')).to.equal(sample(''))
    expect(readFileSync(output, 'utf8')).to.equal(sample('_output'))
  })

  it('have its names, and the process and the time in them', () => {
    using temporary = folder()
    const { standard, output, err } = writeResnet(temporary.path)
    const stem = new RegExp(
      `^resnet_${process.pid}\\.([1-9]\\d{0,5})_2026-11-21T210040Z_carbontracker`,
    )
    expect(basename(standard))
      .to.match(stem)
      .and.to.match(/carbontracker\.log$/)
    expect(basename(output))
      .to.match(stem)
      .and.to.match(/_output\.log$/)
    expect(basename(err))
      .to.match(stem)
      .and.to.match(/_err\.log$/)
  })

  it('say in the err log who wrote them, and take warnings there', () => {
    using temporary = folder()
    const logs = writeResnet(temporary.path)
    logs.warning('WARNING', 'The first of\ntwo lines.')
    const lines = readFileSync(logs.err, 'utf8').split('\n')
    expect(lines[0]).to.match(
      /^2026-11-21 21:00:40,469 - MainThread - INFO - Written by jouletap \d+\.\d+\.\d+\S*: powers are sums over devices\.$/,
    )
    expect(lines.slice(1)).to.deep.equal([
      '2026-11-21 21:00:47,469 - MainThread - WARNING - The first of',
      'two lines.',
      '',
    ])
  })

  it('have local times where UTC is not asked for', () => {
    using temporary = folder()
    const { standard } = writeResnet(temporary.path, { utc: false })
    const local = new Date(START)
    const [year, month, day] = [local.getFullYear(), local.getMonth() + 1, local.getDate()]
    const [hours, minutes] = [local.getHours(), local.getMinutes()]
    const two = (value: number) => String(value).padStart(2, '0')
    const stamp = `${year}-${two(month)}-${two(day)} ${two(hours)}:${two(minutes)}:40 - `
    expect(readFileSync(standard, 'utf8').slice(0, stamp.length)).to.equal(stamp)
  })

  it('are read back to the same numbers, and are not taken for understated', async () => {
    using temporary = folder()
    const { now } = clock()
    const logs = openCarbontrackerLogs({ folder: temporary.path, pue: 1.2, utc: true, now })
    // 4 devices of 200 W, 3 epochs of 2 s: 4800 J before PUE.
    logs.components({
      gpu: ['A, B', 'C. D', 'E @ 1.2 GHz', 'F'],
      cpu: ['Intel(R) Xeon(R) @ 2.20GHz'],
    })
    logs.intensity({ gramsPerKWh: 143.30042, place: 'Somewhere, DK' })
    for (const epoch of [1, 2, 3])
      logs.epoch({ epoch, seconds: 2, watts: { gpu: 800, cpu: 1.5e-5 } })
    const kWh = (1.2 * 4800) / 3_600_000
    logs.actual({ epochs: 3, seconds: 6, kWh, grams: kWh * 143.30042 })
    logs.end()
    const { runs, problems } = await readCarbontrackerLogs(temporary.path, { timeZone: 'UTC' })
    expect(problems).to.deep.equal([])
    const [run] = runs
    expect(run).to.not.have.property('corrected')
    expect(run!.warnings.join()).to.not.contain('understated')
    expect(run).to.include({ status: 'complete', pue: 1.2, startedAt: '2026-11-21T21:00:40.000Z' })
    expect(run!.tool).to.match(/^jouletap \d/)
    expect(run!.actual!.kWh).to.be.closeTo(kWh, 5e-13)
    expect(run!.actual!.joules).to.be.closeTo(4800, (5e-13 * 3.6e6) / 1.2)
    expect(run!.recomputed!.joules).to.be.closeTo(4800, 6 * 1.5e-5 + 1e-9)
    expect(run!.epochs[1]!.watts).to.deep.equal({ gpu: 800, cpu: 1.5e-5 })
    expect(run!.intensities).to.deep.equal([{ gramsPerKWh: 143.3, status: 'annual-average' }])
    expect(run!.devices!.cpu).to.deep.equal(['Intel(R) Xeon(R) @ 2.20GHz'])
  })

  for (const interpretable of [true, false]) {
    for (const components of [['gpu'], ['cpu'], ['gpu', 'cpu']]) {
      it(`are read back with ${components.join(' and ')}, ${interpretable ? 'with' : 'without'} equivalents`, async () => {
        using temporary = folder()
        const logs = openCarbontrackerLogs({ folder: temporary.path, interpretable, decimals: 6 })
        logs.components(Object.fromEntries(components.map((name) => [name, [`a ${name}`]])))
        const watts = Object.fromEntries(
          components.map((name) => [name, name === 'gpu' ? null : 50]),
        )
        logs.epoch({ epoch: 1, seconds: 90_061.126, watts })
        const equivalents = { 'km travelled by car': 2.125 }
        logs.actual({ seconds: 90_061.126, kWh: 1.25, grams: null, equivalents })
        logs.end()
        const { runs, problems } = await readCarbontrackerLogs(temporary.path, { timeZone: 'UTC' })
        expect(problems).to.deep.equal([])
        expect(runs[0]!.actual).to.deep.equal({
          epochs: 1,
          seconds: 90_061,
          kWh: 1.25,
          joules: (1.25 * 3_600_000) / 1.58,
          grams: null,
          ...(interpretable && { equivalents }),
        })
        expect(runs[0]!.epochs).to.deep.equal([
          {
            epoch: 1,
            seconds: 90_061.13,
            joules: components.includes('gpu') ? null : 90_061.13 * 50,
            watts,
          },
        ])
      })
    }
  }

  it('tell of a run that the user stopped after the prediction', async () => {
    using temporary = folder()
    const logs = openCarbontrackerLogs({ folder: temporary.path })
    logs.components({ cpu: ['x'] })
    logs.epoch({ epoch: 1, seconds: 2, watts: { cpu: 36 } })
    logs.predicted({ epochs: 10, seconds: 20, kWh: 0.000316, grams: 0.1 })
    logs.stopped('user')
    const [run] = (await readCarbontrackerLogs(temporary.path)).runs
    expect(run!.status).to.equal('stopped')
    expect(run!.actual!.joules).to.equal(72)
  })

  it('that cannot be written are told once, and stop nobody', () => {
    using temporary = folder()
    const file = temporary.write('a file', '')
    const warnings: string[] = []
    writeResnet(join(file, 'below'), { onWarning: (warning) => warnings.push(warning) })
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.contain('could not be written')
    expect(readdirSync(temporary.path)).to.deep.equal(['a file'])
  })

  it('keep names with line breaks in one line', async () => {
    using temporary = folder()
    const logs = openCarbontrackerLogs({ folder: temporary.path })
    logs.components({ cpu: ['a\nEpoch 1:\r\nb'] })
    writeFileSync(logs.output, '')
    const lines = readFileSync(logs.standard, 'utf8').trimEnd().split('\n')
    expect(lines).to.have.length(4)
  })

  it('refuse options that cannot be', () => {
    for (const wrong of [
      { folder: '' },
      { prefix: 'a/b' },
      { pue: 0.9 },
      { decimals: 1.5 },
      { refreshSeconds: 0 },
    ]) {
      expect(() => openCarbontrackerLogs({ folder: '/nowhere', ...wrong }))
        .to.throw()
        .with.property('code', 'BAD_OPTION')
    }
  })
})
