/** `jouletap run --epochs` as a user sees it: epochs that were told wrongly, and a question on the terminal. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import type { RunRecord } from '../../lib/record'
import { CarbonTracker, type TrackerOptions } from '../../lib/tracker'
import { CLI, runCli, runProgram } from '../support/child'

const NODE = process.execPath
const PTY = join(__dirname, '..', 'support', 'terminal.py')
const QUIET = ['--sources', 'estimate', '--zone', 'FI'] as const
const WATTS = 200
const MADE = ['--sim-cpu', 'x', '--sim-cpu-tdp', `${WATTS}`, '--sim-cpu-util', '1'] as const
const EPOCHS = ['--components', 'cpu', ...MADE, '--epoch-pattern', '^Epoch'] as const

/** A command that prints the ends of so many epochs, and `more` at the last. */
const program = (epochs: number, more = '', seconds = 0.03) =>
  `for i in $(seq ${epochs}); do sleep ${seconds}; echo "Epoch $i/3"; done; ${more}`

/** The names that a tracker takes, as it says itself. */
function everyOption(): string[] {
  try {
    new CarbonTracker({ epochs: 1, nothing: 1 } as TrackerOptions)
  } catch (error) {
    const [, names = ''] = /one of (.*), not/.exec((error as Error).message)!
    return names.split(', ')
  }
  throw new Error('It takes anything.')
}

/** Where each option of `CarbonTracker` is on the command line; or why it is not. */
const OPTIONS: Readonly<Record<string, string>> = {
  epochs: '--epochs',
  epochsBeforePrediction: '--epochs-before-prediction',
  monitorEpochs: '--monitor-epochs',
  interval: '--interval',
  interpretable: '--no-interpretable',
  stopAndConfirm: '--stop-and-confirm',
  components: '--components',
  devicesByPid: '--by-pid',
  logDir: '--log-dir',
  logFilePrefix: '--log-prefix',
  logFormat: '--log-format',
  verbose: '--verbose',
  decimalPrecision: '--decimals',
  simCpu: '--sim-cpu',
  simCpuTdp: '--sim-cpu-tdp',
  simCpuUtil: '--sim-cpu-util',
  simGpu: '--sim-gpu',
  simGpuWatts: '--sim-gpu-watts',
  simGpuUtil: '--sim-gpu-util',
  place: '--zone',
  carbon: '--provider',
  pue: '--pue',
  method: '--method',
  confidence: '--confidence',
  meter: '--sources',
  apiKeys: 'keys are no words of a command, which all can see: they are in the environment',
  ignoreErrors: 'what is wrong is said before the command runs, and nothing ends it afterwards',
  onPrediction: 'a function',
  onEpoch: 'a function',
  print: 'a function',
  signal: 'it is a signal to jouletap',
  command: 'it is what stands after --',
}

describe('jouletap run --epochs', () => {
  for (const [printed, seen, status, exit] of [
    [5, 3, 'complete', 0],
    [3, 3, 'complete', 4],
    [2, 2, 'stopped', 0],
    [0, 0, 'stopped', 4],
  ] as const) {
    it(`tells of ${seen} epochs where ${printed} of 3 come`, async () => {
      const words = ['--epochs', '3', ...EPOCHS, '--', 'sh', '-c', program(printed, `exit ${exit}`)]
      const { code, stderr, stdout } = await runCli(['run', ...QUIET, '--json', '-', ...words])
      expect(code).to.equal(exit)
      const lines = stdout.split('\n')
      const { tracking } = JSON.parse(lines.at(-2)!) as RunRecord
      expect(tracking).to.include({ plannedEpochs: 3, status })
      expect(tracking!.epochs.length).to.equal(seen)
      for (const { joules, seconds } of tracking!.epochs) {
        expect(joules).to.be.closeTo(WATTS * seconds!, 1e-6)
      }
      expect(lines.filter((line) => line.startsWith('Epoch')).length).to.equal(printed)
      const told = { complete: '3 epochs used', stopped: `${seen} of 3 epochs used` }[status]
      expect(stderr).to.contain(`jouletap: ${told}`)
      expect(stderr.includes('No epoch was seen')).to.equal(seen === 0)
    })
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`prints the report where ${signal} ends the command`, async () => {
      const words = [
        '--epochs',
        '3',
        ...EPOCHS,
        '--',
        'sh',
        '-c',
        program(1, 'kill -$0 $PPID; exec sleep 9'),
      ]
      const { code, stderr } = await runCli(['run', ...QUIET, ...words, signal.slice(3)])
      expect(code).to.equal(signal === 'SIGINT' ? 130 : 143)
      expect(stderr).to.contain('jouletap: 2 of 3 epochs used')
      expect(stderr).to.contain('Epoch 2 was stopped before its end; what it used is counted.')
    })
  }

  it('are not followed where nobody asks for it', async () => {
    const { stdout, stderr } = await runCli(['run', ...QUIET, '--json', '-', '--', 'true'])
    expect(JSON.parse(stdout)).to.not.have.property('tracking')
    expect(stderr).to.not.contain('epoch')
  })

  it('say which option another one needs', async () => {
    for (const [words, message] of [
      [['--method', 'mean'], '--method needs --epochs, the number of epochs.'],
      [['--log-format', 'both'], '--log-format needs --log-dir, the folder that is written to.'],
      [['--sim-cpu-tdp', '5'], 'simCpu must be the name of the device that simCpuTdp is of'],
    ] as const) {
      const { code, stderr } = await runCli(['run', ...words, '--', 'true'])
      expect(code).to.equal(2)
      expect(stderr).to.contain(message)
    }
  })

  it('take every option of CarbonTracker', async () => {
    const { stdout: help } = await runCli(['run', '--help'])
    const names = everyOption()
    expect(names).to.include('epochs')
    for (const name of names) {
      const where = OPTIONS[name]
      expect(where, `an option or a reason for ${name}`).to.be.a('string')
      if (where!.startsWith('--')) expect(help, name).to.match(new RegExp(`^ +${where}\\b`, 'm'))
    }
    expect(Object.keys(OPTIONS).filter((name) => !names.includes(name))).to.deep.equal([])
  })

  describe('--stop-and-confirm', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'jouletap-epochs-'))
    })
    afterEach(() => rmSync(folder, { recursive: true }))

    /** What is typed, or the signal that is sent, once `wait` is there. */
    type Step = readonly [wait: string, send: string | { readonly kill: NodeJS.Signals }]

    /** Runs a command of three epochs that leaves a file when it ends by itself. */
    async function ask(steps: readonly Step[], before = '') {
      const done = join(folder, 'done')
      const script = `${before} ${program(3, 'touch "$0"', 0.5)}`
      const words = ['--stop-and-confirm', '--epochs-before-prediction', '1', '--epochs', '3']
      const run = [
        NODE,
        ...CLI,
        'run',
        ...QUIET,
        ...words,
        ...EPOCHS,
        '--',
        'sh',
        '-c',
        script,
        done,
      ]
      const { stdout, stderr } = await runProgram('python3', [PTY, JSON.stringify(steps), ...run])
      expect(stdout, stderr).to.match(/^\{/)
      const { output, status, left } = JSON.parse(stdout) as {
        output: string
        status: number
        left: number
      }
      expect(left, output).to.equal(0)
      return { output, status, finished: () => existsSync(done) }
    }

    const QUESTION = 'shall the command go on? (y/n) '

    it('lets it go on after y, also after an answer that is none', async () => {
      const { output, status, finished } = await ask([
        [QUESTION, 'perhaps\n'],
        ['Please answer y or n: ', 'Yes\n'],
      ])
      expect(status).to.equal(0)
      expect(finished()).to.equal(true)
      expect(output).to.contain('jouletap: 3 epochs used')
    })

    it('ends it after n', async () => {
      const { output, status, finished } = await ask([[QUESTION, 'n\n']])
      expect(status).to.equal(128 + 15)
      expect(finished()).to.equal(false)
      expect(output).to.contain('jouletap: 1 of 3 epochs used')
    })

    it('lets it go on where the input ends, and says so', async () => {
      const { output, status } = await ask([[QUESTION, '\u0004']])
      expect(status).to.equal(0)
      expect(output).to.contain('Nobody answered whether the command shall go on, so it goes on.')
    })

    it('is a Ctrl-C as ever', async () => {
      const { output, status, finished } = await ask([[QUESTION, '\u0003']])
      expect(status).to.equal(128 + 2)
      expect(finished()).to.equal(false)
      expect(output).to.contain('epochs used')
    })

    for (const [kill, code] of [
      ['SIGTERM', 15],
      ['SIGHUP', 1],
    ] as const) {
      it(`hands ${kill} on to the command, which stands still`, async () => {
        const { status, output } = await ask([[QUESTION, { kill }]])
        expect(status).to.equal(128 + code)
        expect(output).to.contain(`The command was ended by ${kill}.`)
      })
    }

    it('leaves no command standing where it is killed itself', async () => {
      // Its terminal goes away as well.
      const { finished } = await ask([[QUESTION, { kill: 'SIGKILL' }]], "trap '' HUP PIPE;")
      const until = Date.now() + 10_000
      while (!finished() && Date.now() < until) await pause(20)
      expect(finished()).to.equal(true)
    })

    it('asks nobody without a terminal', async () => {
      const words = ['--stop-and-confirm', '--epochs-before-prediction', '1', '--epochs', '3']
      const command = ['setsid', '-w', NODE, ...CLI, 'run', ...QUIET, ...words, ...EPOCHS]
      const { code, stderr } = await runProgram(command[0]!, [
        ...command.slice(1),
        ...['--', 'sh', '-c', program(3)],
      ])
      expect(code).to.equal(0)
      expect(stderr).to.contain('Nobody answered whether the command shall go on, so it goes on.')
      expect(stderr).to.contain('jouletap: 3 epochs used')
    })
  })
})
