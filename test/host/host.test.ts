// The simulated host keeps its promises: the tests of everything else stand on it.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import {
  type Host,
  type HostOptions,
  hostUnavailable,
  isMounted,
  measureTscHz,
  perfUnavailable,
  startHost,
  tscHz,
} from './host'

const zone0 = 'sys/class/powercap/intel-rapl:0'
const range = 2 ** 32
const update = 1 / 1024

describe('the simulated host', () => {
  before(function () {
    this.timeout(60_000) // compiles
    const reason = hostUnavailable()
    if (reason) {
      process.stderr.write(`skipped: ${reason}\n`)
      this.skip()
    }
  })

  let host: Host
  const start = async (options: HostOptions): Promise<void> => {
    host = await startHost(options)
  }
  afterEach(async () => {
    await host?.stop()
  })
  const text = (path: string): string => readFileSync(join(host.root, path), 'utf8')
  const number = (path: string): number => Number(text(path))
  const error = (path: string): string | undefined => {
    try {
      text(path)
      return undefined
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code
    }
  }
  /** A reading between two looks at the truth: what the counter must lie between, in joules. */
  const bracket = (id: string, read: () => number) => {
    const before = host.truth()
    const value = read()
    const after = host.truth()
    return { value, low: before.joules[id] ?? Number.NaN, high: after.joules[id] ?? Number.NaN }
  }
  /** The counter moved by what was used, give or take the bracket, an update and a count. */
  const expectToFollow = async (id: string, read: () => number, unit: number, slack: number) => {
    const first = bracket(id, read)
    await delay(150)
    const last = bracket(id, read)
    const counts = (last.value - first.value + range) % range
    expect(counts * unit).to.be.within(
      last.low - first.high - slack - unit,
      last.high - first.low + slack + unit,
    )
    expect(last.low - first.high).to.be.above(slack * 5) // or the check above means nothing
  }
  /** powercap → counts of the register, exactly. */
  const counts = (path: string, nanojoules = 61035): number =>
    Math.ceil((number(path) * 1000) / nanojoules)

  describe('powercap', () => {
    it('follows the set watts against the clock', async () => {
      await start({ preset: 'intel-server-2s' })
      const first = host.truth()
      await delay(100)
      const last = host.truth()
      const seconds = (last.ns - first.ns) / 1e9
      expect(last.joules['package-0']! - first.joules['package-0']!).to.be.closeTo(
        65 * seconds,
        1e-6,
      )
      expect(last.ns).to.be.closeTo(Number(process.hrtime.bigint()), 5e7)
      for (const [id, watts] of Object.entries({ 'package-1': 65, 'core-0': 41, 'dram-1': 9.25 })) {
        const [folder = ''] = host.zones[id]!
        await expectToFollow(id, () => counts(`${folder}/energy_uj`), 2 ** -14, watts * update)
      }
    })

    it('moves in steps of 1/1024 s and in whole counts', async () => {
      await start({ preset: 'intel-client', domains: { package: { watts: 64, phase: 0.0004 } } })
      const file = openSync(join(host.root, zone0, 'energy_uj'), 'r')
      const buffer = Buffer.alloc(32)
      const values: number[] = []
      const begin = process.hrtime.bigint()
      while (process.hrtime.bigint() - begin < 60_000_000n) {
        const size = readSync(file, buffer, 0, 32, 0)
        values.push(Number(buffer.toString('latin1', 0, size)))
      }
      closeSync(file)
      expect(new Set(values).size).to.be.within(20, 64)
      for (const value of values) {
        const raw = Math.ceil((value * 1000) / 61035)
        expect(Math.floor((raw * 61035) / 1000)).to.equal(value)
        // 64 W fill 1024 counts a step: any two readings are whole steps apart.
        const apart = raw - Math.ceil((values[0]! * 1000) / 61035)
        expect(Math.abs(apart - 1024 * Math.round(apart / 1024))).to.be.at.most(1)
      }
    })

    it('wraps at 2^32 counts', async () => {
      await start({ preset: 'intel-client' })
      expect(number(`${zone0}/max_energy_range_uj`)).to.equal(262143328850)
      host.nearWrap('package-0', 1)
      const path = `${zone0}/energy_uj`
      const first = bracket('package-0', () => counts(path))
      expect(first.value).to.be.above(range * 0.99)
      await until(() => counts(path) < range / 2)
      const last = bracket('package-0', () => counts(path))
      const used = (last.value - first.value + range) / 2 ** 14
      expect(used).to.be.within(
        last.low - first.high - 28 * update,
        last.high - first.low + 28 * update,
      )
    })

    it('wraps every 300 ms in fast-wrap', async () => {
      await start({ preset: 'fast-wrap' })
      const path = `${zone0}/energy_uj`
      let wraps = 0
      let last = counts(path)
      const began = host.truth().seconds
      await until(() => {
        const now = counts(path)
        if (now < last) ++wraps
        last = now
        return wraps === 3
      })
      expect(host.truth().seconds - began).to.be.within(0.6, 0.95)
    })

    it('names zones as the kernel does, in links that are relative', async () => {
      await start({ preset: 'four-digits' })
      const folder = join(host.root, 'sys/class/powercap')
      expect(readdirSync(folder)).to.have.members([
        'intel-rapl',
        'intel-rapl:1000',
        'intel-rapl:1000:0',
        'intel-rapl:1001',
        'intel-rapl:1001:0',
        'intel-rapl:1002',
      ])
      expect(readlinkSync(join(folder, 'intel-rapl:1000:0'))).to.equal(
        '../../devices/virtual/powercap/intel-rapl/intel-rapl:1000/intel-rapl:1000:0',
      )
      expect(text('sys/class/powercap/intel-rapl:1001/name')).to.equal('package-1234\n')
      expect(text('sys/class/powercap/intel-rapl:1002/name')).to.equal('accelerator\n')
      expect(text('sys/devices/system/cpu/cpu0/topology/physical_package_id')).to.equal('0\n')
    })

    it('shows mirrored dies as one counter, and a mmio twin as another one', async () => {
      await start({ preset: 'mirrored-dies' })
      host.stick('package-0')
      const [one, two] = host.zones['package-0']!.map((zone) => number(`${zone}/energy_uj`))
      expect(one).to.equal(two)
      expect(text('sys/class/powercap/intel-rapl:1/name')).to.equal('package-0-die-1\n')
      await host.stop()

      await start({ preset: 'mmio-twin' })
      const twin = 'sys/class/powercap/intel-rapl-mmio:0'
      expect(text(`${twin}/name`)).to.equal(text(`${zone0}/name`))
      expect(text(`${twin}/max_energy_range_uj`)).to.equal('65532610987\n')
      await expectToFollow('package-0', () => counts(`${twin}/energy_uj`, 15258), 2 ** -16, 0.015)
    })

    it('gives the DRAM of Haswell servers in 15300 nJ, and psys of Sapphire Rapids in joules', async () => {
      await start({ preset: 'haswell-server' })
      expect(text('sys/class/powercap/intel-rapl:0:1/max_energy_range_uj')).to.equal(
        '65712999613\n',
      )
      await host.stop()
      await start({ preset: 'spr' })
      const psys = 'sys/class/powercap/intel-rapl:1'
      expect(text(`${psys}/max_energy_range_uj`)).to.equal('4294967295000000\n')
      expect(number(`${psys}/energy_uj`) % 1e6).to.equal(0)
    })

    it('can repeat after any range', async () => {
      await start({
        domains: { package: { watts: 100, rangeMicrojoules: 20e6, unit: 1e-6 } },
        sources: { powercap: true },
      })
      expect(number(`${zone0}/max_energy_range_uj`)).to.equal(20e6)
      const first = number(`${zone0}/energy_uj`)
      await until(() => number(`${zone0}/energy_uj`) < first)
      expect(first).to.be.at.most(20e6)
    })

    it('keeps the mode bits for other users', async () => {
      await start({ preset: 'intel-client' })
      const read = (file: string) =>
        spawnSync('cat', [join(host.root, zone0, file)], {
          uid: 65534,
          gid: 65534,
          encoding: 'utf8',
        })
      expect(read('name').stdout).to.equal('package-0\n')
      expect(read('energy_uj').stderr).to.contain('Permission denied')
      chmodSync(join(host.root, zone0, 'energy_uj'), 0o444)
      expect(read('energy_uj').stdout).to.match(/^\d+\n$/)
      host.mode(`${zone0}/energy_uj`, 0o400)
      expect(read('energy_uj').status).to.equal(1)
    })
  })

  describe('msr', () => {
    const register = (offset: number, size = 8, cpu = 0): Buffer => {
      const file = openSync(join(host.root, `dev/cpu/${cpu}/msr`), 'r')
      try {
        const buffer = Buffer.alloc(size)
        return buffer.subarray(0, readSync(file, buffer, 0, size, offset))
      } finally {
        closeSync(file)
      }
    }
    const value = (offset: number): bigint => register(offset).readBigUInt64LE()

    it('has the registers of Intel at their offsets, and EIO elsewhere', async () => {
      await start({ preset: 'intel-client' })
      expect(value(0x606)).to.equal(0xa0e03n)
      expect(value(0x614)).to.equal(65n * 8n)
      expect(value(0xbc)).to.equal(0n)
      for (const [offset, id, watts] of [
        [0x611, 'package-0', 28],
        [0x639, 'core-0', 17],
        [0x641, 'uncore-0', 3],
        [0x64d, 'psys-0', 41],
      ] as const) {
        await expectToFollow(id, () => Number(value(offset)), 2 ** -14, watts * update)
      }
      expect(() => value(0x619)).to.throw('EIO')
      expect(() => value(0x612)).to.throw('EIO')
    })

    it('repeats one register in longer reads and refuses odd sizes', async () => {
      await start({ preset: 'intel-client' })
      const twice = register(0x606, 16)
      expect(twice.length).to.equal(16)
      expect(twice.subarray(0, 8)).to.deep.equal(twice.subarray(8))
      expect(() => register(0x606, 12)).to.throw('EINVAL')
    })

    it('has the registers of AMD, which lie one byte apart', async () => {
      await start({ preset: 'amd-zen2' })
      expect(value(0xc0010299)).to.equal(0xa1003n)
      await expectToFollow('package-0', () => Number(value(0xc001029b)), 2 ** -16, 90 * update)
      await expectToFollow('core-0-0', () => Number(value(0xc001029a)), 2 ** -16, 1.5 * update)
      expect(() => value(0x606)).to.throw('EIO')
    })

    it('shows 64 bits where the counter has them, and reserved bits where it has not', async () => {
      await start({ preset: 'amd-zen4-64bit' })
      host.stick('package-0')
      const wide = value(0xc001029b)
      expect(Number(wide >> 12n)).to.be.within(0x12ffffff, 0x13000100)
      const uj = ((wide & 0xffffffffn) * 15258n) / 1000n
      expect(text(`${zone0}/energy_uj`)).to.equal(`${uj}\n`)
      await host.stop()
      await start({ preset: 'spr' })
      expect(value(0x611) >> 32n).to.equal(0x5a5a5a5an)
    })
  })

  describe('hwmon', () => {
    it('averages power over its window and holds it', async () => {
      const file = 'sys/class/hwmon/hwmon0/power1_average'
      const watts = 'step:10:110:0.5'
      await start({
        sources: {
          hwmon: [
            {
              name: 'power_meter',
              files: {
                power1_average: {
                  as: 'power',
                  of: 'board',
                  watts,
                  windowSeconds: 0.2,
                  refreshSeconds: 0.1,
                },
              },
            },
          ],
        },
      })
      expect(number(file)).to.equal(10e6)
      const seen = new Set<number>()
      await until(() => {
        seen.add(Math.round(number(file) / 1e6))
        return seen.has(110)
      })
      expect([...seen]).to.deep.equal([10, 60, 110])
    })

    it('counts microjoules in 64 bits', async () => {
      await start({ preset: 'hwmon-gpu' })
      const path = 'sys/class/hwmon/hwmon2/energy1_input'
      expect(text('sys/class/hwmon/hwmon2/name')).to.equal('xe\n')
      expect(statSync(join(host.root, 'sys/class/hwmon/hwmon2/device')).isDirectory()).to.equal(
        true,
      )
      await expectToFollow('xe-card', () => number(path), 1e-6, 75 * update)
    })
  })

  it('knows the exact integral of every curve', async () => {
    await start({
      domains: {
        package: { watts: 'ramp:10:50:0.05' },
        core: { watts: 'square:40:10:0.02:0.25' },
        dram: { watts: 'step:3:9:0.04' },
      },
      sources: { powercap: true },
    })
    await delay(110)
    const { seconds: t, joules } = host.truth()
    const periods = Math.floor(t / 0.02)
    const rest = t - periods * 0.02
    expect(t).to.be.above(0.1)
    expect(joules['package-0']).to.be.closeTo(30 * 0.05 + 50 * (t - 0.05), 1e-6)
    expect(joules['core-0']).to.be.closeTo(
      periods * 0.35 + 40 * Math.min(rest, 0.005) + 10 * Math.max(0, rest - 0.005),
      1e-6,
    )
    expect(joules['dram-0']).to.be.closeTo(3 * 0.04 + 9 * (t - 0.04), 1e-6)
  })

  describe('orders', () => {
    const path = `${zone0}/energy_uj`
    beforeEach(() => start({ preset: 'intel-client' }))

    it('changes the power without a leap in the counter', async () => {
      host.setWatts('package-0', 1000)
      await expectToFollow('package-0', () => counts(path), 2 ** -14, 1000 * update)
    })

    it('sticks and releases a counter', async () => {
      host.stick('package-0')
      const stuck = number(path)
      const from = host.truth().joules['package-0']!
      await until(() => host.truth().joules['package-0']! > from + 1)
      expect(number(path)).to.equal(stuck)
      host.release('package-0')
      expect(number(path)).to.be.above(stuck + 0.9e6)
    })

    it('sticks at a time that lies ahead', async () => {
      host.stick('package-0', '+0.1')
      const before = number(path)
      let last = before
      await until(() => {
        const now = number(path)
        const same = now === last && host.truth().reads[devicePath]! > 1
        last = now
        return same && now > before
      })
      const used = (counts(path) - Math.ceil((before * 1000) / 61035)) / 2 ** 14
      expect(used).to.be.within(0, 28 * 0.2)
    })
    const devicePath = 'sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj'

    it('makes a counter leap back and start again at 0', async () => {
      await until(() => host.truth().joules['package-0']! > 2)
      const before = number(path)
      host.jump('package-0', -1)
      expect(number(path)).to.be.within(before - 1e6, before - 0.5e6)
      host.reset('package-0')
      expect(number(path)).to.be.below(0.5e6)
    })

    it('spoils reads for a while', () => {
      host.fault(path, 'eio', { after: 2, times: 1 })
      const codes = [error(path), error(path), error(path), error(path)]
      // Each look costs two reads: the value, and the end of the file. Only the first counts.
      expect(codes).to.deep.equal([undefined, undefined, 'EIO', undefined])
      host.fault(path, 'garbage')
      expect(text(path)).to.equal('g@rbage\n')
      host.heal(path)
      expect(text(path)).to.match(/^\d+\n$/)
      host.fault(path, 'empty')
      expect(text(path)).to.equal('')
      host.heal(path)
      host.fault(path, 'text', { text: '4294967295000 %=\n' })
      expect(text(path)).to.equal('4294967295000 %=\n')
      host.heal(path)
      host.fault(path, 'eacces', { open: true })
      expect(() => openSync(join(host.root, path), 'r')).to.throw('EACCES')
    })

    it('takes a zone away under an open file, and brings it back', () => {
      const file = openSync(join(host.root, path), 'r')
      host.vanish(zone0)
      expect(() => readSync(file, Buffer.alloc(32), 0, 32, 0)).to.throw('ENODEV')
      expect(error(path)).to.equal('ENOENT')
      expect(readdirSync(join(host.root, 'sys/class/powercap'))).to.not.include('intel-rapl:0:0')
      host.appear(zone0)
      expect(readSync(file, Buffer.alloc(32), 0, 32, 0)).to.be.above(1)
      closeSync(file)
    })

    it('delays a read, and takes the value after the first delay', () => {
      host.latency(path, 60, 40)
      const before = host.truth()
      const value = bracket('package-0', () => counts(path))
      const after = host.truth()
      expect((after.ns - before.ns) / 1e6).to.be.above(100)
      host.latency(path, 0)
      host.setWatts('package-0', 0)
      // What the counter still grew by after that reading: the second delay, not the first.
      const rest = counts(path) / 2 ** 14 - value.value / 2 ** 14
      expect(rest).to.be.within(28 * 0.038, 28 * 0.099)
    })

    it('counts reads', () => {
      const file = openSync(join(host.root, path), 'r')
      for (let i = 0; i < 5; ++i) readSync(file, Buffer.alloc(32), 0, 32, 0)
      closeSync(file)
      expect(host.truth().reads[devicePath]).to.equal(5)
    })

    it('refuses what it does not know, and says why', () => {
      expect(() => host.control('power package-0 much')).to.throw('a profile is')
      expect(() => host.control('stick package-9')).to.throw('no such counter')
      expect(() => host.control('dance')).to.throw('no such order')
      expect(() => host.control('fault nowhere eio')).to.throw('no such path')
      expect(() => host.control('fault . eio', 'power package-0 1 when=3')).to.throw()
    })
  })

  describe('its end', () => {
    it('leaves no mount, no folder and no process, even with a file still open', async () => {
      await start({ preset: 'intel-client' })
      const live = join(host.root, 'live')
      const file = openSync(join(host.root, zone0, 'energy_uj'), 'r')
      expect(isMounted(live)).to.equal(true)
      expect(processes(host.root)).to.have.length(2)
      await host.stop()
      expect(isMounted(live)).to.equal(false)
      expect(existsSync(host.root)).to.equal(false)
      expect(processes(host.root)).to.deep.equal([])
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
      await start({ preset: 'intel-client' })
      const [guard, server] = processes(host.root)
      expect(parentOf(server!)).to.equal(guard)
      process.kill(server!, 'SIGKILL')
      await until(() => !existsSync(host.root))
      expect(isMounted(join(host.root, 'live'))).to.equal(false)
      await host.stop()
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

describe('the perf stand-in', () => {
  before(function () {
    this.timeout(60_000)
    const reason = perfUnavailable(2)
    if (reason) {
      process.stderr.write(`skipped: ${reason}\n`)
      this.skip()
    }
  })

  it('makes the set watts out of the real TSC', async () => {
    const host = await startHost({ preset: 'perf' })
    const folder = join(host.root, 'sys/bus/event_source/devices/power')
    const text = (path: string): string => readFileSync(join(folder, path), 'utf8').trim()
    expect(text('type')).to.equal(
      readFileSync('/sys/bus/event_source/devices/msr/type', 'utf8').trim(),
    )
    expect(text('cpumask')).to.equal('0,1')
    expect(text('events/energy-pkg.unit')).to.equal('Joules')
    const hz = measureTscHz(0.3)
    expect(hz / tscHz()).to.be.closeTo(1, 1e-4)
    expect(Number(text('events/energy-pkg.scale')) * hz).to.be.closeTo(65, 65e-4)
    expect(Number(text('events/energy-ram.scale')) * hz).to.be.closeTo(9.25, 9.25e-4)
    await host.stop()
    expect(existsSync(host.root)).to.equal(false)
  })

  it('refuses what it cannot show', async () => {
    const domains = { package: { watts: [65, 80] } }
    const refused = await startHost({ packages: 2, domains, sources: { perf: true } }).then(
      () => undefined,
      (error: Error) => error.message,
    )
    expect(refused).to.contain('one constant power')
  })
})

/** Looks again and again until it is so; the test's own time limit ends a vain wait. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5)
}

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
