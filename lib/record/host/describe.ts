/** Gathers what `hostInfo` tells. */
import { release, version as systemVersion, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { version } from '../version'
import { readCpu } from './cpu'
import { oneLine, readText } from './files'
import { appleGpu, listGpus } from './gpus'
import type { HostInfo, HostOptions } from './index'
import { containerOf, virtualMachineOf } from './surroundings'

/** See `hostInfo`. */
export function describe({ root = '/', gpus = [] }: HostOptions): HostInfo {
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
