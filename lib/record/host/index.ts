/** What is told about the machine of a run: enough to judge a number, nothing that names a person. */
import { release, version as systemVersion, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { readCpu } from './cpu'
import { oneLine, readText } from './files'
import { appleGpu, type GpuFacts, type GpuInfo, listGpus } from './gpus'
import { containerOf, virtualMachineOf } from './surroundings'

export type { GpuFacts, GpuInfo } from './gpus'

/** The machine and the software that measured. What the system does not tell is empty, or 0. */
export interface HostInfo {
  /** `linux`, `darwin`, `win32` … */
  platform: string
  /** `x64`, `arm64` … */
  arch: string
  /** The system by its own name: `Debian GNU/Linux 12 (bookworm)`, `macOS 14.5`; or empty. */
  os: string
  /** Release of the kernel. */
  kernel: string
  /**
   * Brand string of the processor: `AMD EPYC 7543 32-Core Processor`. On ARM Linux, which has none,
   * its cores: `ARM Cortex-A55 + ARM Cortex-A76`; else the name of the board; or empty.
   */
  cpu: string
  /** Physical processors, sockets, as the system, or a hypervisor, shows them; 0 where unknown. */
  packages: number
  /** Hardware threads that are online. */
  logicalCpus: number
  memoryBytes: number
  /** By PCI address; those that have none come last. Without the graphics of virtual machines and BMCs. */
  gpus: GpuInfo[]
  /**
   * What manages the container: `docker`, `podman`, `kubernetes`, `lxc`, `systemd-nspawn`, `apptainer`,
   * `openvz`, `wsl`; `unknown` for another; empty where there are no signs of one, which proves little.
   */
  container: string
  /**
   * What the virtual machine runs on: `KVM`, `QEMU`, `VMware`, `Hyper-V`, `Xen`, `Amazon EC2` …;
   * `unknown` where the processor says no more than that it is virtual; empty where there are no signs
   * of one. Told on Linux only.
   */
  virtualMachine: string
  /** Version of Node, without the `v`. */
  node: string
  /** Version of jouletap. */
  jouletap: string
}

/** What `hostInfo` may be told. */
export interface HostOptions {
  /** The folder that stands for `/` when `/sys`, `/proc` and `/etc` are read. Default `/`. */
  root?: string
  /** What a meter, or anyone, knows of GPUs: it is added to what the system lists. */
  gpus?: readonly GpuFacts[]
}

/**
 * Describes this machine, in milliseconds and from files alone. Whatever it finds, it throws nothing,
 * starts nothing, wakes no device, and tells no host name and no user name.
 */
export function hostInfo({ root = '/', gpus = [] }: HostOptions = {}): HostInfo {
  const { platform, arch } = process
  const cpu = readCpu(root)
  const ofChip = platform === 'darwin' && arch === 'arm64' ? appleGpu(cpu.brand) : undefined
  return {
    platform,
    arch,
    os: osName(root, platform),
    kernel: release(),
    cpu: cpu.brand,
    packages: cpu.packages,
    logicalCpus: cpu.threads,
    memoryBytes: totalmem(),
    gpus: listGpus(root, gpus, ofChip),
    // Of a system below another root, this process's environment tells nothing.
    container: containerOf(root, root === '/' ? process.env : {}),
    virtualMachine: virtualMachineOf(root, cpu.hypervised),
    node: process.versions.node,
    jouletap: version(),
  }
}

/** The system by its own name; empty where a Linux has no os-release(5). */
function osName(root: string, platform: string): string {
  if (platform === 'linux') return linuxName(root)
  if (platform === 'darwin') return macName(root)
  // Elsewhere the version of the kernel may name who built it, and where.
  return platform === 'win32' ? oneLine(systemVersion()) : `${type()} ${release()}`
}

function linuxName(root: string): string {
  const text = readText(join(root, 'etc/os-release')) ?? readText(join(root, 'usr/lib/os-release'))
  const value = (name: string) => unquoted(new RegExp(`^${name}=(.*)$`, 'm').exec(text ?? '')?.[1])
  return value('PRETTY_NAME') || `${value('NAME')} ${value('VERSION')}`.trim()
}

/** A value as a shell reads it. */
function unquoted(text = ''): string {
  const [, , inside = text] = /^\s*(["'])(.*)\1\s*$/.exec(text) ?? []
  return oneLine(inside.replace(/\\(["'$`\\])/g, '$1'))
}

function macName(root: string): string {
  const about = readText(join(root, 'System/Library/CoreServices/SystemVersion.plist')) ?? ''
  const [, number] = /<key>ProductVersion<\/key>\s*<string>([\d.]+)<\/string>/.exec(about) ?? []
  return number ? `macOS ${number}` : `${type()} ${release()}`
}

/** The version of this package. */
export function version(): string {
  const about = require(join(__dirname, '..', '..', '..', 'package.json')) as { version: string }
  return about.version
}
