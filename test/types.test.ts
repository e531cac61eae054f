/** The types of the package as its users meet them: programs that compile, and errors that must be. */
import { join } from 'node:path'
import { expect } from 'chai'
import { runProgram } from './support/child'
import { mustBeBuilt, ROOT } from './support/process'

const TSC = join(ROOT, 'node_modules', '.bin', 'tsc')
const TYPES = join(ROOT, 'test', 'types')

describe('the types', function () {
  this.timeout(60_000)
  before(mustBeBuilt)

  /** What the compiler has to say, which is nothing if all is well. */
  async function compile(...options: string[]): Promise<string> {
    const { code, stdout, stderr } = await runProgram(TSC, options, { cwd: TYPES, timeout: 50_000 })
    return `${stdout}${stderr}` || (code === 0 ? '' : `code ${code}`)
  }

  for (const [name, options] of [
    ['as Node resolves them, for a module and for a script', ['--module', 'nodenext']],
    ['as Node 20 does', ['--module', 'node20']],
  ] as const) {
    it(`compile ${name}`, async () => {
      expect(await compile('-p', '.', ...options)).to.equal('')
    })
  }

  it('compile as a bundler resolves them', async () => {
    const options = ['--module', 'esnext', '--moduleResolution', 'bundler', '--noEmit', '--strict']
    const target = ['--target', 'esnext', '--types', 'node', '--ignoreConfig']
    expect(await compile(...options, ...target, 'module.mts')).to.equal('')
  })
})
