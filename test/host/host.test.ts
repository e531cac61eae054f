// The simulated host's counters are true: the tests of everything else stand on them.

import { spawnSync } from 'node:child_process'
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
import { measureTscHz, perfUnavailable, startHost, tscHz } from './host'
import { Bench, needsHost, range, until, update, zone0 } from './testing'

describe('the simulated host', () => {
  const bench = new Bench()
  const { text, number, counts, bracket } = bench
  before(needsHost)
  afterEach(() => bench.stop())

  describe('powercap', () => {
    it('follows the set watts against the clock', async () => {
      await bench.start({ preset: 'intel-server-2s' })
      const first = bench.host.truth()
      await delay(100)
      const last = bench.host.truth()
      const seconds = (last.ns - first.ns) / 1e9
      expect(last.joules['package-0']! - first.joules['package-0']!).to.be.closeTo(
        65 * seconds,
        1e-6,
      )
      expect(last.ns).to.be.closeTo(Number(process.hrtime.bigint()), 5e7)
      for (const [id, watts] of Object.entries({ 'package-1': 65, 'core-0': 41, 'dram-1': 9.25 })) {
        const [folder = ''] = bench.host.zones[id]!
        await bench.expectToFollow(
          id,
          () => counts(`${folder}/energy_uj`),
          2 ** -14,
          watts * update,
        )
      }
    })

    it('moves in steps of 1/1024 s and in whole counts', async () => {
      await bench.start({
        preset: 'intel-client',
        domains: { package: { watts: 64, phase: 0.0004 } },
      })
      const file = openSync(join(bench.host.root, zone0, 'energy_uj'), 'r')
      const buffer = Buffer.alloc(32)
      const values: number[] = []
      const begin = process.hrtime.bigint()
      while (process.hrtime.bigint() - begin < 60_000_000n) {
        const size = readSync(file, buffer, 0, 32, 0)
        values.push(Number(buffer.toString('latin1', 0, size)))
      }
      closeSync(file)
      const distinct = [...new Set(values)]
      expect(distinct.length).to.be.within(20, 64)
      const moves = distinct.slice(1).map((value, index) => value - distinct[index]!)
      expect(Math.min(...moves)).to.be.closeTo(62500, 62) // 64 W × 1/1024 s, give or take a count
      for (const value of values) {
        const raw = Math.ceil((value * 1000) / 61035)
        expect(Math.floor((raw * 61035) / 1000)).to.equal(value)
        // 64 W fill 1024 counts a step: any two readings are whole steps apart.
        const apart = raw - Math.ceil((values[0]! * 1000) / 61035)
        expect(Math.abs(apart - 1024 * Math.round(apart / 1024))).to.be.at.most(1)
      }
    })

    it('wraps at 2^32 counts', async () => {
      await bench.start({ preset: 'intel-client' })
      expect(number(`${zone0}/max_energy_range_uj`)).to.equal(262143328850)
      bench.host.nearWrap('package-0', 1)
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
      await bench.start({ preset: 'fast-wrap' })
      const path = `${zone0}/energy_uj`
      let wraps = 0
      let last = counts(path)
      const began = bench.host.truth().seconds
      await until(() => {
        const now = counts(path)
        if (now < last) ++wraps
        last = now
        return wraps === 3
      })
      expect(bench.host.truth().seconds - began).to.be.within(0.6, 0.95)
    })

    it('names zones as the kernel does, in links that are relative', async () => {
      await bench.start({ preset: 'four-digits' })
      const folder = join(bench.host.root, 'sys/class/powercap')
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
      await bench.start({ preset: 'mirrored-dies' })
      bench.host.stick('package-0')
      const [one, two] = bench.host.zones['package-0']!.map((zone) => number(`${zone}/energy_uj`))
      expect(one).to.equal(two)
      expect(text('sys/class/powercap/intel-rapl:1/name')).to.equal('package-0-die-1\n')
      await bench.stop()

      await bench.start({ preset: 'mmio-twin' })
      const twin = 'sys/class/powercap/intel-rapl-mmio:0'
      expect(text(`${twin}/name`)).to.equal(text(`${zone0}/name`))
      expect(text(`${twin}/max_energy_range_uj`)).to.equal('65532610987\n')
      await bench.expectToFollow(
        'package-0',
        () => counts(`${twin}/energy_uj`, 15258),
        2 ** -16,
        0.015,
      )
    })

    it('gives the DRAM of Haswell servers in 15300 nJ, and psys of Sapphire Rapids in joules', async () => {
      await bench.start({ preset: 'haswell-server' })
      expect(text('sys/class/powercap/intel-rapl:0:1/max_energy_range_uj')).to.equal(
        '65712999613\n',
      )
      await bench.stop()
      await bench.start({ preset: 'spr' })
      const psys = 'sys/class/powercap/intel-rapl:1'
      expect(text(`${psys}/max_energy_range_uj`)).to.equal('4294967295000000\n')
      expect(number(`${psys}/energy_uj`) % 1e6).to.equal(0)
    })

    it('can repeat after any range', async () => {
      await bench.start({
        domains: { package: { watts: 100, rangeMicrojoules: 20e6, unit: 1e-6 } },
        sources: { powercap: true },
      })
      expect(number(`${zone0}/max_energy_range_uj`)).to.equal(20e6)
      const first = number(`${zone0}/energy_uj`)
      await until(() => number(`${zone0}/energy_uj`) < first)
      expect(first).to.be.at.most(20e6)
    })

    it('keeps the mode bits for other users', async () => {
      await bench.start({ preset: 'intel-client' })
      const read = (file: string) =>
        spawnSync('cat', [join(bench.host.root, zone0, file)], {
          uid: 65534,
          gid: 65534,
          encoding: 'utf8',
        })
      expect(read('name').stdout).to.equal('package-0\n')
      expect(read('energy_uj').stderr).to.contain('Permission denied')
      chmodSync(join(bench.host.root, zone0, 'energy_uj'), 0o444)
      expect(read('energy_uj').stdout).to.match(/^\d+\n$/)
      bench.host.mode(`${zone0}/energy_uj`, 0o400)
      expect(read('energy_uj').status).to.equal(1)
    })
  })

  describe('msr', () => {
    const register = (offset: number, size = 8, cpu = 0): Buffer => {
      const file = openSync(join(bench.host.root, `dev/cpu/${cpu}/msr`), 'r')
      try {
        const buffer = Buffer.alloc(size)
        return buffer.subarray(0, readSync(file, buffer, 0, size, offset))
      } finally {
        closeSync(file)
      }
    }
    const value = (offset: number): bigint => register(offset).readBigUInt64LE()

    it('has the registers of Intel at their offsets, and EIO elsewhere', async () => {
      await bench.start({ preset: 'intel-client' })
      expect(value(0x606)).to.equal(0xa0e03n)
      expect(value(0x614)).to.equal(65n * 8n)
      expect(value(0xbc)).to.equal(0n)
      for (const [offset, id, watts] of [
        [0x611, 'package-0', 28],
        [0x639, 'core-0', 17],
        [0x641, 'uncore-0', 3],
        [0x64d, 'psys-0', 41],
      ] as const) {
        await bench.expectToFollow(id, () => Number(value(offset)), 2 ** -14, watts * update)
      }
      expect(() => value(0x619)).to.throw('EIO')
      expect(() => value(0x612)).to.throw('EIO')
    })

    it('repeats one register in longer reads and refuses odd sizes', async () => {
      await bench.start({ preset: 'intel-client' })
      const twice = register(0x606, 16)
      expect(twice.length).to.equal(16)
      expect(twice.subarray(0, 8)).to.deep.equal(twice.subarray(8))
      expect(() => register(0x606, 12)).to.throw('EINVAL')
    })

    it('has the registers of AMD, which lie one byte apart', async () => {
      await bench.start({ preset: 'amd-zen2' })
      expect(value(0xc0010299)).to.equal(0xa1003n)
      await bench.expectToFollow(
        'package-0',
        () => Number(value(0xc001029b)),
        2 ** -16,
        90 * update,
      )
      await bench.expectToFollow(
        'core-0-0',
        () => Number(value(0xc001029a)),
        2 ** -16,
        1.5 * update,
      )
      expect(() => value(0x606)).to.throw('EIO')
    })

    it('shows 64 bits where the counter has them, and reserved bits where it has not', async () => {
      await bench.start({ preset: 'amd-zen4-64bit' })
      bench.host.stick('package-0')
      const wide = value(0xc001029b)
      expect(Number(wide >> 12n)).to.be.within(0x12ffffff, 0x13000100)
      const uj = ((wide & 0xffffffffn) * 15258n) / 1000n
      expect(text(`${zone0}/energy_uj`)).to.equal(`${uj}\n`)
      await bench.stop()
      await bench.start({ preset: 'spr' })
      expect(value(0x611) >> 32n).to.equal(0x5a5a5a5an)
    })
  })

  describe('hwmon', () => {
    it('averages power over its window and holds it', async () => {
      const file = 'sys/class/hwmon/hwmon0/power1_average'
      const watts = 'step:10:110:0.5'
      await bench.start({
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
      await bench.start({ preset: 'hwmon-gpu' })
      const path = 'sys/class/hwmon/hwmon2/energy1_input'
      expect(text('sys/class/hwmon/hwmon2/name')).to.equal('xe\n')
      expect(
        statSync(join(bench.host.root, 'sys/class/hwmon/hwmon2/device')).isDirectory(),
      ).to.equal(true)
      await bench.expectToFollow('xe-card', () => number(path), 1e-6, 75 * update)
    })
  })

  it('knows the exact integral of every curve', async () => {
    await bench.start({
      domains: {
        package: { watts: 'ramp:10:50:0.05' },
        core: { watts: 'square:40:10:0.02:0.25' },
        dram: { watts: 'step:3:9:0.04' },
      },
      sources: { powercap: true },
    })
    await delay(110)
    const { seconds: t, joules } = bench.host.truth()
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
})

describe('the perf stand-in', () => {
  const bench = new Bench()
  afterEach(() => bench.stop())
  before(function () {
    this.timeout(60_000)
    const reason = perfUnavailable(2)
    if (reason) {
      process.stderr.write(`skipped: ${reason}\n`)
      this.skip()
    }
  })

  it('makes the set watts out of the real TSC', async () => {
    await bench.start({ preset: 'perf' })
    const { host } = bench
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
