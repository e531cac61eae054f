// Logs of every release, made by the texts of its source: what carbontracker's own parser loses is read.
import { expect } from 'chai'
import { aggregate, readCarbontrackerLogs } from '../../../lib/record/carbontracker'
import { block, END, epochs, folder, head, output, pair, read, standard } from './support'

/** kWh of so many joules with carbontracker's PUE. */
const kWh = (joules: number, pue = 1.58) => (joules * pue) / 3_600_000

describe('powers in the logs of carbontracker', () => {
  const texts: [string, string, number | null][] = [
    ['a number', '320.5', 320.5],
    ['an exponent', '1.5e-05', 1.5e-5],
    ['a number of numpy', 'np.float64(12.25)', 12.25],
    ['one device', '[136.86084615]', 136.86084615],
    ['two devices', '[120.5  130.25]', 250.75],
    ['a padded list', '[ 75.5  120.25]', 195.75],
    ['whole numbers', '[200. 200.]', 400],
    ['a wide range', '[1.0e-05 1.2e+02]', 120.00001],
    [
      'a list that is wrapped',
      '[100.12345678 100.12345678 100.12345678 100.12345678 100.12345678\n 100.12345678 100.12345678 100.12345678 100.12345678]',
      9 * 100.12345678,
    ],
    ['a zero', '0.0', 0],
    ['no sample', 'None', null],
    ['no number', 'nan', null],
    ['a device without a number', '[120.5    nan]', null],
    ['none in a list', '[]', null],
  ]
  for (const [name, text, watts] of texts) {
    it(`${name}: ${JSON.stringify(text.slice(0, 20))}`, async () => {
      const { runs, problems } = await read(
        pair(standard(...head('1.2.5'), ...epochs(2, { gpu: text, cpu: '10.0' }), END)),
      )
      expect(problems).to.deep.equal([])
      const [first, second] = runs[0]!.epochs
      if (watts === null) expect(first!.watts).to.deep.equal({ gpu: null, cpu: 10 })
      else expect(first!.watts!.gpu).to.be.closeTo(watts, 1e-9)
      expect(second).to.deep.equal({ ...first, epoch: 2 })
      if (watts === null) expect(first!.joules).to.equal(null)
      else expect(first!.joules).to.be.closeTo(2 * (watts + 10), 1e-9)
    })
  }

  it('that cannot be read are missing at their place, and told', async () => {
    const lines = epochs(3, { gpu: '100.0' })
    lines[5] = 'Average power usage (W) for gpu: 1oo.0'
    const { runs, problems } = await read(pair(standard(...head('2.4.3'), ...lines, END)))
    expect(runs[0]!.epochs.map(({ joules }) => joules)).to.deep.equal([200, null, 200])
    expect(problems).to.have.length(1)
    expect(problems[0]).to.include({ line: 4 + 6 })
    expect(problems[0]!.problem).to.contain('"1oo.0" is no power')
    expect(runs[0]!.recomputed).to.include({ epochs: 2, joules: 400 })
    expect(runs[0]!.warnings).to.include('The energy of 1 of its 3 epochs is not known.')
  })
})

describe('devices in the logs of carbontracker', () => {
  const found = async (components: string, powers: Record<string, string> = {}) => {
    const { runs } = await read(pair(standard(...head('1.2.5', components), ...epochs(1, powers))))
    return runs[0]!.devices
  }

  it('keep dots, clocks and brackets in their names', async () => {
    const names = {
      gpu: ['NVIDIA A100-SXM4', 'NVIDIA A100-SXM4'],
      cpu: ['Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz'],
    }
    const text = `GPU with device(s) ${names.gpu.join(', ')}. CPU with device(s) ${names.cpu}.`
    expect(await found(text)).to.deep.equal(names)
    expect(await found('CPU with device(s) cpu:0, cpu:1, dram:0, dram:1.')).to.deep.equal({
      cpu: ['cpu:0', 'cpu:1', 'dram:0', 'dram:1'],
    })
  })

  it('keep a comma where the list of powers has one number', async () => {
    const text = 'GPU with device(s) Card, 80 GB.'
    expect(await found(text, { gpu: '[12.5]' })).to.deep.equal({ gpu: ['Card, 80 GB'] })
    expect(await found(text, { gpu: '[12.5 1.]' })).to.deep.equal({ gpu: ['Card', '80 GB'] })
  })
})

describe('runs of several devices', () => {
  for (const count of [2, 4, 8]) {
    const names = Array.from({ length: count }, (_, index) => `GPU ${index}`).join(', ')
    const components = `GPU with device(s) ${names}. CPU with device(s) X.`

    for (const version of ['2.0.0', '2.3.2', '2.4.3']) {
      it(`of ${version} with ${count} GPUs are understated, and can be corrected`, async () => {
        const told = kWh(3 * 2 * (200 + 50))
        const { runs } = await read(
          pair(
            standard(
              ...head(version, components),
              ...epochs(3, { gpu: '200.0', cpu: '50.0' }),
              'Average carbon intensity during training was 100.00 gCO2eq/kWh. ',
              END,
            ),
            output(block('Actual', 3, told.toFixed(12), '1.0')),
          ),
        )
        const [run] = runs
        expect(run!.actual!.kWh).to.be.closeTo(told, 1e-12)
        expect(run!.warnings.join()).to.match(
          new RegExp(`understated.* mean of the devices.*\\(${count} of gpu\\)`),
        )
        const joules = 3 * 2 * (count * 200 + 50)
        expect(run!.corrected).to.deep.include({ epochs: 3, joules })
        expect(run!.corrected!.kWh).to.be.closeTo(kWh(joules), 1e-12)
        expect(run!.corrected!.grams).to.be.closeTo(100 * kWh(joules), 1e-10)
      })
    }

    it(`of 1.x with ${count} GPUs are whole: their powers are added`, async () => {
      const powers = { gpu: `[${'200. '.repeat(count).trim()}]`, cpu: '[50.]' }
      const { runs } = await read(
        pair(standard(...head('1.2.5', components), ...epochs(3, powers))),
      )
      expect(runs[0]).to.not.have.property('corrected')
      expect(runs[0]!.warnings.join()).to.not.contain('understated')
      expect(runs[0]!.recomputed!.joules).to.equal(3 * 2 * (count * 200 + 50))
    })
  }

  it('of Apple silicon are whole: GPU and ANE are told as their sum', async () => {
    const components = 'GPU with device(s) GPU, ANE. CPU with device(s) CPU.'
    const lines = epochs(1, { gpu: '0.8', cpu: '1.0' })
    const { runs } = await read(pair(standard(...head('2.4.3', components), ...lines)))
    expect(runs[0]).to.not.have.property('corrected')
  })

  it('of two packages and two DRAM zones count all four', async () => {
    const components = 'CPU with device(s) cpu:0, cpu:1, dram:0, dram:1.'
    const lines = epochs(5, { cpu: '55.0' })
    const { runs } = await read(pair(standard(...head('2.0.2', components), ...lines)))
    // 220 W for 10 s.
    expect(runs[0]!.corrected!.joules).to.equal(2200)
  })
})

describe('blocks in the logs of carbontracker', () => {
  const finished = (actual: string, predicted?: string) =>
    pair(
      standard(...head('2.4.3'), ...epochs(5, { gpu: '100.0' }), END),
      output(...(predicted ? [predicted] : []), actual, 'Finished monitoring.'),
    )

  it('count with and without equivalents', async () => {
    const plain = await read(finished(block('Actual', 5, '0.5', '50')))
    const car = await read(finished(block('Actual', 5, '0.5', '50', '0.468')))
    expect(aggregate(plain.runs)).to.deep.equal({ kWh: 0.5, grams: 50, equivalents: {} })
    expect(aggregate(car.runs)).to.deep.equal({
      kWh: 0.5,
      grams: 50,
      equivalents: { 'km travelled by car': 0.468 },
    })
  })

  it('of a finished run of several epochs: the actual figure counts, not what was predicted', async () => {
    const files = finished(block('Actual', 5, '0.5', '50'), block('Predicted', 5, '0.6', '60'))
    const { runs } = await read(files)
    expect(runs[0]).to.deep.include({ status: 'complete', plannedEpochs: 5 })
    expect(runs[0]!.actual!.epochs).to.equal(5)
    expect(aggregate(runs).kWh).to.equal(0.5)
    // Their parser reads one epoch, so the prediction stands in.
    const theirs = (await read(files, { compat: true })).runs
    expect(theirs[0]!.actual!.epochs).to.equal(1)
    expect(aggregate(theirs, { compat: true }).kWh).to.equal(0.6)
  })

  it('may come in either order, begin on the line of the greeting, and have blanks for tabs', async () => {
    const flat = (text: string) => text.trimStart().replaceAll('\t', '    ')
    const files = pair(
      standard(...head('1.2.5'), END),
      output(
        flat(block('Actual', 1, '0.1', '10')),
        flat(block('Predicted', 10, '1.0', '100', '9')),
      ),
    )
    const { runs } = await read(files)
    expect(runs[0]!.actual).to.deep.include({ epochs: 1, kWh: 0.1, grams: 10, seconds: 10 })
    expect(runs[0]!.predicted).to.deep.include({
      epochs: 10,
      kWh: 1,
      equivalents: { 'km travelled by car': 9 },
    })
  })

  it('that come again give way to the last, which is said', async () => {
    const files = pair(
      standard(...head('2.4.3'), END),
      output(block('Actual', 1, '0.1', '10'), block('Actual', 2, '0.2', '20')),
    )
    const [run] = (await read(files)).runs
    expect(run!.actual!.kWh).to.equal(0.2)
    expect(run!.warnings.join()).to.contain('more than once')
  })

  it('without grams leave the grams unknown', async () => {
    const { runs } = await read(finished(block('Actual', 5, '0.5', 'nan')))
    expect(runs[0]!.actual!.grams).to.equal(null)
    expect(aggregate(runs)).to.deep.equal({ kWh: 0.5, grams: 0, equivalents: {} })
  })
})

describe('releases of carbontracker', () => {
  const interrupted = 'Training was interrupted before all -1 epochs were monitored.'
  const average =
    'Average carbon intensity during training was 100.00 gCO2/kWh at detected location: X.'

  it('2.3: complete, though its log says "before all -1 epochs"; epochs are counted', async () => {
    const { runs } = await read(
      pair(
        standard(...head('2.3.1'), ...epochs(5, { gpu: '100.0' }), interrupted, average, END),
        output(block('Predicted', 5, '0.6', '60'), block('Actual', 4, '0.5', '50')),
      ),
    )
    expect(runs[0]).to.deep.include({ status: 'complete' })
    expect(runs[0]!.actual!.epochs).to.equal(5)
    expect(aggregate(runs).kWh).to.equal(0.5)
  })

  it('2.3: stopped, where fewer epochs are there than were planned', async () => {
    const { runs } = await read(
      pair(
        standard(...head('2.3.1'), ...epochs(3, { gpu: '100.0' }), interrupted, END),
        output(block('Predicted', 5, '0.6', '60'), block('Actual', 2, '0.5', '50')),
      ),
    )
    expect(runs[0]!.status).to.equal('stopped')
    expect(runs[0]!.actual!.epochs).to.equal(3)
  })

  it('2.3: without an actual block it is summed up from the epochs, and marked', async () => {
    const { runs } = await read(
      pair(standard(...head('2.3.0'), ...epochs(3, { gpu: '100.0' }), average), output('x')),
    )
    const [run] = runs
    expect(run!.status).to.equal('unfinished')
    expect(run!.actual).to.deep.equal({
      epochs: 3,
      seconds: 6,
      joules: 600,
      kWh: kWh(600),
      grams: 100 * kWh(600),
      // That release counted 107.5 g a kilometre.
      equivalents: { 'km travelled by car': (100 * kWh(600)) / 107.5 },
    })
    expect(run!.warnings.join()).to.contain('summed up from its epochs')
    expect(aggregate(runs).kWh).to.equal(kWh(600))
  })

  it('2.4.2: no colon before the list, which is not rounded, and the average elsewhere', async () => {
    const place = 'Copenhagen: the city, 1.5, DK'
    const { runs } = await read(
      pair(
        standard(
          ...head('2.4.2'),
          'Carbon intensity fetched: 143.35 gCO2/kWh at Copenhagen: the city, 1.5, DK',
          ...epochs(1, { gpu: '100.0' }),
          `Carbon intensities (gCO2eq/kWh) fetched every 900 s at detected location ${place}: [143.34567, 160.5]`,
          END,
        ),
        output('Average carbon intensity during training was 151.92 gCO2eq/kWh. '),
      ),
    )
    expect(runs[0]!.location).to.include({ name: place, country: 'DK' })
    expect(runs[0]!.intensities).to.deep.equal([
      { gramsPerKWh: 143.34567, status: 'measured', start: '2026-01-02T03:04:05.000Z' },
      { gramsPerKWh: 160.5, status: 'annual-average' },
    ])
    expect(runs[0]!.recomputed!.grams).to.be.closeTo(kWh(200) * ((143.34567 + 160.5) / 2), 1e-12)
  })

  it('2.0: numbers of numpy, and a sentence that says whether it was live', async () => {
    const list =
      'Carbon intensities (gCO2/kWh) fetched every 900 s at detected location Paris, FR: [np.float64(44.179085), np.float64(50.5)]'
    const live = 'Current carbon intensity is 47.34 gCO2/kWh at detected location: Paris, FR.'
    const fallback =
      'Live carbon intensity could not be fetched at detected location: Paris, FR. Defaulted to average carbon intensity for FR in 2022 of 44.18 gCO2/kWh. at detected location: Paris, FR.'
    const intensities = async (...lines: string[]) =>
      (await read(pair(standard(...head('2.0.0'), ...lines, list)))).runs[0]!.intensities
    expect(await intensities(live)).to.deep.equal([
      { gramsPerKWh: 44.179085, status: 'measured' },
      { gramsPerKWh: 50.5, status: 'measured' },
    ])
    expect((await intensities(fallback))[0]).to.deep.equal({
      gramsPerKWh: 44.179085,
      status: 'annual-average',
      zone: 'FR',
      year: 2022,
    })
    expect((await intensities())[0]).to.deep.equal({ gramsPerKWh: 44.179085 })
  })

  it('1.0: no PUE, a day in words, and cut seconds', async () => {
    const { runs } = await read(
      pair(
        standard(
          'carbontracker version 1.0.1',
          'The following components were found: CPU with device(s) cpu:0.',
          'Epoch 1:',
          'Duration: 1 day, 0:00:10',
          'Average power usage (W) for cpu: [10.]',
          END,
        ),
        output(block('Actual', 1, '0.24', '70')),
        '2020-05-01T12:30Z',
      ),
    )
    expect(runs[0]).to.deep.include({ pue: null, tool: 'carbontracker 1.0.1' })
    expect(runs[0]!.actual!.joules).to.equal(0.24 * 3_600_000)
    expect(runs[0]!.epochs[0]).to.deep.include({ seconds: 86_410, joules: 864_100 })
    expect(runs[0]!.recomputed!.kWh).to.equal(864_100 / 3_600_000)
  })

  const pues: [string, number | null][] = [
    ['1.0.0', null],
    ['1.1.2', 1.58],
    ['1.1.4', 1.67],
    ['1.1.6', 1.59],
    ['1.1.7', 1.55],
    ['1.2.5', 1.55],
    ['2.0.0', 1.58],
    ['2.3.4.dev1+g61759d185.d20251107', 1.58],
    ['2.4.3', 1.58],
  ]
  for (const [version, pue] of pues) {
    it(`${version} reckoned with a PUE of ${pue}, where its line is lost`, async () => {
      const text = standard(`carbontracker version ${version}`, ...epochs(1, { cpu: '10.0' }))
      const { runs } = await read(pair(text))
      expect(runs[0]).to.deep.include({ pue, tool: `carbontracker ${version}` })
    })
  }

  it('an unknown one leaves the energy without PUE unknown', async () => {
    const { runs } = await read(pair(standard('Epoch 1:'), output(block('Actual', 1, '0.1', '10'))))
    expect(runs[0]!.pue).to.equal(null)
    expect(runs[0]!.actual).to.include({ kWh: 0.1, joules: null })
  })

  it('that append two runs to one file are told apart', async () => {
    const run = (watts: string) => standard(...head('1.1.2'), ...epochs(1, { gpu: watts }), END)
    const told = (energy: string) =>
      output(
        'The following components were found: GPU with device(s) A.',
        block('Actual', 1, energy, '1'),
      )
    const { runs } = await read(pair(run('[100.]') + run('[50.]'), told('0.2') + told('0.1')))
    expect(runs.map(({ actual }) => actual!.kWh)).to.deep.equal([0.2, 0.1])
    expect(runs.map(({ recomputed }) => recomputed!.joules)).to.deep.equal([200, 100])
  })
})

describe('times in the logs of carbontracker', () => {
  const at = async (stamp: string, timeZone?: string) => {
    const text = `${stamp} - carbontracker version 2.4.3\n`
    return (await read(pair(text), timeZone === undefined ? {} : { timeZone })).runs[0]!
  }

  it('are of the zone that is given, over the changes of its clocks', async () => {
    const zone = 'Europe/Copenhagen'
    const times: [string, string][] = [
      ['2026-03-29 01:59:59', '2026-03-29T00:59:59.000Z'],
      ['2026-03-29 03:00:00', '2026-03-29T01:00:00.000Z'],
      ['2026-10-25 01:59:59', '2026-10-24T23:59:59.000Z'],
      ['2026-10-25 03:00:00', '2026-10-25T02:00:00.000Z'],
    ]
    for (const [local, utc] of times) expect((await at(local, zone)).startedAt).to.equal(utc)
    expect((await at('2026-01-02 03:04:05', zone)).warnings.join()).to.not.contain('time zone')
  })

  it('are of the zone of the machine where none is given, which is said', async () => {
    using made = folderOf('2026-01-02 03:04:05')
    const [run] = (await readCarbontrackerLogs(made.path)).runs
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
    expect(run!.startedAt).to.equal(new Date(2026, 0, 2, 3, 4, 5).toISOString())
    expect(run!.warnings.join()).to.contain(`${timeZone} was assumed`)
  })

  it('must be of a zone that there is', async () => {
    try {
      await at('2026-01-02 03:04:05', 'Mars/Olympus')
      expect.fail('it was accepted')
    } catch (error) {
      expect(error).to.include({ code: 'BAD_OPTION' })
    }
  })
})

function folderOf(stamp: string) {
  return folder(pair(`${stamp} - carbontracker version 2.4.3\n`))
}
