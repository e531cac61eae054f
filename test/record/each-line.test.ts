/** Lines of files, wherever the chunks that are read begin and end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { eachLine } from '../../lib/record/each-line'
import { MOST_LINE_BYTES } from '../../lib/record/lines'

const CHUNK = 65_536

describe('eachLine', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jouletap-lines-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function linesIn(text: string) {
    const path = join(folder, 'file')
    writeFileSync(path, text)
    const lines: { number: number; text: string | undefined; ended: boolean }[] = []
    await eachLine(
      path,
      { file: 2 ** 30, line: MOST_LINE_BYTES },
      ({ number, bytes, cut, ended }) => {
        lines.push({ number, text: cut ? undefined : bytes.toString(), ended })
      },
    )
    return lines
  }

  it('gives what split gives, with a last line that may lack its end', async () => {
    const lengths = [0, 1, CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5]
    for (const first of lengths) {
      for (const second of lengths) {
        for (const end of ['\n', '', '\nä']) {
          const text = `${'a'.repeat(first)}\n${'b'.repeat(second)}${end}`
          const parts = text.split('\n')
          const last = parts.pop()!
          const expected = parts.map((part, index) => ({
            number: index + 1,
            text: part,
            ended: true,
          }))
          if (last !== '') expected.push({ number: parts.length + 1, text: last, ended: false })
          const found = await linesIn(text)
          // A difference of megabytes is not to be printed.
          expect(
            JSON.stringify(found) === JSON.stringify(expected),
            `${first}, ${second}`,
          ).to.equal(true)
        }
      }
    }
  })

  it('withholds a line that is too long, and counts it', async () => {
    const told = async (bytes: number) => {
      const lines = await linesIn(`${'x'.repeat(bytes)}\nnext`)
      return lines.map(({ number, text }) => [number, text?.length])
    }
    expect(await told(MOST_LINE_BYTES)).to.deep.equal([
      [1, MOST_LINE_BYTES],
      [2, 4],
    ])
    for (const bytes of [MOST_LINE_BYTES + 1, MOST_LINE_BYTES + CHUNK, 3 * MOST_LINE_BYTES]) {
      expect(await told(bytes)).to.deep.equal([
        [1, undefined],
        [2, 4],
      ])
    }
  })
})
