/** What is told about the machine of a run: enough to judge a number, nothing that names a person. */
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'

/** The machine and the software that measured. */
export interface HostInfo {
  /** `linux`, `darwin`, `win32` … */
  platform: string
  /** `x64`, `arm64` … */
  arch: string
  /** Release of the kernel. */
  kernel: string
  /** Brand string of the processor; empty where the system does not tell. */
  cpu: string
  logicalCpus: number
  memoryBytes: number
  /** Version of Node, without the `v`. */
  node: string
  /** Version of jouletap. */
  jouletap: string
}

/** Describes this machine. No host name, no user name. */
export function hostInfo(): HostInfo {
  const processors = cpus()
  const brand = processors[0]?.model.trim() ?? ''
  return {
    platform: process.platform,
    arch: process.arch,
    kernel: release(),
    cpu: brand === 'unknown' ? '' : brand,
    logicalCpus: processors.length,
    memoryBytes: totalmem(),
    node: process.versions.node,
    jouletap: version(),
  }
}

/** The version of this package. */
export function version(): string {
  const about = require(join(__dirname, '..', '..', 'package.json')) as { version: string }
  return about.version
}
