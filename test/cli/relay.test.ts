/** The output of a command on its way through us: unchanged, in order, at once, on a terminal. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type ChildOptions, runProgram, startProgram } from '../support/child'
import type { Told } from '../support/relay.program'

const NODE = process.execPath
const PROGRAM = ['--import', 'tsx', join(__dirname, '..', 'support', 'relay.program.ts')]
const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const NOTHING = sha256('')

describe('the output of a watched command', () => {
  let folder: string
  let file: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
    file = join(folder, 'told.json')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const words = (command: readonly string[], via = 'descriptor') => [
    ...PROGRAM,
    file,
    via,
    ...command,
  ]
  const start = (command: readonly string[], options?: ChildOptions) =>
    startProgram(NODE, words(command), options)
  const run = (...command: string[]) => start(command).result
  /** By a shell, whose redirections stand in `after`. */
  const shell = (command: readonly string[], after: string, options?: ChildOptions) =>
    startProgram(
      'bash',
      ['-c', `${[NODE, ...words(command)].map(quoted).join(' ')} ${after}`],
      options,
    )
  /** On a terminal of 40 rows and 100 columns. */
  const terminal = (command: readonly string[], after = '') => {
    const line = [NODE, ...words(command)].map(quoted).join(' ')
    const wrapped = `stty rows 40 cols 100; ${line} ${after}`
    return startProgram('script', ['-qec', wrapped, '/dev/null'], { input: null })
  }
  const told = () => JSON.parse(readFileSync(file, 'utf8')) as Told

  describe('through pipes', () => {
    it('is the same of 50 MB of random bytes, on both streams', async () => {
      const [out, error] = [join(folder, 'out'), join(folder, 'error')]
      const write = `for stream in 1 2; do head -c 25000000 /dev/urandom | tee ${folder}/$stream >&$stream; done`
      const { code } = await shell(
        ['bash', '-c', write],
        `> >(cat > ${out}) 2> >(cat > ${error}); wait`,
      ).result
      expect(code).to.equal(0)
      const hashes = ['1', '2'].map((name) => sha256(readFileSync(join(folder, name))))
      expect([sha256(readFileSync(out)), sha256(readFileSync(error))]).to.deep.equal(hashes)
      const { shown } = told()
      expect([shown.stdout, shown.stderr]).to.deep.equal(hashes)
    })

    it('keeps its order where both streams go to one place', async () => {
      const write = 'for n in $(seq 500); do echo out $n; echo error $n >&2; done'
      const { stdout } = await shell(['bash', '-c', write], '2>&1').result
      const expected = Array.from({ length: 500 }, (_, n) => `out ${n + 1}\nerror ${n + 1}\n`)
      expect(stdout).to.equal(expected.join(''))
      expect(told().shown).to.deep.equal({ stdout: sha256(stdout), stderr: NOTHING })
    })

    it('comes at once, without the end of its line', async () => {
      const child = start(['sh', '-c', 'printf "so far"; read answer; echo " $answer"'], {
        input: null,
      })
      await child.seen('so far')
      child.process.stdin!.end('and on\n')
      expect((await child.result).stdout).to.equal('so far and on\n')
    })

    it('may be opened by its name, as a pipe may', async () => {
      const { stdout } = await run('sh', '-c', 'echo here > /dev/stdout')
      expect(stdout).to.equal('here\n')
    })

    it('ends when its reader does, as it would alone', async () => {
      const { stdout } = await shell(['yes'], '| head -1').result
      expect(stdout).to.equal('y\n')
      expect(told().end).to.deep.include({ exitCode: null, signal: 'SIGPIPE' })
    })

    it('waits for a slow reader and loses nothing', async () => {
      const { stdout } = await shell(
        ['sh', '-c', 'seq 200000'],
        '| (read line; echo $line; sleep 0.3; cat)',
      ).result
      expect(stdout).to.equal(Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join(''))
    })

    it('is not waited for where a program in the background holds it', async () => {
      const { code, stdout } = await run('sh', '-c', 'sleep 600 & echo "pid $!"')
      process.kill(Number(/pid (\d+)/.exec(stdout)![1]), 'SIGKILL')
      expect(code).to.equal(0)
      expect(told().left).to.deep.equal([])
    })

    it('ends though a program in the background writes on and on', async () => {
      const { code, stdout } = await run('sh', '-c', 'yes & echo "pid $!"; sleep 0.1')
      expect(code).to.equal(0)
      expect(stdout).to.match(/^y$/m)
    })

    it('that cannot be written is told of, and its command ends as by a reader that left', async () => {
      const { code } = await shell(['yes'], '> /dev/full').result
      expect(code).to.equal(141)
      expect(told().end.remarks).to.deep.equal([
        'The output of the command could not be handed on (no space left).',
      ])
    })
  })

  describe('through a terminal', () => {
    const LOOK =
      'import os; print([os.isatty(n) for n in range(3)], os.get_terminal_size(1).columns, os.get_terminal_size(1).lines, os.ttyname(0) != os.ttyname(1) == os.ttyname(2))'

    it('is that of a terminal with the size of ours', async () => {
      const { stdout } = await terminal(['python3', '-c', LOOK]).result
      expect(stdout).to.contain('[True, True, True] 100 40 True\r\n')
      expect(told().end).to.deep.equal({ exitCode: 0, signal: null })
    })

    it('is the same bytes as without us', async () => {
      const odd = "printf 'a\\nb\\r\\tc\\033[1mx\\033[0m\\r\\n\\001\\377\\004'"
      const plain = await runProgram('script', ['-qec', odd, '/dev/null'])
      const { stdout } = await terminal(['sh', '-c', odd]).result
      expect(stdout).to.equal(plain.stdout)
      const bytes = Buffer.from('a\nb\r\tc\u001b[1mx\u001b[0m\r\n\u0001\u00ff\u0004', 'latin1')
      expect(told().shown.stdout).to.equal(sha256(bytes))
    })

    it('loses nothing of the end', async () => {
      const { stdout } = await terminal(['seq', '100000']).result
      expect(stdout.endsWith('\r\n99999\r\n100000\r\n')).to.equal(true)
      const expected = Array.from({ length: 100_000 }, (_, n) => `${n + 1}\n`).join('')
      expect(told().shown.stdout).to.equal(sha256(expected))
    })

    it('is a terminal for one stream where the other goes elsewhere', async () => {
      const look = '[ -t 1 ] || echo no terminal; [ -t 2 ] && echo terminal >&2'
      const { stdout } = await terminal(['bash', '-c', look], `> ${folder}/out`).result
      expect(stdout).to.equal('terminal\r\n')
      expect(readFileSync(join(folder, 'out'), 'utf8')).to.equal('no terminal\n')
    })

    it('has the new size before it hears of it', async () => {
      const body = `
        import os, signal, time
        sizes = []
        def resized(*_):
            print('size', os.get_terminal_size(1).columns, flush=True)
        signal.signal(signal.SIGWINCH, resized)
        print('ready', flush=True)
        while True: signal.pause()`
      const python = body.replace(/^ {8}/gm, '')
      const child = terminal([
        'python3',
        '-c',
        `import os\nprint('pid', os.getpid(), os.getppid())${python}`,
      ])
      const [, pid, parent] = /pid (\d+) (\d+)[\s\S]*ready/.exec(await child.seen(/ready/))!
      const resize = `import fcntl, os, struct, termios
with open('/proc/${parent}/fd/0') as terminal:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 77, 0, 0))`
      await runProgram('python3', ['-c', resize])
      await child.seen('size 77')
      process.kill(Number(pid), 'SIGKILL')
      await child.result
    })

    it('is left by a Ctrl-C that its command gets once', async () => {
      const body = `let n = 0
        process.on('SIGINT', () => { n++; process.stdout.write('int ' + n + '\\n'); setTimeout(() => process.exit(n), 100) })
        process.stdout.write('ready\\n'); setInterval(() => {}, 1e6)`
      const child = terminal([NODE, '-e', body])
      await child.seen('ready')
      child.process.stdin!.write('\u0003')
      await child.result
      expect(told().end).to.deep.equal({ exitCode: 1, signal: null })
    })
  })

  describe('without the addon', () => {
    it('comes through a pipe, which is said where ours is a terminal', async () => {
      const hook = join(folder, 'hook.cjs')
      writeFileSync(hook, 'process.dlopen = () => { throw new Error("none") }')
      const look = '[ -t 1 ] || echo no terminal; echo epoch 1 >&$JOULETAP_MARKS; exit 4'
      const line = [NODE, '-r', hook, ...words(['bash', '-c', look])].map(quoted).join(' ')
      const { code, stdout } = await runProgram('script', ['-qec', line, '/dev/null'])
      expect({ code, stdout }).to.deep.equal({ code: 4, stdout: 'no terminal\r\n' })
      const { end, marks } = told()
      expect(end.remarks).to.have.length(1)
      expect(end.remarks![0]).to.match(/^The output of the command .* no pseudo-terminal .*\.$/)
      expect(marks).to.deep.equal([{ kind: 'begin', epoch: 1 }])
    })
  })

  describe('does not change how it ends', () => {
    it('by a code', async () => {
      expect((await run('sh', '-c', 'exit 7')).code).to.equal(7)
      expect(told()).to.deep.include({ end: { exitCode: 7, signal: null }, left: [] })
    })

    it('by not being found', async () => {
      expect((await run('no-such-command-anywhere')).code).to.equal(127)
      expect(told().left).to.deep.equal([])
    })

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`by ${signal}, after its last words`, async () => {
        const body = `trap 'echo last; exit 9' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`
        const child = start(['sh', '-c', body])
        await child.seen('ready')
        child.process.kill(signal)
        const { code, stdout } = await child.result
        expect(code).to.equal(9)
        expect(stdout).to.equal('ready\nlast\n')
      })
    }
  })

  describe('comes with marks', () => {
    const BOTH = [1, 2, 3].flatMap((epoch) => [
      { kind: 'begin', epoch, epochs: 3 },
      { kind: 'phase', name: 'eval' },
    ])

    for (const [program, name] of [
      ['python3', 'marks.py'],
      ['bash', 'marks.sh'],
    ] as const) {
      const example = join(__dirname, '..', '..', 'examples', name)

      it(`that examples/${name} sends`, async () => {
        const { code } = await run(program, example)
        expect(code).to.equal(0)
        expect(told()).to.deep.include({ marks: BOTH, remarks: [] })
      })

      it(`and examples/${name} runs without us, in ten lines`, async () => {
        const { code, stdout, stderr } = await runProgram(program, [example])
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
        expect(stdout.trim().split('\n')).to.have.length(3)
        expect(readFileSync(example, 'utf8').trim().split('\n').length).to.be.at.most(10)
      })
    }

    it('that are sent by the name of the descriptor too', async () => {
      await run('sh', '-c', 'echo "epoch 1" > /dev/fd/$JOULETAP_MARKS')
      expect(told().marks).to.deep.equal([{ kind: 'begin', epoch: 1 }])
    })

    it('that a grandchild without the descriptor sends through a socket', async () => {
      const send = `import os, socket, subprocess, sys
line = "import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['JOULETAP_MARKS']); s.sendall(b'epoch 2')"
subprocess.run([sys.executable, '-c', line], check=True)`
      const { code } = await startProgram(NODE, words(['python3', '-c', send], 'socket')).result
      expect(code).to.equal(0)
      expect(told().marks).to.deep.equal([{ kind: 'begin', epoch: 2 }])
      expect(told().left).to.deep.equal([])
    })
  })
})

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
