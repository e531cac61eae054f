/** The summary of a run: what is added, what is not, and what was wrong. */
import { expect } from 'chai'
import { footprint } from '../../lib/carbon'
import { summary } from '../../lib/cli/summary'
import type { DomainEnergy } from '../../lib/energy'
import { type RunRecord, runRecord } from '../../lib/record'

const plain = (_style: string, text: string) => text

function domain(id: string, more: Partial<DomainEnergy>): DomainEnergy {
  const kind = id.replace(/-\d+$/, '')
  const source = 'rapl-powercap'
  const uncertaintyJoules = 0.02
  const quality = 'measured'
  return {
    id,
    kind,
    source,
    additive: true,
    method: 'energy-counter',
    joules: 1,
    uncertaintyJoules,
    quality,
    flags: [],
    ...more,
  }
}

function record(
  more: Partial<RunRecord> = {},
  domains: DomainEnergy[] = [domain('package-0', {})],
) {
  const added = domains.filter((one) => one.additive)
  const joules = added.reduce((total, one) => total + one.joules, 0)
  const energy = {
    joules,
    uncertaintyJoules: 0.03,
    seconds: 2,
    watts: joules / 2,
    quality: 'measured' as const,
    coverage: 1,
    domains,
    warnings: [],
  }
  const overhead = {
    cpuSeconds: 0.001,
    joules: 0.01,
    joulesAtMost: 0.02,
    reads: 22,
    rows: 20,
    overwritten: 0,
    overruns: 0,
    wakeUps: 20,
    systemCalls: 42,
  }
  const startedAt = new Date('2026-11-21T20:00:00Z')
  return { ...runRecord({ command: ['x'], exitCode: 0, startedAt, energy, overhead }), ...more }
}

describe('summary', () => {
  it('has the total, then a line a domain; what is not added says so and why', () => {
    const domains = [
      domain('package-0', { joules: 130.0312 }),
      domain('core-0', { joules: 80, additive: false, parent: 'package-0' }),
      domain('dram-0', { joules: 18.5, source: 'rapl-msr' }),
      domain('psys-0', { joules: 200, additive: false }),
    ]
    expect(summary(record({}, domains), plain)).to.equal(
      [
        'jouletap: 148.531 ± 0.030 J in 2.000 s, 74.266 W, measured (rapl-powercap, rapl-msr)',
        '  of the whole machine, not only of this command',
        '  package-0  130.031 ± 0.020 J  65.016 W   rapl-powercap',
        '  core-0     80.000 ± 0.020 J   40.000 W   rapl-powercap  inside package-0, not added',
        '  dram-0     18.500 ± 0.020 J   9.250 W    rapl-msr',
        '  psys-0     200.000 ± 0.020 J  100.000 W  rapl-powercap  around the others, not added',
        '  measuring itself used at most 20 mJ',
        '',
      ].join('\n'),
    )
  })

  it('tells graphics cards apart from the rest, and of each which it is and how it was read', () => {
    const card = (index: number, more: Partial<DomainEnergy>) =>
      domain(`gpu-0000:4${index}:00.0`, {
        kind: 'gpu',
        source: 'nvml',
        uncertaintyJoules: 3,
        device: { name: 'NVIDIA L40S', uuid: 'GPU-1', pci: `0000:4${index}:00.0`, index },
        ...more,
      })
    const domains = [
      domain('package-0', { joules: 130, uncertaintyJoules: 4 }),
      domain('dram-0', { joules: 20, uncertaintyJoules: 3 }),
      card(1, { joules: 600 }),
      card(2, { joules: 500, uncertaintyJoules: 4, method: 'power-samples' }),
      card(3, { joules: 40, additive: false, method: 'power-average' }),
    ]
    const lines = summary(record({}, domains), plain).split('\n')
    expect(lines.slice(2, 4)).to.deep.equal([
      '  CPU and memory  150 ± 5 J   75.0 W',
      '  GPUs            1100 ± 5 J  550.0 W',
    ])
    expect(lines.slice(-5, -2)).to.deep.equal([
      '  gpu-0000:41:00.0  600.0 ± 3.0 J  300.0 W  nvml           NVIDIA L40S #1',
      '  gpu-0000:42:00.0  500 ± 4 J      250.0 W  nvml           NVIDIA L40S #2, power integrated',
      '  gpu-0000:43:00.0  40.0 ± 3.0 J   20.0 W   nvml           ' +
        'NVIDIA L40S #3, average power integrated, around the others, not added',
    ])
  })

  it('has no subtotals where all is of one kind, or the cards are not added', () => {
    const gpu = { kind: 'gpu', source: 'nvml' }
    for (const domains of [
      [domain('package-0', {}), domain('dram-0', {})],
      [domain('gpu-0', gpu), domain('gpu-1', gpu)],
      [domain('package-0', {}), domain('gpu-0', { ...gpu, additive: false })],
    ]) {
      expect(summary(record({}, domains), plain)).to.not.match(/^ {2}(CPU|GPU|The rest)/m)
    }
    const parts = (kind: string) => [domain(`${kind}-0`, { kind }), domain('gpu-0', gpu)]
    expect(summary(record({}, parts('package')), plain)).to.match(/^ {2}CPU .*\n {2}GPU /m)
    expect(summary(record({}, parts('module')), plain)).to.match(/^ {2}The rest .*\n {2}GPU /m)
  })

  it('says in a sentence what measuring used at most, and not in the table', () => {
    const own = { source: 'jouletap', additive: false, quality: 'estimated' } as const
    const domains = [
      domain('package-0', {}),
      domain('self', { ...own, method: 'model', joules: 0.01 }),
    ]
    expect(summary(record({}, domains), plain)).to.not.contain('self  ')
    const cost = (joulesAtMost: number) => {
      const { overhead } = record()
      const text = summary(record({ overhead: { ...overhead, joulesAtMost } }, domains), plain)
      return /at most (.*)$/m.exec(text)?.[1]
    }
    expect(cost(0.02)).to.equal('20 mJ')
    // No more than two digits, and never less than it was.
    expect(cost(0.001234)).to.equal('1.3 mJ')
    expect(cost(0.00000007)).to.equal('0.00007 mJ')
    expect(cost(0.9999)).to.equal('1000 mJ')
    expect(cost(1.01)).to.equal('1.1 J')
    expect(cost(1234)).to.equal('1300 J')
    // Without a processor nothing is known of it.
    expect(cost(0)).to.equal(undefined)
  })

  it('gives the figure with PUE too, where there is one', () => {
    expect(summary(record({ pue: 1.5 }), plain)).to.contain('\n  1.50 ± 0.04 J with PUE 1.5\n')
    expect(summary(record(), plain)).to.not.contain('PUE')
  })

  it('shows kilowatt-hours of large energies', () => {
    const domains = [domain('package-0', { joules: 7_200_000 })]
    expect(summary(record({}, domains), plain)).to.contain(', 2.000000000 kWh, measured')
  })

  it('says warnings, and flags that no warning explains, as sentences', () => {
    const domains = [
      domain('package-0', { flags: ['gap'] }),
      domain('core-0', { additive: false, parent: 'package-0', flags: ['stale', 'reset'] }),
    ]
    const warnings = ['package-0 is known for 40.0 % of the time; the rest is not in its joules.']
    const lines = summary(record({ warnings }, domains), plain).trimEnd().split('\n').slice(-3)
    expect(lines).to.deep.equal([
      `  ${warnings[0]}`,
      '  core-0: the counter did not move, or moves more slowly than the run was long.',
      '  core-0: the counter began anew, and the energy across that moment is not known.',
    ])
  })

  it('names the signal that ended the command', () => {
    expect(summary(record({ signal: 'SIGKILL' }), plain)).to.contain('was ended by SIGKILL.')
  })

  it('stands a run of no time', () => {
    const text = summary(record({ seconds: 0 }, []), plain)
    expect(text).to.match(/^jouletap: 0\.000 ± 0\.030? J|^jouletap: 0 ± 30 mJ in 0\.000 s/)
    expect(text).to.not.match(/NaN|Infinity/)
  })

  it('tells the grams, by which intensity, and how the place was found', () => {
    const energy = [
      { start: new Date(0), end: new Date(2000), joules: 3.6e6, uncertaintyJoules: 3.6e4 },
    ]
    const point = {
      start: new Date(0),
      end: new Date(9000),
      gramsPerKWh: 143.30042,
      kind: 'average',
      factors: 'lifecycle',
      boundary: 'production',
      status: 'annual-average',
      zone: 'DK',
      source: 'Our World in Data',
      year: 2024,
    } as const
    const { warnings: _, kWh: __, pue: ___, ...told } = footprint(energy, [point], { pue: 1.58 })
    const of = (foundBy: 'option' | 'time zone' | 'nothing') => {
      const location = { name: 'Denmark', foundBy, detail: 'x' }
      return summary(record({ carbon: { ...told, location } }), plain)
    }
    // 1.58 × 143.30042 g; the one per cent of the energy is not all of the error.
    expect(of('option')).to.contain(
      '\n  about 230 g CO2e at 143 g/kWh\n  DK, annual average of 2024, Our World in Data\n',
    )
    expect(of('time zone')).to.contain('Our World in Data; place by the time zone\n')
    expect(of('nothing')).to.contain('Our World in Data\n')
  })

  it('gives the grams the digits that are known', () => {
    const text = (grams: number, uncertaintyGrams: number, all = false) => {
      const carbon = {
        grams,
        uncertaintyGrams,
        uncertaintyOf: all ? 'energy and intensity' : 'energy',
        intensity: { gramsPerKWh: 50, status: 'measured', source: 'x', zone: 'FR' },
        location: { name: 'France', foundBy: 'option', detail: 'x' },
      } as unknown as NonNullable<RunRecord['carbon']>
      return /^ +(.*) CO2e at 50\.0 g/m.exec(summary(record({ carbon }), plain))![1]
    }
    expect(text(0.0018951, 0.0000024)).to.equal('about 1.9 mg')
    expect(text(0.000033, 0.000022)).to.equal('about 33 ± 22 µg')
    expect(text(1234.5, 1)).to.equal('about 1.2 kg')
    expect(text(12.345, 0.5, true)).to.equal('12.3 ± 0.5 g')
    expect(text(0, 0)).to.equal('about 0 µg')
  })
})
