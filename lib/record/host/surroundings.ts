/** What a system runs in: a container, a virtual machine, or neither. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn, readLine, readText } from './files'

/** How container managers call themselves, in `container=` and in `/run/systemd/container`. */
const MANAGERS = new Map([
  ['docker', 'docker'],
  ['podman', 'podman'],
  ['lxc', 'lxc'],
  ['lxc-libvirt', 'lxc'],
  ['systemd-nspawn', 'systemd-nspawn'],
  ['wsl', 'wsl'],
])

/** Control groups that managers make; a service such as docker.service is not one of them. */
const GROUPS: Signs = [
  [/\/kubepods\b/, 'kubernetes'],
  [/\/docker[/-][\da-f]{12}/, 'docker'],
  [/\/libpod[/-]/, 'podman'],
  [/\/lxc(\/|\.payload\.)/, 'lxc'],
]

type Signs = readonly (readonly [RegExp, string])[]

/**
 * The manager of the container; `unknown` where there is one that is not known by name; empty where
 * nothing tells of any. `environment` is that of a process inside.
 */
export function containerOf(root: string, environment: NodeJS.ProcessEnv = {}): string {
  const has = (path: string) => existsSync(join(root, path))
  const group = nameIn(GROUPS, readText(join(root, 'proc/self/cgroup')) ?? '')
  // Kubernetes first: its containers also bear the marks of what it starts them with.
  if (environment.KUBERNETES_SERVICE_HOST || has('run/secrets/kubernetes.io')) return 'kubernetes'
  if (group === 'kubernetes') return group
  if (has('run/.containerenv')) return 'podman'
  if (has('.dockerenv')) return 'docker'
  if (has('.singularity.d')) return 'apptainer'
  const manager = managerOf(root)
  if (manager) return MANAGERS.get(manager) ?? 'unknown'
  if (group) return group
  if (has('proc/vz') && !has('proc/bc')) return 'openvz'
  return isWsl(root) ? 'wsl' : ''
}

/** What the first process was told at its start, or what systemd noted of it for all to read. */
function managerOf(root: string): string {
  const first = readText(join(root, 'proc/1/environ')) ?? ''
  const [, told] = /(?:^|\0)container=([^\0]*)/.exec(first) ?? []
  return told || readLine(join(root, 'run/systemd/container'))
}

function isWsl(root: string): boolean {
  return /microsoft|wsl/i.test(readLine(join(root, 'proc/sys/kernel/osrelease')))
}

/** What the firmware of virtual machines says, vendor and product in one line. */
const MACHINES: Signs = [
  [/^Microsoft Corporation Virtual Machine/, 'Hyper-V'],
  [/VMware/, 'VMware'],
  [/VirtualBox/, 'VirtualBox'],
  [/Parallels/, 'Parallels'],
  [/Apple Virtualization/, 'Apple Virtualization'],
  [/^Cloud Hypervisor/, 'Cloud Hypervisor'],
  [/BHYVE/, 'bhyve'],
  [/^Xen/, 'Xen'],
  [/\b(KVM|AHV)\b|KubeVirt|RHEV|oVirt/, 'KVM'],
  [/^QEMU|^Bochs/, 'QEMU'],
]

/** Clouds whose firmware says the same in a virtual machine as on the bare metal. */
const CLOUDS: Signs = [
  [/^Amazon EC2/, 'Amazon EC2'],
  [/Google Compute Engine/, 'Google Compute Engine'],
  [/^DigitalOcean/, 'DigitalOcean'],
  [/^Hetzner vServer/, 'Hetzner'],
  [/^Alibaba Cloud/, 'Alibaba Cloud'],
  [/OpenStack/, 'OpenStack'],
]

/**
 * The hypervisor, or the cloud, that a virtual machine runs on; `unknown` where there is one that does
 * not say its name; empty where nothing tells of any. `hypervised`: whether the processor says that it
 * is virtual, undefined where it cannot.
 */
export function virtualMachineOf(root: string, hypervised: boolean | undefined): string {
  // Xen's first domain, which drives the hardware, is no guest of it.
  if (/control_d/.test(readLine(join(root, 'proc/xen/capabilities')))) return ''
  const dmi = join(root, 'sys/class/dmi/id')
  const firmware = `${readLine(join(dmi, 'sys_vendor'))} ${readLine(join(dmi, 'product_name'))}`
  const bare = hypervised === false || /\bmetal\b/.test(firmware)
  const name = nameIn(MACHINES, firmware) || (bare ? '' : nameIn(CLOUDS, firmware))
  if (name) return name
  if (readLine(join(root, 'sys/hypervisor/type')) === 'xen') return 'Xen'
  return deviceTreeOf(root) || (hypervised ? nameless(root) : '')
}

/** On ARM and POWER the hypervisor is a node of the device tree: `linux,kvm`, `xen,xen-4.17`. */
function deviceTreeOf(root: string): string {
  const node = join(root, 'sys/firmware/devicetree/base/hypervisor')
  const compatible = readLine(join(node, 'compatible'))
  if (/\bxen\b/.test(compatible)) return 'Xen'
  if (/\bkvm\b/.test(compatible)) return 'KVM'
  if (/vmware/.test(compatible)) return 'VMware'
  return namesIn(node).length > 0 ? 'unknown' : ''
}

function nameless(root: string): string {
  return isWsl(root) ? 'Hyper-V' : 'unknown'
}

function nameIn(signs: Signs, text: string): string {
  return signs.find(([sign]) => sign.test(text))?.[1] ?? ''
}
