/** The record of a run as it is written: its name, its lines, and what bad disks do to it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { IntensityPoint } from '../../lib/carbon'
import { openRecord, readRecord, version } from '../../lib/record'
import { DOMAINS, joulesAt, optionsFor, STARTED, TOTAL_WATTS } from '../support/record'

const point: IntensityPoint = {
  start: STARTED,
  end: new Date('2026-11-21T21:00:00.000Z'),
  gramsPerKWh: 100,
  kind: 'average',
  factors: 'lifecycle',
  boundary: 'consumption',
  status: 'measured',
  zone: 'DK-DK1',
  source: 'a service',
}

describe('openRecord', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-record-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('keeps a run that readRecord gives back', async () => {
    const path = join(folder, 'a.jouletap.jsonl')
    const about = {
      command: ['python', 'train.py'],
      plannedEpochs: 3,
      pue: 1.5,
      devices: { cpu: ['A CPU'] },
      location: { name: 'West Denmark', zone: 'DK-DK1', foundBy: 'option', detail: '--zone' },
      factors: { pue: '--pue' },
      host: { platform: 'linux', logicalCpus: 4 },
    } as const
    const record = openRecord(optionsFor(path, about))
    record.intensity(point)
    record.row(0, joulesAt(0))
    for (const epoch of [1, 2, 3]) {
      const ms = 2000 * (epoch - 1)
      record.mark({ at: 'begin', ms, epoch, totalJoules: (TOTAL_WATTS * ms) / 1000 })
      record.row(ms + 2000, joulesAt(ms + 2000))
      const start = ms / 1000
      record.mark({ at: 'end', ms: ms + 2000, epoch, start, seconds: 2, joules: 2 * TOTAL_WATTS })
    }
    const predicted = { epochs: 3, seconds: 6, joules: 6 * TOTAL_WATTS, kWh: null, grams: null }
    record.prediction({ seen: 2, ...predicted })
    record.warning('It was cold.')
    const actual = { epochs: 3, seconds: 6, joules: 6 * TOTAL_WATTS, kWh: 0.0002, grams: 0.02 }
    record.summary({ status: 'complete', actual, quality: 'measured' })
    record.close()

    const run = await readRecord(path)
    const { start, end, ...rest } = point
    expect(run).to.deep.equal({
      format: 'jouletap',
      files: [path],
      tool: `jouletap ${version()}`,
      startedAt: STARTED.toISOString(),
      ...about,
      status: 'complete',
      epochs: [1, 2, 3].map((epoch) => ({
        epoch,
        start: 2 * (epoch - 1),
        seconds: 2,
        joules: 2 * TOTAL_WATTS,
      })),
      actual,
      predicted: { seen: 2, ...predicted },
      predictions: [{ seen: 2, ...predicted }],
      intensities: [{ ...rest, start: start.toISOString(), end: end.toISOString() }],
      quality: 'measured',
      domains: DOMAINS,
      rows: {
        seconds: [0, 2, 4, 6],
        joules: [0, 1, 2].map((domain) => [0, 2000, 4000, 6000].map((ms) => joulesAt(ms)[domain])),
      },
      warnings: ['It was cold.'],
    })
  })

  it('is named after prefix, start, host and process, in a folder that it makes', () => {
    const record = openRecord({
      folder: join(folder, 'a', 'b'),
      prefix: '../it is',
      startedAt: STARTED,
      domains: [],
    })
    record.close()
    const host = hostname().replace(/[^\w.-]/g, '-')
    expect(readdirSync(join(folder, 'a', 'b'))).to.deep.equal([
      `it-is_20261121T200000Z_${host}_${process.pid}.jouletap.jsonl`,
    ])
  })
})
