// The GPUs of a simulated host: a library that stands in for NVIDIA's, and what the kernel tells of them.
import { openPage } from '../nvml/page'
import { type GpuOptions, type Stub, startStub } from '../nvml/stub'
import type { Files } from '../support/tree'

export interface Gpus {
  stub: Stub
  /** Below the root. */
  files: Files
  /** Ids of their domains, gpu-<PCI address>, by the stub's indices. */
  ids: string[]
  /** What each has truly used between two times of process.hrtime. */
  joules(fromNs: number, toNs: number): Record<string, number>
  /** Ends it, once. */
  stop(): void
}

/** As the stub's own of generation 570. */
const driver = '570.86.15'

export function startGpus(options: GpuOptions[]): Gpus {
  const stub = startStub({ gpus: options, knobs: { driver_version: driver } })
  const cards = options.map((_, index) => cardOf(stub, index))
  let running = true
  const stop = (): void => {
    process.removeListener('exit', stop)
    if (running) stub.dispose()
    running = false
  }
  process.once('exit', stop)
  return {
    stub,
    files: Object.assign({ 'proc/driver/nvidia/version': version }, ...cards.map(filesOf)),
    ids: cards.map(({ pci }) => `gpu-${pci}`),
    joules(fromNs, toNs) {
      const [from, to] = [fromNs, toNs].map((ns) => BigInt(Math.round(ns))) as [bigint, bigint]
      return Object.fromEntries(
        cards.map(({ pci }, index) => [`gpu-${pci}`, stub.joules(index, from, to)]),
      )
    },
    stop,
  }
}

interface CardFacts {
  name: string
  uuid: string
  pci: string
  minor: number
}

/** What the stub's page says, whoever wrote it. */
function cardOf(stub: Stub, index: number): CardFacts {
  const page = openPage(stub.control)
  try {
    const at = (knob: string): string => `gpus.${index}.${knob}`
    const hex = (knob: string, digits: number): string =>
      page.number(at(knob)).toString(16).padStart(digits, '0')
    return {
      name: page.text(at('name')),
      uuid: page.text(at('uuid')),
      pci: `${hex('pci_domain', 4)}:${hex('pci_bus', 2)}:${hex('pci_device', 2)}.0`,
      minor: page.number(at('minor_number')),
    }
  } finally {
    page.close()
  }
}

const version =
  `NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  ${driver}  Release Build  (simulated)\n` +
  'GCC version:  gcc version 12.2.0\n'

function filesOf({ name, uuid, pci, minor }: CardFacts): Files {
  const device = `sys/bus/pci/devices/${pci}`
  return {
    [`proc/driver/nvidia/gpus/${pci}/information`]:
      `Model: \t\t ${name}\n` +
      `GPU UUID: \t ${uuid}\n` +
      'Bus Type: \t PCIe\n' +
      `Bus Location: \t ${pci}\n` +
      `Device Minor: \t ${minor}\n`,
    [`${device}/vendor`]: '0x10de\n',
    // A 3D controller, and the stub's own device id.
    [`${device}/class`]: '0x030200\n',
    [`${device}/device`]: '0x20b0\n',
    [`${device}/power/runtime_status`]: 'active\n',
  }
}
