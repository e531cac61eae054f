/** `jouletap run` as a user of a shell sees it: nothing of the command is touched. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { CLI, runCli, runProgram, startCli, startProgram } from '../support/child'

const NODE = process.execPath
/** Keeps a test away from the counters of the machine it runs on. */
const MODEL = ['--sources', 'estimate'] as const
/** What the summary of any run says. */
const SUMMARY = /jouletap: .* [km]?J in \d+\.\d{3} s, .* W, estimated \(estimate\)/

const run = (...command: string[]) => runCli(['run', ...MODEL, '--', ...command])

describe('jouletap run', () => {
  describe('leaves the command as it is', () => {
    it('passes every argument, whatever it looks like', async () => {
      const words = ['--json', '-x', '--', '', ' ', 'ä\n"\'$`\\*', '--interval=0', '--help', '🌍']
      const print = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'
      const { stdout } = await run(NODE, '-e', print, '--', ...words)
      expect(JSON.parse(stdout)).to.deep.equal(words)
    })

    it('passes arguments that are not UTF-8', async () => {
      const words = "'%s|' a \"$(printf 'caf\\351\\n\\047x')\" '' \"$(printf '\\377')\" 'é'"
      const line = [NODE, ...CLI, 'run', '--quiet', ...MODEL, '--', 'printf'].map(quoted).join(' ')
      const dump = '| od -An -v -tx1 | tr -d " \\n"'
      const plain = await runProgram('sh', ['-c', `printf ${words} ${dump}`])
      const measured = await runProgram('sh', ['-c', `${line} ${words} ${dump}`])
      expect(plain.stdout).to.contain('e90a2778')
      expect(measured.stdout).to.equal(plain.stdout)
    })

    it('takes everything from the first word on for the command, without --', async () => {
      const print = 'process.stdout.write(JSON.stringify(process.argv.slice(2)))'
      const folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
      try {
        const script = join(folder, 'x.js')
        writeFileSync(script, print)
        const words = ['--flag', '--quiet', '--', '--json', 'y']
        const { stdout, stderr } = await runCli(['run', ...MODEL, NODE, script, ...words])
        expect(JSON.parse(stdout)).to.deep.equal(words)
        expect(stderr).to.match(SUMMARY)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('passes stdin, stdout and stderr byte for byte', async () => {
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251))
      const { stdout } = await runProgram(
        'sh',
        ['-c', '"$@" | od -An -v -tu1 | tr -s " \\n" " "', 'sh', NODE, ...CLI, 'run', '--', 'cat'],
        { input: bytes },
      )
      expect(stdout.trim()).to.equal([...bytes].join(' '))
      const { stderr } = await run('sh', '-c', 'printf "one\\ntwo" >&2')
      expect(stderr.startsWith('one\ntwo')).to.equal(true)
    })

    it('does not make its pipes non-blocking', async () => {
      const flags = 'cat /proc/self/fdinfo/1 /proc/self/fdinfo/2 | grep flags'
      const { stdout } = await runProgram('sh', [
        '-c',
        `${flags}; "$@" -c '${flags}'`,
        'sh',
        NODE,
        ...CLI,
        'run',
        '--',
        'sh',
      ])
      const seen = stdout.trim().split('\n')
      expect(seen).to.have.length(4)
      expect(seen.slice(2)).to.deep.equal(seen.slice(0, 2))
    })

    it('passes the environment byte for byte', async () => {
      const env = { JOULETAP_TEST: 'ä\n= "x" ', EMPTY: '', NO_COLOR: '1', JOULETAP_COUNTRY: 'IS' }
      const plain = await runProgram('env', ['-0'], { env })
      const measured = await runCli(['run', ...MODEL, '--', 'env', '-0'], { env })
      expect(measured.stdout.split('\0').sort()).to.deep.equal(plain.stdout.split('\0').sort())
    })

    it('does not wait for a pipe that a background process holds', async () => {
      const child = startCli(['run', ...MODEL, '--', 'sh', '-c', 'sleep 600 & echo "pid $!"'])
      const [, pid] = /pid (\d+)/.exec(await child.seen(/pid \d+\n/))!
      const code = await new Promise((resolve) => child.process.once('exit', resolve))
      process.kill(Number(pid), 'SIGKILL')
      expect(code).to.equal(0)
    })
  })

  describe('ends as the command ended', () => {
    for (const code of [0, 3, 255]) {
      it(`with ${code}`, async () => {
        const result = await run('sh', '-c', `exit ${code}`)
        expect(result.code).to.equal(code)
        expect(result.stderr).to.match(SUMMARY)
      })
    }

    it('with 127 where it was not found, and still with a summary', async () => {
      const { code, stdout, stderr } = await run('no-such-command-anywhere', 'x')
      expect(code).to.equal(127)
      expect(stdout).to.equal('')
      expect(stderr).to.contain('The command "no-such-command-anywhere" was not found.')
      expect(stderr).to.match(SUMMARY)
    })

    it('with 127 where it was not found, even if a folder of PATH may not be entered', async () => {
      const barred = mkdtempSync(join(tmpdir(), 'jouletap-'))
      chmodSync(barred, 0)
      const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
      const prefix = process.geteuid?.() === 0 ? asNobody : ['env']
      const command = [...prefix, process.execPath, ...CLI, 'run', '--', 'no-such-command-anywhere']
      try {
        const env = { PATH: `${barred}:${process.env.PATH}` }
        const { code, stderr } = await runProgram(command[0]!, command.slice(1), { env })
        expect(stderr).to.contain('The command "no-such-command-anywhere" was not found.')
        expect(code).to.equal(127)
      } finally {
        rmSync(barred, { recursive: true })
      }
    })

    it('with 127 where its name is empty', async () => {
      expect((await run('')).code).to.equal(127)
    })

    it('with 126 where it is not executable, and still with a summary', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'jouletap-'))
      try {
        const file = join(folder, 'data')
        writeFileSync(file, 'no program')
        chmodSync(file, 0o644)
        for (const name of [file, folder]) {
          const { code, stderr } = await run(name)
          expect(code).to.equal(126)
          expect(stderr).to.contain(`The command "${name}" is not executable.`)
          expect(stderr).to.match(SUMMARY)
        }
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    for (const [signal, code] of [
      ['TERM', 143],
      ['KILL', 137],
      ['SEGV', 139],
    ] as const) {
      it(`with ${code} where SIG${signal} killed it, and still with a summary`, async () => {
        const result = await run('sh', '-c', `kill -${signal} $$`)
        expect(result.code).to.equal(code)
        expect(result.stderr).to.match(SUMMARY)
        expect(result.stderr).to.contain(`The command was ended by SIG${signal}.`)
      })
    }
  })

  describe('hands signals on', () => {
    const wait = (body: string) =>
      `${body}; process.stdout.write('ready\\n'); setInterval(() => {}, 1e6)`

    for (const signal of [
      'SIGTERM',
      'SIGHUP',
      'SIGINT',
      'SIGQUIT',
      'SIGUSR1',
      'SIGUSR2',
    ] as const) {
      it(`${signal}, once`, async () => {
        const body = wait(`let n = 0
          process.on('${signal}', () => { n++; process.stdout.write('got\\n'); setImmediate(() => process.exit(40 + n)) })`)
        const child = startCli(['run', ...MODEL, '--', NODE, '-e', body])
        await child.seen('ready')
        child.process.kill(signal)
        const { code, stdout, stderr } = await child.result
        expect(code).to.equal(41)
        expect(stdout).to.equal('ready\ngot\n')
        expect(stderr).to.match(SUMMARY)
      })
    }

    it('and reports the signal that a command does not handle', async () => {
      const child = startCli(['run', ...MODEL, '--', NODE, '-e', wait('')])
      await child.seen('ready')
      child.process.kill('SIGTERM')
      const { code, stderr } = await child.result
      expect(code).to.equal(143)
      expect(stderr).to.contain('The command was ended by SIGTERM.')
    })

    it('and outlives a command that ignores SIGINT', async () => {
      const body = wait(`process.on('SIGINT', () => process.stdout.write('no\\n'))
        process.on('SIGTERM', () => process.exit(7))`)
      const child = startCli(['run', ...MODEL, '--', NODE, '-e', body])
      await child.seen('ready')
      child.process.kill('SIGINT')
      await child.seen('no\n')
      child.process.kill('SIGINT')
      await child.seen('no\nno\n')
      child.process.kill('SIGTERM')
      const { code, stderr } = await child.result
      expect(code).to.equal(7)
      expect(stderr).to.match(SUMMARY)
    })

    it('but not a Ctrl-C that the terminal has sent to the command itself', async function () {
      if (!(await hasScript())) this.skip()
      const body = wait(`let n = 0
        process.on('SIGINT', () => { n++; process.stdout.write('int ' + n + '\\n') })
        process.on('SIGTERM', () => { process.stdout.write('end\\n'); process.exit(0) })
        process.stdout.write('pid ' + process.ppid + '\\n')`)
      const line = [NODE, ...CLI, 'run', ...MODEL, '--', NODE, '-e', body].map(quoted).join(' ')
      const child = startProgram('script', ['-qec', `exec ${line}`, '/dev/null'], { input: null })
      const [, pid] = /pid (\d+)/.exec(await child.seen('ready'))!
      child.process.stdin!.write('\u0003')
      await child.seen('int 1')
      process.kill(Number(pid), 'SIGTERM')
      const { stdout } = await child.result
      expect(stdout).to.contain('end')
      expect(stdout).to.not.contain('int 2')
    })
  })

  describe('tells what was used', () => {
    it('once that it is the machine, with watts, quality and the domains', async () => {
      const { stdout, stderr } = await run('true')
      expect(stdout).to.equal('')
      expect(stderr).to.match(SUMMARY)
      expect(stderr.match(/whole machine/g)).to.have.length(1)
    })

    it('with PUE beside the figure without it', async () => {
      const { stderr } = await runCli(['run', ...MODEL, '--pue', '1.5', '--', 'sleep', '0.2'])
      expect(stderr).to.match(/J with PUE 1\.5/)
      expect((await run('true')).stderr).to.not.contain('PUE')
    })

    it('not at all with --quiet', async () => {
      const { code, stderr } = await runCli(['run', ...MODEL, '--quiet', '--', 'true'])
      expect(code).to.equal(0)
      expect(stderr).to.equal('')
    })

    it('without colours where there is no terminal, and with NO_COLOR on one', async function () {
      expect((await run('true')).stderr).to.not.contain('\u001b')
      if (!(await hasScript())) this.skip()
      const line = [NODE, ...CLI, 'run', ...MODEL, '--', 'true'].map(quoted).join(' ')
      const onTerminal = (env: Record<string, string>) =>
        runProgram('script', ['-qec', line, '/dev/null'], { env: { TERM: 'xterm', ...env } })
      expect((await onTerminal({})).stdout).to.contain('\u001b[1m')
      expect((await onTerminal({ NO_COLOR: '1' })).stdout).to.not.contain('\u001b')
    })

    it('even to nobody: a closed stderr changes nothing', async () => {
      const line = [NODE, ...CLI, 'run', ...MODEL, '--', 'sh', '-c', 'exit 5'].map(quoted).join(' ')
      const { stdout } = await runProgram('sh', ['-c', `${line} 2>&-; echo $?`])
      expect(stdout.trim()).to.equal('5')
    })
  })

  describe('with --no-estimate', () => {
    it('says what to do where nothing can be read, and does not start the command', async () => {
      const root = mkdtempSync(join(tmpdir(), 'jouletap-'))
      try {
        const args = ['run', '--root', root, '--no-estimate', '--', 'echo', 'started']
        const { code, stdout, stderr } = await runCli(args)
        expect(code).to.equal(1)
        expect(stdout).to.equal('')
        expect(stderr).to.match(/^jouletap: .+\n$/)
      } finally {
        rmSync(root, { recursive: true })
      }
    })
  })
})

async function hasScript(): Promise<boolean> {
  const { code } = await runProgram('sh', ['-c', 'command -v script'])
  return code === 0
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
