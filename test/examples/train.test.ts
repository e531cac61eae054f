/** The trainings among the examples, shortened: they run as their first lines say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runCli, runProgram } from '../support/child'
import { mustBeBuilt, ROOT } from '../support/process'

const EPOCHS = 4
/** Epochs, and points of each. */
const SHORT = [`${EPOCHS}`, '2000']

/** What stands behind a program in the first lines of an example, up to it, with 4 epochs. */
function wordsIn(example: string, program: string): string[] {
  const source = readFileSync(join(ROOT, example), 'utf8')
  const from = source.indexOf(` ${program} `) + program.length + 2
  const words = source.slice(from, source.indexOf(example) + example.length)
  return words.replace('--epochs 10', `--epochs ${EPOCHS}`).split(' ')
}

/** The shares of right answers grow. */
function expectLearnt(stdout: string, share: RegExp): void {
  const right = [...stdout.matchAll(share)].map(([, text]) => Number(text))
  expect(right).to.have.length(EPOCHS)
  expect(right.at(-1)!).to.be.above(right[0]!)
}

describe('examples/train.mjs', () => {
  before(mustBeBuilt)

  it('learns, and tells what each epoch used and what all of them did', async () => {
    const words = [...wordsIn('examples/train.mjs', 'node'), ...SHORT]
    const { code, stdout, stderr } = await runProgram(process.execPath, words)
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(/^jouletap: 4 epochs will use .*predicted after 3 epochs$/m)
    expect(stderr).to.match(/^jouletap: 4 epochs used /m)
    expectLearnt(stdout, /^epoch \d: ([\d.]+) % right$/gm)
    expect(stdout.match(/^epoch \d: [\d.]+ ± [\d.]+ J in [\d.]+ s$/gm)).to.have.length(EPOCHS)
    expect(stdout).to.match(/^all: [\d.]+ J, and [\d.]+ J between epochs$/m)
  })
})

describe('examples/train.py', () => {
  it('learns, and prints its epochs as Keras does', async () => {
    const { code, stdout, stderr } = await runProgram('python3', ['examples/train.py', ...SHORT])
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const lines = Array.from({ length: EPOCHS }, (_, index) => `Epoch ${index + 1}/${EPOCHS}`)
    expect(stdout.match(/^Epoch \d\/\d$/gm)).to.deep.equal(lines)
    expectLearnt(stdout, /^accuracy: (0\.\d{3})$/gm)
  })

  it('has its epochs counted', async () => {
    const { code, stderr } = await runCli([...wordsIn('examples/train.py', 'jouletap'), ...SHORT])
    expect(code, stderr).to.equal(0)
    expect(stderr).to.match(/^jouletap: 4 epochs used /m)
  })
})
