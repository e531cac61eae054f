/** Marks that a program sends: what a line means, and how lines come in. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { type Inlet, type Mark, openInlet, parseMark } from '../../../lib/tracker/marks'

describe('a line that a program sends', () => {
  for (const [line, mark] of [
    ['epoch', { kind: 'begin' }],
    ['epoch 3', { kind: 'begin', epoch: 3 }],
    ['epoch 3/10', { kind: 'begin', epoch: 3, epochs: 10 }],
    ['epoch begin 3', { kind: 'begin', epoch: 3 }],
    ['epoch begin', { kind: 'begin' }],
    ['epoch end 3', { kind: 'end', epoch: 3 }],
    ['epoch end 3/10', { kind: 'end', epoch: 3, epochs: 10 }],
    ['epoch end', { kind: 'end' }],
    ['  epoch   0 ', { kind: 'begin', epoch: 0 }],
    ['phase eval', { kind: 'phase', name: 'eval' }],
    ['phase load data – 1', { kind: 'phase', name: 'load data – 1' }],
  ] as const) {
    it(`is a mark: ${line}`, () => {
      expect(parseMark(line)).to.deep.equal(mark)
    })
  }

  for (const line of [
    '',
    'Epoch 3',
    'epoch three',
    'epoch -1',
    'epoch 3.5',
    'epoch 9999999999999999',
    'epoch 3/',
    'epoch3',
    'phase',
    'phase a\u0007b',
    `phase ${'x'.repeat(101)}`,
    'begin 3',
  ]) {
    it(`is none: ${JSON.stringify(line.slice(0, 30))}`, () => {
      expect(parseMark(line)).to.equal(undefined)
    })
  }
})

describe('marks that come in', () => {
  let marks: Mark[]
  let remarks: string[]
  const open = (via: 'descriptor' | 'socket') => {
    marks = []
    remarks = []
    return openInlet({
      via,
      mark: (mark) => marks.push(mark),
      remark: (sentence) => remarks.push(sentence),
    })
  }

  describe('by a descriptor', () => {
    let inlet: Inlet
    let stream: PassThrough

    beforeEach(async () => {
      inlet = await open('descriptor')
      stream = new PassThrough()
      inlet.read!(stream)
    })
    afterEach(() => inlet.end())

    it('are named by the first number after stderr', () => {
      expect(inlet.name).to.equal('3')
    })

    it('are read in order, wherever they are cut, up to the last without a line end', async () => {
      for (const part of ['epo', 'ch 1/2\nphase ev', 'al\nepoch 2/2\nepo', 'ch end 2']) {
        stream.write(part)
      }
      await inlet.end()
      expect(marks).to.deep.equal([
        { kind: 'begin', epoch: 1, epochs: 2 },
        { kind: 'phase', name: 'eval' },
        { kind: 'begin', epoch: 2, epochs: 2 },
        { kind: 'end', epoch: 2 },
      ])
    })

    it('go on after lines that are none, of which the first is told', async () => {
      stream.write('epoch 1\nnonsense "x"\nmore\nepoch 2\n')
      await inlet.end()
      expect(marks).to.have.length(2)
      expect(remarks).to.have.length(1)
      expect(remarks[0]).to.match(/^What was written to JOULETAP_MARKS holds the line .*\.$/)
      expect(remarks[0]).to.contain('"nonsense \\"x\\""')
    })

    it('take no memory where a line never ends', async () => {
      const held = () => {
        gc!()
        return process.memoryUsage().arrayBuffers
      }
      const before = held()
      const chunk = Buffer.alloc(65_536, 'epoch ')
      for (let n = 0; n < 160; n++) {
        if (!stream.write(chunk)) await once(stream, 'drain')
      }
      expect(held() - before).to.be.below(2 ** 20)
      stream.write('\nepoch 7\n')
      await inlet.end()
      expect(marks).to.deep.equal([{ kind: 'begin', epoch: 7 }])
      expect(remarks).to.have.length(1)
      expect(remarks[0]!.length).to.be.below(300)
    })

    it('outlive a stream that fails', async () => {
      stream.write('epoch 1\n')
      await new Promise((resolve) => setImmediate(resolve))
      stream.destroy(new Error('gone'))
      await inlet.end()
      expect(marks).to.have.length(1)
    })
  })

  describe('by a socket', () => {
    it('come from several programs, and the last words of each count', async () => {
      const inlet = await open('socket')
      const [one, two] = [connect(inlet.name), connect(inlet.name)]
      one.end('epoch 1\n')
      await once(one, 'close')
      two.end('epoch 2')
      await once(two, 'close')
      await inlet.end()
      expect(marks).to.have.deep.members([
        { kind: 'begin', epoch: 1 },
        { kind: 'begin', epoch: 2 },
      ])
    })

    it('come to where no other user may look, and nothing of it is left', async () => {
      const inlet = await open('socket')
      const folder = dirname(inlet.name)
      expect(statSync(folder).mode & 0o777).to.equal(0o700)
      const client = connect(inlet.name)
      await once(client, 'connect')
      await Promise.all([inlet.end(), inlet.end()])
      if (!client.closed) await once(client, 'close')
      expect(existsSync(folder)).to.equal(false)
    })

    it('come to a short path, however long that of the temporary folder is', async () => {
      const deep = mkdtempSync(join(tmpdir(), `jouletap-${'long'.repeat(30)}-`))
      const usual = process.env.TMPDIR
      process.env.TMPDIR = deep
      try {
        const inlet = await open('socket')
        expect(inlet.name.length).to.be.below(104)
        await inlet.end()
      } finally {
        if (usual === undefined) delete process.env.TMPDIR
        else process.env.TMPDIR = usual
        rmSync(deep, { recursive: true })
      }
    })
  })
})
