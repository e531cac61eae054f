/** The GPUs of a machine, from what its kernel tells of them without waking one. */
import { join } from 'node:path'
import { linkedName, namesIn, oneLine, readLine, readText } from './files'

/** One GPU or accelerator. */
export interface GpuInfo {
  /** Name of the product; where nothing tells it, maker and PCI id: `AMD GPU 1002:73bf`. */
  name: string
  /** `nvidia`, `amd`, `intel`, `apple`; of others the PCI vendor in 4 hex digits; or empty. */
  vendor: string
  /** PCI address in lower case: `0000:65:00.0`. */
  pci?: string
  /** As the driver gives it: `GPU-…`. */
  uuid?: string
  /** Kernel driver: `nvidia`, `amdgpu`, `i915`, `vfio-pci` … */
  driver?: string
  /** Version of the driver, of those that have one besides the kernel's. */
  driverVersion?: string
}

/** What else is known of a GPU: a meter may see one that the kernel does not list, as in WSL. */
export type GpuFacts = { readonly [Key in keyof GpuInfo]?: GpuInfo[Key] | undefined }

/** A GPU whose name may still be unknown, with its PCI id: `1002:73bf`. */
type Found = Partial<GpuInfo> & { id?: string }

const VENDORS: Readonly<Record<string, string>> = {
  '10de': 'nvidia',
  '1002': 'amd',
  '8086': 'intel',
  '106b': 'apple',
}
const MAKERS: Readonly<Record<string, string>> = {
  nvidia: 'NVIDIA',
  amd: 'AMD',
  intel: 'Intel',
  apple: 'Apple',
}

/**
 * PCI vendors whose display controllers compute nothing: those of virtual machines (Cirrus, Hyper-V,
 * Bochs and QEMU, VMware, virtio, QXL, Parallels, Amazon, Xen, VirtualBox) and of board management
 * controllers (Matrox, Huawei, ASPEED).
 */
const NO_GPUS: ReadonlySet<string> = new Set([
  ...['1013', '1414', '1234', '15ad', '1af4', '1b36', '1ab8', '1d0f', '5853', '80ee'],
  ...['102b', '19e5', '1a03'],
])

/**
 * By PCI address those that the kernel lists, before them one that is part of the processor; then
 * those that only `known` tells of.
 */
export function listGpus(root: string, known: readonly GpuFacts[], ofChip?: GpuFacts): GpuInfo[] {
  const found = new Map<string, Found>()
  for (const gpu of onPci(root)) found.set(gpu.pci, gpu)
  for (const gpu of ofNvidia(root)) found.set(gpu.pci, { ...found.get(gpu.pci), ...gpu })
  const all = [...found.values()].sort((a, b) => order(a.pci).localeCompare(order(b.pci)))
  if (ofChip) all.unshift(told(ofChip))
  for (const facts of known) merge(all, cleaned(facts))
  return all.map(named)
}

/** The GPU of Apple's chips, which bears their name. */
export function appleGpu(brand: string): GpuFacts {
  return { name: brand, vendor: 'apple' }
}

/** What the kernel says stands; a GPU that is not there yet is added. */
function merge(all: Found[], more: Found): void {
  const same = all.find((gpu) => isSame(gpu, more))
  if (same) Object.assign(same, { ...more, ...same })
  else all.push(more)
}

/** By address, or where one has none by UUID; and no machine has two of Apple's. */
function isSame(one: Found, other: Found): boolean {
  if (one.pci && other.pci) return one.pci === other.pci
  if (one.uuid && other.uuid) return one.uuid.toLowerCase() === other.uuid.toLowerCase()
  return one.vendor === 'apple' && other.vendor === 'apple'
}

function cleaned({ name, vendor, pci, uuid, driver, driverVersion }: GpuFacts): Found {
  const maker = vendor || vendorIn(name ?? '')
  const address = pci && (pciAddress(pci) ?? pci.toLowerCase())
  return told({ name, vendor: maker, pci: address, uuid, driver, driverVersion })
}

function vendorIn(name: string): string {
  if (/nvidia|geforce|quadro|tesla/i.test(name)) return 'nvidia'
  if (/\bamd\b|radeon|instinct/i.test(name)) return 'amd'
  if (/\bintel\b/i.test(name)) return 'intel'
  return /\bapple\b/i.test(name) ? 'apple' : ''
}

function named({ id, name, vendor = '', ...rest }: Found): GpuInfo {
  return { name: name ?? [MAKERS[vendor], 'GPU', id].filter(Boolean).join(' '), vendor, ...rest }
}

/** Display controllers, and AMD's accelerators, with what sysfs holds in memory: no device wakes. */
function onPci(root: string): (Found & { pci: string })[] {
  const folder = join(root, 'sys/bus/pci/devices')
  return namesIn(folder).flatMap((name) => {
    const pci = pciAddress(name)
    const device = join(folder, name)
    // A server has hundreds of devices: most are told by their class alone.
    const kind = pci && hexIn(join(device, 'class'), 6)
    if (!kind || !/^(03|1200)/.test(kind)) return []
    const vendorId = hexIn(join(device, 'vendor'), 4)
    if (!vendorId || NO_GPUS.has(vendorId)) return []
    if (kind.startsWith('12') && vendorId !== '1002') return []
    // A virtual function on the machine that has the physical one too is a part of it.
    if (linkedName(join(device, 'physfn'))) return []
    const id = `${vendorId}:${hexIn(join(device, 'device'), 4) || '????'}`
    const driver = linkedName(join(device, 'driver'))
    const driverVersion = driver && readLine(join(root, 'sys/module', driver, 'version'))
    const product = driver === 'amdgpu' ? readLine(join(device, 'product_name')) : ''
    const vendor = VENDORS[vendorId] ?? vendorId
    return [{ ...told({ name: product, vendor, driver, driverVersion }), pci, id }]
  })
}

/** What NVIDIA's kernel driver tells of the devices that it holds. */
function ofNvidia(root: string): (Found & { pci: string })[] {
  const folder = join(root, 'proc/driver/nvidia')
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 …", or in the open one
  // "… UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (someone@somewhere) …".
  const about = readText(join(folder, 'version')) ?? ''
  const driverVersion = /^NVRM version:.*?\s(\d+(?:\.\d+)+)(?=\s|$)/m.exec(about)?.[1]
  return namesIn(join(folder, 'gpus')).flatMap((name) => {
    const at = pciAddress(name)
    const text = asleep(root, at) ? '' : readText(join(folder, 'gpus', name, 'information'))
    const value = (key: string) =>
      oneLine(new RegExp(`^${key}:[ \\t]*(.*)$`, 'm').exec(text ?? '')?.[1])
    const pci = at ?? pciAddress(value('Bus Location'))
    if (!pci) return []
    const model = value('Model')
    const uuid = value('GPU UUID')
    const facts = told({
      name: model === 'Unknown' ? '' : model,
      vendor: 'nvidia',
      // Question marks stand for the digits until the device is opened for the first time.
      uuid: uuid.includes('?') ? '' : uuid,
      driver: 'nvidia',
      driverVersion,
    })
    return [{ ...facts, pci }]
  })
}

/** Whether the device is powered down: NVIDIA's driver wakes it to answer a read of `information`. */
function asleep(root: string, pci: string | undefined): boolean {
  if (!pci) return false
  const status = join(root, 'sys/bus/pci/devices', pci, 'power/runtime_status')
  return readLine(status) === 'suspended'
}

/**
 * A PCI address as Linux writes it, `0000:65:00.0`: from upper case, from one without a domain, from
 * a domain of 8 digits as NVML has it; undefined where it is none.
 */
function pciAddress(text: string): string | undefined {
  const [, domain, rest] =
    /^(?:([\da-f]{1,8}):)?([\da-f]{2}:[\da-f]{2}\.[0-7])$/.exec(text.trim().toLowerCase()) ?? []
  if (rest === undefined) return undefined
  const digits = Number.parseInt(domain ?? '0', 16).toString(16)
  return `${digits.padStart(4, '0')}:${rest}`
}

/** Domains may have more than 4 digits. */
function order(pci = ''): string {
  return pci.padStart(16, '0')
}

/** `0x030000` as `030000`; empty where it is no number. */
function hexIn(path: string, digits: number): string {
  const [, hex] = /^0x([\da-f]+)$/i.exec(readLine(path)) ?? []
  return hex === undefined ? '' : hex.toLowerCase().padStart(digits, '0')
}

/** What is not empty, in one line each. */
function told(facts: GpuFacts): Found {
  const texts = Object.entries(facts).map(([key, value]) => [key, oneLine(value)])
  return Object.fromEntries(texts.filter(([, value]) => value))
}
