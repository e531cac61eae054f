// Orders change the simulated host while it runs.

import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { Bench, needsHost, until, update, zone0 } from './testing'

describe('the simulated host', () => {
  const bench = new Bench()
  const { text, number, counts, bracket, error } = bench
  before(needsHost)
  afterEach(() => bench.stop())

  describe('orders', () => {
    const path = `${zone0}/energy_uj`
    beforeEach(() => bench.start({ preset: 'intel-client' }))

    it('changes the power without a leap in the counter', async () => {
      bench.host.setWatts('package-0', 1000)
      await bench.expectToFollow('package-0', () => counts(path), 2 ** -14, 1000 * update)
    })

    it('sticks and releases a counter', async () => {
      bench.host.stick('package-0')
      const stuck = number(path)
      const from = bench.host.truth().joules['package-0']!
      await until(() => bench.host.truth().joules['package-0']! > from + 1)
      expect(number(path)).to.equal(stuck)
      bench.host.release('package-0')
      expect(number(path)).to.be.above(stuck + 0.9e6)
    })

    it('sticks at a time that lies ahead', async () => {
      bench.host.stick('package-0', '+0.1')
      const before = number(path)
      let last = before
      await until(() => {
        const now = number(path)
        const same = now === last && bench.host.truth().reads[devicePath]! > 1
        last = now
        return same && now > before
      })
      const used = (counts(path) - Math.ceil((before * 1000) / 61035)) / 2 ** 14
      expect(used).to.be.within(0, 28 * 0.2)
    })
    const devicePath = 'sys/devices/virtual/powercap/intel-rapl/intel-rapl:0/energy_uj'

    it('makes a counter leap back and start again at 0', async () => {
      await until(() => bench.host.truth().joules['package-0']! > 2)
      const before = number(path)
      bench.host.jump('package-0', -1)
      expect(number(path)).to.be.within(before - 1e6, before - 0.5e6)
      bench.host.reset('package-0')
      expect(number(path)).to.be.below(0.5e6)
    })

    it('spoils reads for a while', () => {
      bench.host.fault(path, 'eio', { after: 2, times: 1 })
      const codes = [error(path), error(path), error(path), error(path)]
      // Each look costs two reads: the value, and the end of the file. Only the first counts.
      expect(codes).to.deep.equal([undefined, undefined, 'EIO', undefined])
      bench.host.fault(path, 'garbage')
      expect(text(path)).to.equal('g@rbage\n')
      bench.host.heal(path)
      expect(text(path)).to.match(/^\d+\n$/)
      bench.host.fault(path, 'empty')
      expect(text(path)).to.equal('')
      bench.host.heal(path)
      bench.host.fault(path, 'text', { text: '4294967295000 %=\n' })
      expect(text(path)).to.equal('4294967295000 %=\n')
      bench.host.heal(path)
      bench.host.fault(path, 'eacces', { open: true })
      expect(() => openSync(join(bench.host.root, path), 'r')).to.throw('EACCES')
    })

    it('takes a zone away under an open file, and brings it back', () => {
      const file = openSync(join(bench.host.root, path), 'r')
      bench.host.vanish(zone0)
      expect(() => readSync(file, Buffer.alloc(32), 0, 32, 0)).to.throw('ENODEV')
      expect(error(path)).to.equal('ENOENT')
      expect(readdirSync(join(bench.host.root, 'sys/class/powercap'))).to.not.include(
        'intel-rapl:0:0',
      )
      bench.host.appear(zone0)
      expect(readSync(file, Buffer.alloc(32), 0, 32, 0)).to.be.above(1)
      closeSync(file)
    })

    it('delays a read, and takes the value after the first delay', () => {
      bench.host.latency(path, 60, 40)
      const before = bench.host.truth()
      const value = bracket('package-0', () => counts(path))
      const after = bench.host.truth()
      expect((after.ns - before.ns) / 1e6).to.be.above(100)
      bench.host.latency(path, 0)
      bench.host.setWatts('package-0', 0)
      // What the counter still grew by after that reading: the second delay, not the first.
      const rest = counts(path) / 2 ** 14 - value.value / 2 ** 14
      expect(rest).to.be.within(28 * 0.038, 28 * 0.099)
    })

    it('counts reads', () => {
      const file = openSync(join(bench.host.root, path), 'r')
      for (let i = 0; i < 5; ++i) readSync(file, Buffer.alloc(32), 0, 32, 0)
      closeSync(file)
      expect(bench.host.truth().reads[devicePath]).to.equal(5)
    })

    it('refuses what it does not know, and says why', () => {
      expect(() => bench.host.control('power package-0 much')).to.throw('a profile is')
      expect(() => bench.host.control('stick package-9')).to.throw('no such counter')
      expect(() => bench.host.control('dance')).to.throw('no such order')
      expect(() => bench.host.control('fault nowhere eio')).to.throw('no such path')
      expect(() => bench.host.control('fault . eio', 'power package-0 1 when=3')).to.throw()
    })
  })
})
