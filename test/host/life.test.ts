// The simulated host comes and goes without a trace, and runs from the shell.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { isMounted } from './host'
import { Bench, needsHost, until, zone0 } from './testing'

describe('the simulated host', () => {
  const bench = new Bench()
  before(needsHost)
  afterEach(() => bench.stop())

  describe('its end', () => {
    it('leaves no mount, no folder and no process, even with a file still open', async () => {
      await bench.start({ preset: 'intel-client' })
      const live = join(bench.host.root, 'live')
      const file = openSync(join(bench.host.root, zone0, 'energy_uj'), 'r')
      expect(isMounted(live)).to.equal(true)
      expect(processes(bench.host.root)).to.have.length(2)
      await bench.stop()
      expect(isMounted(live)).to.equal(false)
      expect(existsSync(bench.host.root)).to.equal(false)
      expect(processes(bench.host.root)).to.deep.equal([])
      expect(() => readSync(file, Buffer.alloc(32), 0, 32, 0)).to.throw()
      expect(() => closeSync(file)).to.throw('ENOTCONN') // closed all the same
    })

    it('comes when whoever started it is killed', async () => {
      const { child, root } = await inChild()
      expect(isMounted(join(root, 'live'))).to.equal(true)
      child.kill('SIGKILL')
      await until(() => !existsSync(root))
      expect(isMounted(join(root, 'live'))).to.equal(false)
      await until(() => processes(root).length === 0)
    })

    it('is clean when the server itself is killed', async () => {
      await bench.start({ preset: 'intel-client' })
      const [guard, server] = processes(bench.host.root)
      expect(parentOf(server!)).to.equal(guard)
      process.kill(server!, 'SIGKILL')
      await until(() => !existsSync(bench.host.root))
      expect(isMounted(join(bench.host.root, 'live'))).to.equal(false)
      await bench.stop()
    })

    it('does not keep its starter alive', async () => {
      const { child, root } = await inChild('0')
      if (child.exitCode === null) await once(child, 'exit')
      expect(child.exitCode).to.equal(0)
      await until(() => !existsSync(root))
    })
  })

  describe('npm run host', () => {
    const main = (...args: string[]) =>
      spawnSync(process.execPath, ['--import', 'tsx', join(__dirname, 'main.ts'), ...args], {
        encoding: 'utf8',
      })

    it('refuses bad words with code 2 and says what is allowed', () => {
      const bad = main('toaster')
      expect(bad.status).to.equal(2)
      expect(bad.stderr).to.match(/^preset toaster is none of intel-client, .*\n$/)
      expect(main('--watts', 'core=hot').stderr).to.contain('square:W:W:S')
      expect(main('--sources', 'nvml').status).to.equal(2)
    })

    it('runs a command against the host and tells the truth beside it', () => {
      const read = `cat $JOULETAP_ROOT/${zone0}/name; sleep 0.2; exit 7`
      const done = main('intel-client', '--watts', 'package=50', '--', 'sh', '-c', read)
      expect(done.stdout).to.equal('package-0\n')
      expect(done.status).to.equal(7)
      const [, seconds, joules] = /truth over ([\d.]+) s:.*package-0 ([\d.]+) J/.exec(done.stderr)!
      expect(Number(joules)).to.be.closeTo(50 * Number(seconds), 0.1)
    })
  })
})

/** The processes that serve a root: the guard, then the server. */
function processes(root: string): number[] {
  const found = readdirSync('/proc').filter((name) => {
    try {
      return (
        /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').endsWith(`\0${root}\0`)
      )
    } catch {
      return false // ended meanwhile
    }
  })
  return found.map(Number).sort((a, b) => (parentOf(a) === b ? 1 : parentOf(b) === a ? -1 : a - b))
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

/** A process of its own that starts a host, prints its root and then lives for so many ms. */
async function inChild(ms = '600000'): Promise<{ child: ChildProcess; root: string }> {
  const script = `
    require(${JSON.stringify(join(__dirname, 'host.ts'))})
      .startHost({ preset: 'intel-client' })
      .then((host) => { console.log(host.root); if (${ms} > 0) setTimeout(() => {}, ${ms}) })`
  const child = spawn(process.execPath, ['--import', 'tsx', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, root: line.toString().trim() }
}
