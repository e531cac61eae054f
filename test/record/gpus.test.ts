/** The GPUs of a machine: those of /proc and /sys, and those that only a meter knows. */
import { expect } from 'chai'
import { type GpuFacts, type GpuInfo, hostInfo } from '../../lib/record'
import { type Files, makeTree } from '../support/tree'

/** The GPUs of a machine that holds these files. */
function gpusOf(files: Files, gpus: readonly GpuFacts[] = []): GpuInfo[] {
  using tree = makeTree(files)
  return hostInfo({ root: tree.root, gpus }).gpus
}

/** A device on the PCI bus: its class, its ids, and what holds it. */
function device(pci: string, kind: string, id: string, driver = '', more: Files = {}): Files {
  const [vendor, product] = id.split(':')
  const folder = `sys/bus/pci/devices/${pci}`
  const files: Files = {
    class: `0x${kind}\n`,
    vendor: `0x${vendor}\n`,
    device: `0x${product}\n`,
    ...(driver && { driver: { link: `../../../../bus/pci/drivers/${driver}` } }),
    ...more,
  }
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]),
  )
}

/** What NVIDIA's driver says of a device that it holds. */
function held(pci: string, model: string, uuid: string): Files {
  const lines = [
    `Model: \t\t ${model}`,
    'IRQ:   \t\t 43',
    `GPU UUID: \t ${uuid}`,
    'Video BIOS: \t 92.00.45.00.03',
    'Bus Type: \t PCIe',
    `Bus Location: \t ${pci}`,
    'Device Minor: \t 0',
  ]
  return { [`proc/driver/nvidia/gpus/${pci}/information`]: `${lines.join('\n')}\n` }
}

/** The version of NVIDIA's driver, closed or open. */
const CLOSED =
  'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023'
const OPEN =
  'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (root@build)  Thu Jan 23'
const versioned = (line: string): Files => ({
  'proc/driver/nvidia/version': `${line}\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n`,
})

const A100 = 'NVIDIA A100-SXM4-40GB'
const UUIDS = [
  'GPU-5b2c1e0a-1111-2222-3333-444455556666',
  'GPU-c0ffee00-1111-2222-3333-444455556666',
]
const TWO: Files = {
  ...versioned(CLOSED),
  ...device('0000:65:00.0', '030200', '10de:20b0', 'nvidia'),
  ...held('0000:65:00.0', A100, UUIDS[0]!),
  ...device('0000:ca:00.0', '030200', '10de:20b0', 'nvidia'),
  ...held('0000:ca:00.0', A100, UUIDS[1]!),
}
const nvidia = { vendor: 'nvidia', driver: 'nvidia', driverVersion: '535.129.03' }

describe('GPUs of NVIDIA', () => {
  it('are told by their driver', () => {
    expect(gpusOf(TWO)).to.deep.equal([
      { name: A100, pci: '0000:65:00.0', uuid: UUIDS[0], ...nvidia },
      { name: A100, pci: '0000:ca:00.0', uuid: UUIDS[1], ...nvidia },
    ])
  })

  it('are told with the version of the open driver too', () => {
    const [first] = gpusOf({ ...TWO, ...versioned(OPEN) })
    expect(first).to.include({ driver: 'nvidia', driverVersion: '570.86.15' })
  })

  it('are told without the version where no line gives one', () => {
    const [first] = gpusOf({ ...TWO, ...versioned('NVRM version: none of your business') })
    expect(first).to.include({ name: A100, driver: 'nvidia' })
    expect(first).to.not.have.property('driverVersion')
  })

  it('have no UUID before their first use', () => {
    const [first] = gpusOf(held('0000:65:00.0', A100, 'GPU-????????-????-????-????-????????????'))
    expect(first).to.deep.equal({
      name: A100,
      vendor: 'nvidia',
      pci: '0000:65:00.0',
      driver: 'nvidia',
    })
  })

  it('are not woken: of one that sleeps the bus is asked', () => {
    const asleep = { 'sys/bus/pci/devices/0000:65:00.0/power/runtime_status': 'suspended\n' }
    const awake = { 'sys/bus/pci/devices/0000:ca:00.0/power/runtime_status': 'active\n' }
    expect(gpusOf({ ...TWO, ...asleep, ...awake })).to.deep.equal([
      { name: 'NVIDIA GPU 10de:20b0', pci: '0000:65:00.0', ...nvidia },
      { name: A100, pci: '0000:ca:00.0', uuid: UUIDS[1], ...nvidia },
    ])
  })

  it('are told without their driver as well', () => {
    const files = device('0000:01:00.0', '030000', '10de:1b80', 'nouveau')
    expect(gpusOf(files)).to.deep.equal([
      { name: 'NVIDIA GPU 10de:1b80', vendor: 'nvidia', pci: '0000:01:00.0', driver: 'nouveau' },
    ])
  })

  it('are told where the driver answers nonsense', () => {
    const files: Files = {
      'proc/driver/nvidia/gpus/0000:01:00.0/information': null,
      'proc/driver/nvidia/gpus/0000:02:00.0/information': 'Model: \t\t Unknown\nGPU UUID:',
      'proc/driver/nvidia/gpus/0/information': 'Model: \t\t NVIDIA L4\n',
      'proc/driver/nvidia/gpus/1/information':
        'Bus Location: \t 0000:03:00.0\nModel: \t\t NVIDIA L4\n',
    }
    expect(gpusOf(files).map(({ name, pci }) => [pci, name])).to.deep.equal([
      ['0000:01:00.0', 'NVIDIA GPU'],
      ['0000:02:00.0', 'NVIDIA GPU'],
      ['0000:03:00.0', 'NVIDIA L4'],
    ])
  })
})

describe('GPUs on the bus', () => {
  it('are those of AMD and Intel, not that of the board management controller', () => {
    const files: Files = {
      ...device('0000:00:02.0', '030000', '8086:4680', 'i915'),
      ...device('0000:03:00.0', '030000', '1002:740f', 'amdgpu', {
        product_name: 'AMD Instinct MI210\n',
      }),
      ...device('0000:04:00.0', '030000', '1002:73bf', 'amdgpu'),
      ...device('0000:05:00.0', '120000', '1002:74a1', 'amdgpu'),
      ...device('0000:06:00.0', '120000', '1da3:1020', 'habanalabs'),
      ...device('0000:07:00.0', '030000', '1a03:2000', 'ast'),
      ...device('0000:08:00.0', '020000', '8086:1533', 'igb'),
      ...device('0000:09:00.0', '040300', '1002:ab28', 'snd_hda_intel'),
      'sys/module/amdgpu/version': '6.10.5\n',
    }
    const amd = { vendor: 'amd', driver: 'amdgpu', driverVersion: '6.10.5' }
    expect(gpusOf(files)).to.deep.equal([
      { name: 'Intel GPU 8086:4680', vendor: 'intel', pci: '0000:00:02.0', driver: 'i915' },
      { name: 'AMD Instinct MI210', pci: '0000:03:00.0', ...amd },
      { name: 'AMD GPU 1002:73bf', pci: '0000:04:00.0', ...amd },
      { name: 'AMD GPU 1002:74a1', pci: '0000:05:00.0', ...amd },
    ])
  })

  it('are not those that virtual machines pretend', () => {
    const vendors = ['1234', '15ad', '1af4', '1414', '1b36', '80ee', '1013', '1d0f', '102b', '1a03']
    const files = vendors.map((vendor, i) => device(`0000:0${i}:00.0`, '030000', `${vendor}:1111`))
    expect(gpusOf(Object.assign({}, ...files))).to.deep.equal([])
  })

  it('count once where they are split into virtual functions', () => {
    const files = {
      ...device('0000:3a:00.0', '038000', '8086:56c0', 'xe'),
      ...device('0000:3a:00.1', '038000', '8086:56c0', 'xe', {
        physfn: { link: '../0000:3a:00.0' },
      }),
    }
    expect(gpusOf(files).map(({ pci }) => pci)).to.deep.equal(['0000:3a:00.0'])
  })

  it('may be of a maker that is known by number only, and held by none', () => {
    expect(gpusOf(device('0000:01:00.0', '030000', '1ed5:0222'))).to.deep.equal([
      { name: 'GPU 1ed5:0222', vendor: '1ed5', pci: '0000:01:00.0' },
    ])
  })

  it('come by address, whatever the length of its domain', () => {
    const addresses = ['10000:e1:00.0', '0001:00:00.0', '0000:ff:00.0', '0000:0a:00.0']
    const files = addresses.map((pci) => device(pci, '030000', '1002:73bf'))
    const found = gpusOf(Object.assign({}, ...files)).map(({ pci }) => pci)
    expect(found).to.deep.equal([...addresses].reverse())
  })

  it('are told by their address alone where the ids are nonsense', () => {
    const files = {
      ...device('0000:01:00.0', '03', 'xyz:1'),
      ...device('0000:02:00.0', '030000', '1002:', 'amdgpu', { product_name: '\u0007\n' }),
      ...device('not-an-address', '030000', '1002:73bf'),
    }
    expect(gpusOf(files).map(({ name }) => name)).to.deep.equal(['AMD GPU 1002:????'])
  })
})

describe('GPUs that a meter knows', () => {
  it('are found again by an address in any form, or by UUID, and add what is missing', () => {
    const asleep = { 'sys/bus/pci/devices/0000:65:00.0/power/runtime_status': 'suspended\n' }
    const gpus = gpusOf({ ...TWO, ...asleep }, [
      { name: A100, uuid: UUIDS[0], pci: '00000000:65:00.0', driverVersion: '1' },
      { name: 'Another name', uuid: UUIDS[1]!.toUpperCase() },
    ])
    expect(gpus).to.deep.equal(gpusOf(TWO))
  })

  it('are listed where the kernel lists none, as in WSL', () => {
    const known = [
      { name: 'NVIDIA GeForce RTX 4070', uuid: UUIDS[0], driverVersion: '551.23' },
      { name: 'AMD Radeon RX 7900 XT', pci: '03:00.0' },
      { name: 'Something', vendor: '1ed5' },
      {},
    ]
    expect(gpusOf({}, known)).to.deep.equal([
      {
        name: 'NVIDIA GeForce RTX 4070',
        vendor: 'nvidia',
        uuid: UUIDS[0],
        driverVersion: '551.23',
      },
      { name: 'AMD Radeon RX 7900 XT', vendor: 'amd', pci: '0000:03:00.0' },
      { name: 'Something', vendor: '1ed5' },
      { name: 'GPU', vendor: '' },
    ])
  })

  it('count once where two meters know the same', () => {
    const twice = [
      { name: 'NVIDIA L4', uuid: UUIDS[0] },
      { uuid: UUIDS[0], pci: 'AB:00.0' },
    ]
    expect(gpusOf({}, twice)).to.deep.equal([
      { name: 'NVIDIA L4', vendor: 'nvidia', uuid: UUIDS[0], pci: '0000:ab:00.0' },
    ])
  })
})

describe('the GPU of an Apple chip', () => {
  const { platform, arch } = process
  const pretend = (values: object) => {
    for (const [name, value] of Object.entries(values)) {
      Object.defineProperty(process, name, { value, configurable: true, enumerable: true })
    }
  }
  before(() => pretend({ platform: 'darwin', arch: 'arm64' }))
  after(() => pretend({ platform, arch }))

  it('bears the name of the chip, and is one, whoever else knows it', () => {
    const files = { 'proc/cpuinfo': 'model name : Apple M2 Pro\n' }
    const apple = { name: 'Apple M2 Pro', vendor: 'apple' }
    expect(gpusOf(files)).to.deep.equal([apple])
    expect(gpusOf(files, [{ name: 'Apple GPU' }])).to.deep.equal([apple])
  })
})
