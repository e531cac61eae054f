/** Bad usage ends with code 2 and one sentence that names the option, the value and what is allowed. */
import { expect } from 'chai'
import { runCli } from '../support/child'

const SOURCES =
  'rapl-perf, rapl-powercap, rapl-msr, nvml, hwmon, rapl-perf-core, powermetrics, estimate'
const NUMBER = 'a number of milliseconds from 0.1 to 3600000'

/** What is typed, and the sentence it is answered with. */
const WRONG: [args: string[], sentence: string][] = [
  [[], 'A command is missing: use one of run, sample, doctor, bench, intensity, parse, regions.'],
  [['rnu'], 'There is no command "rnu"; did you mean run?'],
  [
    ['measure'],
    'There is no command "measure": use one of run, sample, doctor, bench, intensity, parse, regions.',
  ],
  [['--frob'], 'jouletap has no option --frob: use one of --version, --help.'],
  [['run'], 'A command is missing after --, as in "jouletap run -- node app.js".'],
  [['run', '--'], 'A command is missing after --, as in "jouletap run -- node app.js".'],
  [['run', '--quiet', '--'], 'A command is missing after --, as in "jouletap run -- node app.js".'],
  [
    ['run', '--intervall', '5', '--', 'true'],
    'jouletap run has no option --intervall; did you mean --interval?',
  ],
  [
    ['run', '--zzz', '--', 'node', '--help'],
    'jouletap run has no option --zzz: use one of --json, --interval, --align, --max-overhead, --sources, --gpus, --no-estimate, --root, --nvml, --zone, --live, --provider, --file, --grams, --timeout, --by-pid, --pue, --quiet, --epochs, --epoch-pattern, --epoch-at, --marks, --epochs-before-prediction, --monitor-epochs, --stop-and-confirm, --components, --no-interpretable, --log-dir, --log-prefix, --log-format, --decimals, --verbose, --method, --confidence, --sim-cpu, --sim-cpu-tdp, --sim-cpu-util, --sim-gpu, --sim-gpu-watts, --sim-gpu-util, --help.',
  ],
  [['run', '--json', '--', 'true'], '--json needs a value, as in --json <file>.'],
  [['run', '--json', '', '--', 'true'], '--json must be - or the name of a file, not "".'],
  ...['0', 'abc', '-5', '', '1e9', '0x10', '1,5', 'NaN', 'Infinity', '100ms'].map(
    (value): [string[], string] => [
      ['run', '--interval', value, '--', 'true'],
      `--interval must be ${NUMBER}, not ${JSON.stringify(value)}.`,
    ],
  ),
  ...['0', '0.000001', '2', '10%', ''].map((value): [string[], string] => [
    ['run', '--max-overhead', value, '--', 'true'],
    `--max-overhead must be a share of one CPU's time from 0.00001 to 1, not ${JSON.stringify(value)}.`,
  ]),
  [['run', '--pue', '0.5', '--', 'true'], '--pue must be a number from 1 to 10, not "0.5".'],
  [['run', '--pue', 'x', '--', 'true'], '--pue must be a number from 1 to 10, not "x".'],
  [
    ['run', '--sources', 'nonsense', '--', 'true'],
    `--sources must be auto, or names out of ${SOURCES}, not "nonsense".`,
  ],
  [
    ['run', '--sources', 'hwmon,,estimate', '--', 'true'],
    `--sources must be auto, or names out of ${SOURCES}, not "".`,
  ],
  [
    ['run', '--sources', 'auto,hwmon', '--', 'true'],
    `--sources must be auto, or names out of ${SOURCES}, not "auto".`,
  ],
  [
    ['run', '--sources', 'estimate', '--no-estimate', '--', 'true'],
    '--sources must not name "estimate" together with --no-estimate.',
  ],
  ...['al', '', 'GPU', '-1', '1.5', '0x1', 'all,0', '0,,1'].map((value): [string[], string] => [
    ['run', '--gpus', value, '--', 'true'],
    '--gpus must be visible, all, none, or indices, UUIDs, MIG ids or PCI addresses of GPUs, ' +
      `not ${JSON.stringify({ 'all,0': 'all', '0,,1': '' }[value] ?? value)}.`,
  ]),
  [['run', '--nvml', '/etc', '--', 'true'], '--nvml must be a file that exists, not "/etc".'],
  [
    ['run', '--root', '/does/not/exist', '--', 'true'],
    '--root must be a folder that exists, not "/does/not/exist".',
  ],
  [
    ['run', '--root', '/etc/passwd', '--', 'true'],
    '--root must be a folder that exists, not "/etc/passwd".',
  ],
  [['sample', '--interval', '0'], `--interval must be ${NUMBER}, not "0".`],
  [
    ['sample', '--duration', '0'],
    '--duration must be a number of seconds from 0.001 to 2147483, not "0".',
  ],
  [['sample', '--format', 'xml'], '--format must be jsonl or csv, not "xml".'],
  [['sample', 'node', 'x.js'], 'jouletap sample takes only options, not "node".'],
  [
    ['doctor', '--root', '/does/not/exist'],
    '--root must be a folder that exists, not "/does/not/exist".',
  ],
  [['doctor', '--jsn'], 'jouletap doctor has no option --jsn; did you mean --json?'],
  [['doctor', 'x'], 'jouletap doctor takes only options, not "x".'],
]

describe('jouletap, wrongly used,', () => {
  for (const [args, sentence] of WRONG) {
    it(`answers "${args.join(' ')}" with one sentence`, async () => {
      const { code, stdout, stderr } = await runCli(args)
      const name = ['run', 'sample', 'doctor'].includes(args[0] ?? '') ? ` ${args[0]}` : ''
      expect(stderr).to.equal(`jouletap: ${sentence} See 'jouletap${name} --help'.\n`)
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })
  }

  it('names JOULETAP_ROOT where that is what is wrong', async () => {
    const env = { JOULETAP_ROOT: '/does/not/exist' }
    for (const args of [['run', '--', 'echo', 'started'], ['sample'], ['doctor']]) {
      const { code, stdout, stderr } = await runCli(args, { env })
      expect(stderr).to.match(
        /^jouletap: JOULETAP_ROOT must be .*, not "\/does\/not\/exist"\. .*\n$/,
      )
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    }
  })
})

describe('jouletap --help', () => {
  for (const command of [[], ['run'], ['sample'], ['doctor']]) {
    it(`explains ${command[0] ?? 'the commands'}, with examples, on stdout`, async () => {
      const { code, stdout, stderr } = await runCli([...command, '--help'])
      expect(stdout).to.match(/^Usage: jouletap /)
      expect(stdout).to.contain(`\nExamples:\n  jouletap ${command[0] ?? 'run'}`)
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).to.be.at.most(110)
      expect(stderr).to.equal('')
      expect(code).to.equal(0)
    })
  }

  it('belongs to the command where it stands behind it', async () => {
    const { stdout } = await runCli(['run', '--quiet', 'expr', '--help'])
    expect(stdout).to.match(/^Usage: .*expr/)
  })

  it('and --version tell the version', async () => {
    const { version } = require('../../package.json') as { version: string }
    const { code, stdout } = await runCli(['--version'])
    expect(stdout).to.equal(`${version}\n`)
    expect(code).to.equal(0)
  })
})
