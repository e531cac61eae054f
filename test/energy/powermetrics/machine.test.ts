// Where powermetrics can be run and where not, in a sentence, and with which words it is started.
import { expect } from 'chai'
import { Meter, probe } from '../../../lib'
import type { Mac } from '../../../lib/energy/powermetrics'
import { findCommand } from '../../../lib/energy/powermetrics/machine'
import { pauseBefore } from '../../../lib/energy/powermetrics/restart'
import { type Plan, standIn } from '../../support/powermetrics'

/** What is found on such a Mac, with its programs by name. */
function found(plan: Plan, more: Partial<Mac> = {}, settings = { root: '/', intervalMs: 500 }) {
  const { mac, dispose } = standIn(plan, more)
  const answer = JSON.stringify(findCommand(settings, mac))
  dispose()
  const named = answer.replaceAll(mac.program, 'PROGRAM').replaceAll(mac.sudo, 'SUDO')
  return JSON.parse(named) as Record<string, unknown>
}

const args = (samplers: string, period = '500') => [
  ...['--samplers', samplers, '--sample-rate', period],
  ...['--format', 'plist', '--buffer-size', '1'],
]
const ALL = 'cpu_power,gpu_power,ane_power'

describe('powermetrics', () => {
  it('is run through sudo, which must not ask', () => {
    const command = { file: 'SUDO', args: ['-n', 'PROGRAM', ...args(ALL)] }
    expect(found({ sudo: 'lets' })).to.deep.equal(command)
  })

  it('is run as it is by root', () => {
    expect(found({})).to.deep.equal({ file: 'PROGRAM', args: args(ALL) })
  })

  it('samples every 200 ms to 1 s', () => {
    for (const [intervalMs, period] of [
      [0.1, '200'],
      [333.3, '333'],
      [60_000, '1000'],
    ] as const) {
      const { args: words } = found({}, {}, { root: '/', intervalMs })
      expect(words, `${intervalMs}`).to.deep.equal(args(ALL, period))
    }
  })

  it('is asked only for samplers that it knows, for another one would end it', () => {
    const { args: words } = found({ samplers: ['tasks', 'cpu_power', 'gpu_power_x', 'gpu_power'] })
    expect(words).to.deep.equal(args('cpu_power,gpu_power'))
  })

  it('is found by a Node that is translated for Apple silicon', () => {
    const translated = { arch: 'x64', cpu: () => 'VirtualApple @ 2.50GHz' }
    expect(found({}, translated)).to.have.property('file', 'PROGRAM')
  })

  const refusals: [string, Plan, Partial<Mac>, Record<string, unknown>][] = [
    [
      'another system',
      {},
      { platform: 'linux' },
      { kind: 'absent', reason: 'powermetrics is a program of macOS, and this is linux', fix: '' },
    ],
    [
      'an Intel Mac',
      {},
      { arch: 'x64', cpu: () => 'Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz' },
      {
        kind: 'absent',
        reason:
          'powermetrics tells no joules of CPU and GPU apart on Intel Macs: it needs Apple silicon',
        fix: '',
      },
    ],
    [
      'a sudo that asks for a password',
      { sudo: 'refuses' },
      {},
      {
        kind: 'forbidden',
        reason: 'powermetrics runs as root only, and sudo asks for a password',
        fix: 'echo "$USER ALL=(root) NOPASSWD: PROGRAM" | sudo tee /etc/sudoers.d/powermetrics',
      },
    ],
    [
      'a system without it',
      {},
      { program: '/does/not/exist' },
      {
        kind: 'broken',
        reason: 'powermetrics cannot be started (spawnSync PROGRAM ENOENT)',
        fix: '',
      },
    ],
    [
      'one that knows no power',
      { samplers: ['tasks'] },
      {},
      {
        kind: 'broken',
        reason:
          'powermetrics offers no power of CPU and GPU (Usage: powermetrics [-i sample_interval])',
        fix: '',
      },
    ],
  ]
  for (const [what, plan, more, refusal] of refusals) {
    it(`refuses ${what} in a sentence`, () => {
      expect(found(plan, more)).to.deep.equal({ name: 'powermetrics', ...refusal })
    })
  }

  it('does not wait for a sudo that never answers', () => {
    const before = performance.now()
    expect(found({ sudo: 'hangs' })).to.include({
      kind: 'broken',
      reason: 'powermetrics did not answer within 2 s',
    })
    expect(performance.now() - before).to.be.below(6000)
  })

  it('does not pass for another machine', () => {
    expect(found({}, {}, { root: '/host', intervalMs: 100 })).to.include({
      kind: 'absent',
      reason: 'powermetrics tells of this machine, not of the one below /host',
    })
  })
})

describe('powermetrics that ends', () => {
  it('is started again at most five times, three of them within a minute, ever more slowly', () => {
    const starts: number[] = []
    let now = 0
    for (;;) {
      const pause = pauseBefore(starts, now, 1000)
      if (pause === undefined) break
      now += pause
      starts.push(now)
    }
    expect(starts).to.deep.equal([1000, 3000, 7000, 61_000, 77_000])
  })
})

describe('powermetrics on this machine', () => {
  before(function () {
    if (process.platform === 'darwin') this.skip()
  })
  const sentence = `powermetrics is a program of macOS, and this is ${process.platform}`

  it('is told of by probe', () => {
    const report = probe().find(({ name }) => name === 'powermetrics')
    expect(report).to.deep.equal({
      name: 'powermetrics',
      usable: false,
      automatic: true,
      domains: [],
      notes: [],
      reason: sentence,
      obstacle: 'absent',
    })
  })

  it('cannot be had alone', () => {
    expect(() => new Meter({ sources: ['powermetrics'], estimate: false }))
      .to.throw(sentence)
      .with.property('code', 'NO_SOURCE')
  })

  it('is made up for by the estimate, which says so', () => {
    const { quality, warnings } = new Meter({ sources: ['powermetrics'] }).start().stop()
    expect(quality).to.equal('estimated')
    expect(warnings.join()).to.contain(sentence)
  })

  it('is not spoken of unless it is asked for', () => {
    expect(new Meter().notes.join()).to.not.contain('powermetrics')
  })
})
