/** What is told about the machine of a run: enough to judge a number, nothing that names a person. */
import type { GpuFacts, GpuInfo } from './gpus'

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
export function hostInfo(options: HostOptions = {}): HostInfo {
  // Loading the package takes a tenth less without them, and whoever measures may never ask.
  const { describe } = require('./describe') as typeof import('./describe')
  return describe(options)
}
