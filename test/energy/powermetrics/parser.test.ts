// What powermetrics prints, in the forms that are known of it, and in forms that are wrong.
import { expect } from 'chai'
import { createParser, type PowerSample } from '../../../lib/energy/powermetrics/parser'

const DOCTYPE =
  '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">'

/** A property list with these entries in its `processor`, among the others that are there. */
function plist(processor: string, elapsed = '<integer>1003450000</integer>'): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
${DOCTYPE}
<plist version="1.0">
<dict>
<key>is_delta</key><true/>
<key>elapsed_ns</key>${elapsed}
<key>hw_model</key><string>Mac14,9</string>
<key>gpu_power</key><dict><key>gpu_power</key><real>9999</real></dict>
<key>processor</key>
<dict>
<key>clusters</key>
<array><dict>
<key>name</key><string>E-Cluster</string>
<key>cpu_power</key><real>7777</real>
<key>cpus</key><array><dict><key>cpu</key><integer>0</integer><key>empty</key><array/></dict></array>
</dict></array>
${processor}
</dict>
<key>gpu</key><dict><key>gpu_energy</key><integer>31</integer></dict>
</dict>
</plist>
`
}

const keys = (figures: Record<string, string>) =>
  Object.entries(figures)
    .map(([key, figure]) => `<key>${key}</key>\n${figure}`)
    .join('\n')

const POWERS = keys({
  ane_power: '<real>0.0</real>',
  combined_power: '<real>1234.5</real>',
  cpu_power: '<real>1180.25</real>',
  gpu_power: '<integer>54</integer>',
})

const MACOS_12 = `Machine model: MacBookPro18,2
OS version: 21G72
Boot arguments:

*** Sampled system activity (Tue Aug 16 23:39:54 2022 +0200) (1003.45ms elapsed) ***

**** Processor usage ****

E-Cluster Online: 100%
E-Cluster Power: 396 mW
CPU 0 frequency: 2064 MHz
P0-Cluster Power: 784 mW
CPU Power: 1180.25 mW
GPU Power: 54 mW
ANE Power: 0 mW
Combined Power (CPU + GPU + ANE): 1234 mW

`

const MACOS_15 = `
*** Sampled system activity (Sat Feb 14 00:42:06 2026 -0500) (503.05ms elapsed) ***

**** Processor usage ****

CPU Power: 210 mW
GPU Power: 8 mW
ANE Power: .5 mW
Combined Power (CPU + GPU + ANE): 218 mW

**** GPU usage ****

GPU HW active residency:   0.97% (444 MHz: .97% 612 MHz:   0%)
GPU Power: 4 mW
`

/** The parts and their sum in another order, and the sum by another name. */
const MACOS_11 = `
*** Sampled system activity (Mon Jan  4 10:00:00 2021 +0100) (5009.00ms elapsed) ***
ANE Power: 0 mW
DRAM Power: 62 mW
CPU Power: 93 mW
GPU Power: 11 mW
Package Power: 166 mW
`

const FORMS: [string, string, PowerSample[]][] = [
  [
    'property lists with NUL between them',
    `${plist(POWERS)}\0${plist(POWERS.replace('1180.25', '2e3'))}\0`,
    [
      { elapsedMs: 1003.45, watts: [1.18025, 0.054, 0] },
      { elapsedMs: 1003.45, watts: [2, 0.054, 0] },
    ],
  ],
  [
    'text of macOS 12 and 15',
    MACOS_12 + MACOS_15,
    [
      { elapsedMs: 1003.45, watts: [1.18025, 0.054, 0] },
      { elapsedMs: 503.05, watts: [0.21, 0.008, 0.0005] },
    ],
  ],
  ['text of macOS 11', MACOS_11, [{ elapsedMs: 5009, watts: [0.093, 0.011, 0] }]],
  [
    'text without a sum, once the next sample begins',
    MACOS_12.replace(/Combined.*\n/, '') + MACOS_15,
    [
      { elapsedMs: 1003.45, watts: [1.18025, 0.054, 0] },
      { elapsedMs: 503.05, watts: [0.21, 0.008, 0.0005] },
    ],
  ],
]

const read = (text: string) => createParser().read(text)
/** The watts of one list with these entries. */
const wattsOf = (figures: Record<string, string>) => read(plist(keys(figures)))[0]!.watts

describe('the parser of powermetrics', () => {
  for (const [form, text, samples] of FORMS) {
    it(`reads ${form}`, () => expect(read(text)).to.deep.equal(samples))

    it(`reads ${form}, wherever they are cut`, () => {
      for (let cut = 1; cut < text.length; cut++) {
        const parser = createParser()
        const found = [...parser.read(text.slice(0, cut)), ...parser.read(text.slice(cut))]
        expect(found, `cut at ${cut}`).to.deep.equal(samples)
      }
      const parser = createParser()
      expect([...text].flatMap(parser.read)).to.deep.equal(samples)
    })
  }

  it('has a list as soon as it ends, not when the next one comes', () => {
    const text = plist(POWERS)
    const end = text.indexOf('</plist>') + '</plist>'.length
    const parser = createParser()
    expect(parser.read(text.slice(0, end - 1))).to.deep.equal([])
    expect(parser.read(text.slice(end - 1, end))).to.have.length(1)
  })

  it('takes a part that is not told for unknown, not for zero', () => {
    const [cpu, gpu] = ['<real>1000</real>', '<real>20</real>']
    expect(wattsOf({ cpu_power: cpu, gpu_power: gpu })).to.deep.equal([1, 0.02, undefined])
    const text = MACOS_12.replace(/GPU Power.*\n/, '')
    expect(read(text)[0]!.watts).to.deep.equal([1.18025, undefined, 0])
  })

  for (const figure of ['-5', '1000001', '1e99', '1,234', 'nan', '', '12 mW', '0x10']) {
    it(`does not believe ${JSON.stringify(figure)} mW`, () => {
      expect(wattsOf({ gpu_power: `<real>${figure}</real>` })[1]).to.equal(undefined)
      const text = MACOS_12.replace('GPU Power: 54 mW', `GPU Power: ${figure} mW`)
      expect(read(text)[0]!.watts).to.deep.equal([1.18025, undefined, 0])
    })
  }

  it('does not believe that the CPU draws nothing, as a virtual machine is told', () => {
    const none = '<real>0</real>'
    const watts = wattsOf({ cpu_power: none, gpu_power: none, ane_power: none })
    expect(watts).to.deep.equal([undefined, 0, 0])
  })

  it('takes the energy of a sample where its power is not told', () => {
    const watts = wattsOf({ cpu_energy: '<integer>2007</integer>', gpu_energy: '<real>31</real>' })
    expect(watts[0]).to.be.closeTo(2007 / 1003.45, 1e-12) // mJ ÷ ms
    expect(watts[1]).to.be.closeTo(31 / 1003.45, 1e-12)
  })

  for (const elapsed of ['<integer>-1</integer>', '<real>1e30</real>', '<string>1</string>', '']) {
    it(`does not believe a sample of ${elapsed || 'no'} length`, () => {
      expect(read(plist(POWERS, elapsed))).to.deep.equal([
        { elapsedMs: undefined, watts: [1.18025, 0.054, 0] },
      ])
    })
  }

  it('passes over what is none of its business, and a list that is torn', () => {
    const torn = plist(POWERS.replace('1180.25', '3000')).slice(0, 700)
    const text = `\0\uFFFDsecond warning <key>\n<plis\n${torn}\0${plist(POWERS)}CPU Power: 9 mW\n`
    expect(read(text).map(({ watts }) => watts)).to.deep.equal([[1.18025, 0.054, 0]])
  })

  it('finds a sample after more of a torn list than it keeps', () => {
    const parser = createParser()
    for (let megabyte = 0; megabyte < 6; megabyte++) {
      expect(parser.read(`<plist>${'x'.repeat(1 << 20)}`)).to.deep.equal([])
    }
    expect(parser.read(`\n${plist(POWERS)}`)).to.have.length(1)
  })
})
