/** What is told of a machine: of a made one what its files say, of this one what can be true. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { type HostInfo, hostInfo } from '../../lib/record'
import { type CpuTree, cpuTree, type Files, makeTree } from '../support/tree'

/** What is told of a machine that holds these files. */
function told(files: Files): HostInfo {
  using tree = makeTree(files)
  return hostInfo({ root: tree.root })
}

/** The same, were Node of another platform. */
function toldOn(platform: string, arch: string, files: Files): HostInfo {
  const real = { platform: process.platform, arch: process.arch }
  const pretend = (values: object) => {
    for (const [name, value] of Object.entries(values)) {
      Object.defineProperty(process, name, { value, configurable: true, enumerable: true })
    }
  }
  pretend({ platform, arch })
  try {
    return told(files)
  } finally {
    pretend(real)
  }
}

const XEON: CpuTree = {
  vendor: 'GenuineIntel',
  family: 6,
  model: 85,
  name: 'Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz',
  packages: [0, 1],
  cpusPerPackage: 3,
}

describe('hostInfo of this machine', () => {
  it('tells every fact, and each as it can be', () => {
    const host = hostInfo()
    expect(Object.keys(host)).to.deep.equal([
      'platform',
      'arch',
      'os',
      'kernel',
      'cpu',
      'packages',
      'logicalCpus',
      'memoryBytes',
      'gpus',
      'container',
      'virtualMachine',
      'node',
      'jouletap',
    ])
    expect(host).to.include({
      platform: process.platform,
      arch: process.arch,
      kernel: release(),
      logicalCpus: cpus().length,
      memoryBytes: totalmem(),
      node: process.versions.node,
    })
    expect(host.packages).to.be.within(0, host.logicalCpus)
    expect(host.jouletap).to.match(/^\d+\.\d+\.\d+/)
    expect(JSON.parse(JSON.stringify(host))).to.deep.equal(host)
  })

  it('has nothing to start a process or a connection with', () => {
    const folder = join(__dirname, '../../lib/record/host')
    const sources = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
    const modules = sources.join().matchAll(/(?:from|require\() ?'([^.'][^']*)'/g)
    expect(new Set([...modules].map(([, name]) => name))).to.deep.equal(
      new Set(['node:fs', 'node:os', 'node:path']),
    )
  })

  it('takes less than 20 ms', () => {
    const times = Array.from({ length: 10 }, () => {
      const from = performance.now()
      hostInfo()
      return performance.now() - from
    })
    expect(Math.min(...times)).to.be.below(20)
  })
})

describe('the name of the system', () => {
  const etc = (text: string): Files => ({ 'etc/os-release': text })
  const both = { 'etc/os-release': 'PRETTY_NAME=Mine', 'usr/lib/os-release': 'PRETTY_NAME=Theirs' }
  const debian = 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n'
  const cases: [string, Files, string][] = [
    ['stands in double quotes', etc(debian), 'Debian GNU/Linux 12 (bookworm)'],
    ['or in single ones', etc("PRETTY_NAME='Arch Linux'"), 'Arch Linux'],
    ['or in none', etc('PRETTY_NAME=Void\n'), 'Void'],
    ['may quote a quote', etc('PRETTY_NAME="The \\"Best\\" Linux"\n'), 'The "Best" Linux'],
    ['is else name and version', etc('NAME="Alpine Linux"\nVERSION=3.20\n'), 'Alpine Linux 3.20'],
    ['is where the vendor puts it', { 'usr/lib/os-release': 'PRETTY_NAME=NixOS' }, 'NixOS'],
    ['is the administrator’s first', both, 'Mine'],
    ['gives no orders to a terminal', etc('PRETTY_NAME="\u001b[31mRed Linux"'), ''],
    ['is empty where nothing tells it', {}, ''],
  ]
  for (const [how, files, os] of cases) {
    it(how, () => expect(toldOn('linux', 'x64', files).os).to.equal(os))
  }

  it('is the version of a Mac, and elsewhere the kernel', () => {
    const plist = [
      '<key>ProductName</key>\n\t<string>macOS</string>',
      '<key>ProductVersion</key>\n\t<string>14.5</string>',
    ]
    const mac = { 'System/Library/CoreServices/SystemVersion.plist': plist.join('\n') }
    expect(toldOn('darwin', 'arm64', mac).os).to.equal('macOS 14.5')
    expect(toldOn('darwin', 'arm64', {}).os).to.equal(`${type()} ${release()}`)
    expect(toldOn('freebsd', 'x64', {}).os).to.equal(`${type()} ${release()}`)
  })
})

describe('the processor', () => {
  /** A machine with one CPU of each of these implementers and parts. */
  const arm = (...ids: [number, number][]): Files => ({
    'proc/cpuinfo': ids
      .map(
        ([maker, part], i) =>
          `processor\t: ${i}\nCPU implementer\t: 0x${maker.toString(16)}\nCPU part\t: 0x${part.toString(16).padStart(3, '0')}\n`,
      )
      .join('\n'),
  })
  const board = (model: string): Files => ({
    'sys/firmware/devicetree/base/model': `${model}\0`,
  })

  it('is named by its brand, and counted', () => {
    const { cpu, packages, logicalCpus } = told(cpuTree(XEON))
    expect({ cpu, packages, logicalCpus }).to.deep.equal({
      cpu: 'Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz',
      packages: 2,
      logicalCpus: 6,
    })
  })

  it('is named by its cores on ARM, and counted by topology', () => {
    const altra = { ...XEON, vendor: 'ARM', model: 0xd0c, packages: [0, 1], cpusPerPackage: 4 }
    const { cpu, packages, logicalCpus } = told(cpuTree(altra))
    expect({ cpu, packages, logicalCpus }).to.deep.equal({
      cpu: 'ARM Neoverse-N1',
      packages: 2,
      logicalCpus: 8,
    })
  })

  it('is named by each kind of its cores once', () => {
    const rk3588 = arm([0x41, 0xd05], [0x41, 0xd05], [0x41, 0xd0b], [0x41, 0xd0b])
    expect(told(rk3588).cpu).to.equal('ARM Cortex-A55 + ARM Cortex-A76')
    expect(told(arm([0x46, 1])).cpu).to.equal('Fujitsu A64FX')
  })

  it('is named by its board, else by numbers, where the cores are new', () => {
    const unheard = arm([0x41, 0xfff], [0x41, 0xd0b])
    expect(told({ ...unheard, ...board('Example Board 3') }).cpu).to.equal('Example Board 3')
    expect(told(unheard).cpu).to.equal('ARM CPU 41:fff + 41:d0b')
    expect(told({ ...unheard, ...board('linux,dummy-virt') }).cpu).to.match(/^ARM CPU/)
  })

  it('is not named by what 32-bit ARM calls a name', () => {
    const old = { 'proc/cpuinfo': 'processor : 0\nmodel name : ARMv7 Processor rev 3 (v7l)\n' }
    expect(told({ ...old, ...board('BeagleBone Black') }).cpu).to.equal('BeagleBone Black')
  })

  it('has 0 packages where nobody counts them', () => {
    expect(told(arm([0x41, 0xd08])).packages).to.equal(0)
    const unknown = { 'sys/devices/system/cpu/cpu0/topology/physical_package_id': '-1\n' }
    expect(told({ ...arm([0x41, 0xd08]), ...unknown }).packages).to.equal(0)
  })
})

describe('the container', () => {
  const id = '3f4e1c9d8b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e'
  const cgroup = (path: string): Files => ({ 'proc/self/cgroup': `4:memory:${path}\n0::/\n` })
  const init = (environ: string): Files => ({ 'proc/1/environ': environ })
  const kernel = (name: string): Files => ({ 'proc/sys/kernel/osrelease': `${name}\n` })
  const cases: [string, Files, string][] = [
    ['nothing', {}, ''],
    ['the mark of Docker', { '.dockerenv': '' }, 'docker'],
    ['the mark of Podman', { 'run/.containerenv': 'engine="podman-4.9"\n' }, 'podman'],
    ['the mark of Apptainer', { '.singularity.d': null }, 'apptainer'],
    ['the secrets of a pod', { 'run/secrets/kubernetes.io': null, '.dockerenv': '' }, 'kubernetes'],
    [
      'a pod’s control group',
      { ...cgroup(`/kubepods/pod1/${id}`), '.dockerenv': '' },
      'kubernetes',
    ],
    ['Docker’s control group', cgroup(`/docker/${id}`), 'docker'],
    ['Docker’s scope of systemd', cgroup(`/system.slice/docker-${id}.scope`), 'docker'],
    ['the service of Docker itself', cgroup('/system.slice/docker.service'), ''],
    ['Podman’s control group', cgroup(`/machine.slice/libpod-${id}.scope`), 'podman'],
    ['LXC’s control group', cgroup('/lxc.payload.web/init.scope'), 'lxc'],
    ['the monitor of LXC itself', cgroup('/lxc.monitor.web'), ''],
    ['an environment of LXC', init('PATH=/bin\0container=lxc\0HOME=/'), 'lxc'],
    ['an environment of libvirt', init('container=lxc-libvirt\0'), 'lxc'],
    ['an environment of another', init('container=oci\0'), 'unknown'],
    ['an environment of none', init('TERM=linux\0not_container=lxc\0'), ''],
    ['a note of systemd', { 'run/systemd/container': 'systemd-nspawn\n' }, 'systemd-nspawn'],
    ['the beans of OpenVZ', { 'proc/vz': null }, 'openvz'],
    ['the host of OpenVZ', { 'proc/vz': null, 'proc/bc': null }, ''],
    ['a kernel for Windows', kernel('5.15.146.1-microsoft-standard-WSL2'), 'wsl'],
    ['Docker on that kernel', { ...kernel('5.15-microsoft-WSL2'), '.dockerenv': '' }, 'docker'],
  ]
  for (const [what, files, manager] of cases) {
    it(`is told from ${what}: ${manager || 'none'}`, () => {
      expect(told(files).container).to.equal(manager)
    })
  }

  it('is told from the environment of a pod, but only where the root is its own', () => {
    const real = process.env.KUBERNETES_SERVICE_HOST
    process.env.KUBERNETES_SERVICE_HOST = '10.0.0.1'
    try {
      expect(hostInfo().container).to.equal('kubernetes')
      expect(told({}).container).to.equal('')
    } finally {
      if (real === undefined) delete process.env.KUBERNETES_SERVICE_HOST
      else process.env.KUBERNETES_SERVICE_HOST = real
    }
  })
})

describe('the virtual machine', () => {
  const dmi = (vendor: string, product: string): Files => ({
    'sys/class/dmi/id/sys_vendor': `${vendor}\n`,
    'sys/class/dmi/id/product_name': `${product}\n`,
  })
  const flags = (text: string): Files => ({
    'proc/cpuinfo': `processor\t: 0\nflags\t\t: fpu tsc ${text}\n`,
  })
  const inside = flags('hypervisor lahf_lm')
  const bare = flags('vmx lahf_lm')
  const xen = (capabilities: string): Files => ({
    'sys/hypervisor/type': 'xen\n',
    'proc/xen/capabilities': capabilities,
  })
  const node = (compatible: string): Files => ({
    'sys/firmware/devicetree/base/hypervisor/compatible': compatible,
  })
  const cases: [string, Files, string][] = [
    ['nothing', {}, ''],
    ['a processor of its own', bare, ''],
    ['hardware', { ...bare, ...dmi('Dell Inc.', 'PowerEdge R640') }, ''],
    ['a laptop of Microsoft', { ...bare, ...dmi('Microsoft Corporation', 'Surface Pro 9') }, ''],
    ['a Mac', { ...bare, ...dmi('Apple Inc.', 'MacBookPro14,1') }, ''],
    ['a virtual processor alone', inside, 'unknown'],
    ['QEMU', dmi('QEMU', 'Standard PC (Q35 + ICH9, 2009)'), 'QEMU'],
    ['Red Hat', dmi('Red Hat', 'KVM'), 'KVM'],
    ['VMware', dmi('VMware, Inc.', 'VMware20,1'), 'VMware'],
    ['VirtualBox', dmi('innotek GmbH', 'VirtualBox'), 'VirtualBox'],
    ['Hyper-V', dmi('Microsoft Corporation', 'Virtual Machine'), 'Hyper-V'],
    ['Xen', dmi('Xen', 'HVM domU'), 'Xen'],
    [
      'Parallels',
      dmi('Parallels International GmbH.', 'Parallels ARM Virtual Machine'),
      'Parallels',
    ],
    ['Apple', dmi('Apple Inc.', 'Apple Virtualization Generic Platform'), 'Apple Virtualization'],
    ['bhyve', dmi('FreeBSD', 'BHYVE'), 'bhyve'],
    ['Amazon', { ...inside, ...dmi('Amazon EC2', 'm7i.large') }, 'Amazon EC2'],
    ['Amazon on ARM', dmi('Amazon EC2', 'c7g.2xlarge'), 'Amazon EC2'],
    ['Amazon’s bare metal', { ...bare, ...dmi('Amazon EC2', 'i3.metal') }, ''],
    ['Amazon’s bare metal on ARM', dmi('Amazon EC2', 'm7g.metal-48xl'), ''],
    ['Google', { ...inside, ...dmi('Google', 'Google Compute Engine') }, 'Google Compute Engine'],
    ['Google’s bare metal', { ...bare, ...dmi('Google', 'Google Compute Engine') }, ''],
    ['DigitalOcean', { ...inside, ...dmi('DigitalOcean', 'Droplet') }, 'DigitalOcean'],
    ['a guest of Xen without firmware', { ...inside, ...xen('') }, 'Xen'],
    ['Xen’s first domain', { ...inside, ...xen('control_d\n') }, ''],
    ['a device tree of KVM', node('linux,kvm\0'), 'KVM'],
    ['a device tree of Xen', node('xen,xen-4.17\0xen,xen\0'), 'Xen'],
    ['a device tree of another', node('acme,visor\0'), 'unknown'],
    ['WSL', { ...inside, 'proc/sys/kernel/osrelease': '5.15-microsoft-standard-WSL2' }, 'Hyper-V'],
  ]
  for (const [what, files, name] of cases) {
    it(`is told from ${what}: ${name || 'none'}`, () => {
      expect(told(files).virtualMachine).to.equal(name)
    })
  }
})

describe('a machine that tells nothing, or nonsense', () => {
  const PATHS = [
    'etc/os-release',
    'usr/lib/os-release',
    'proc/cpuinfo',
    'proc/self/cgroup',
    'proc/1/environ',
    'proc/sys/kernel/osrelease',
    'proc/xen/capabilities',
    'proc/driver/nvidia',
    'run/systemd/container',
    'sys/bus/pci/devices',
    'sys/class/dmi/id/sys_vendor',
    'sys/class/dmi/id/product_name',
    'sys/devices/system/cpu',
    'sys/hypervisor/type',
    'sys/firmware/devicetree/base/model',
    'sys/firmware/devicetree/base/hypervisor',
  ]
  const nonsense: Record<string, (path: string) => void> = {
    'nothing at all': () => {},
    'folders for files': (path) => mkdirSync(path),
    'random bytes': (path) =>
      writeFileSync(path, Buffer.from([0xff, 0x0a, 0x00, 0x1b, 0x5b, 0xfe])),
    'empty files': (path) => writeFileSync(path, ''),
    'pipes that nobody fills': (path) => execFileSync('mkfifo', [path]),
  }
  for (const [what, make] of Object.entries(nonsense)) {
    it(`is described by empty lists and texts: ${what}`, function () {
      if (process.platform === 'win32') this.skip()
      using tree = makeTree({})
      for (const path of PATHS.map((name) => join(tree.root, name))) {
        mkdirSync(dirname(path), { recursive: true })
        make(path)
      }
      const { os, cpu, packages, logicalCpus, gpus, container, virtualMachine } = hostInfo({
        root: tree.root,
      })
      if (process.platform === 'linux') expect(os).to.equal('')
      expect({ packages, gpus, container, virtualMachine }).to.deep.equal({
        packages: 0,
        gpus: [],
        container: '',
        virtualMachine: '',
      })
      // Node is asked of what the files do not tell.
      expect(logicalCpus).to.equal(cpus().length)
      expect(cpu).to.be.a('string')
    })
  }

  it('names neither the host nor a person, whatever files say', () => {
    const host = told({
      'etc/hostname': 'tower\n',
      'etc/os-release': 'PRETTY_NAME="Debian"\nVARIANT=tower\n',
      'proc/1/environ': 'USER=margaret\0HOSTNAME=tower\0container=margaret-1\0',
      'proc/self/cgroup': '0::/user.slice/user-margaret.slice\n',
      'proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (margaret@tower)\n',
      'proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: \t\t NVIDIA L4\n',
      'run/systemd/container': 'margaret\n',
      'sys/class/dmi/id/sys_vendor': 'QEMU\n',
      'sys/class/dmi/id/product_name': 'tower\n',
      'sys/class/dmi/id/product_serial': 'margaret\n',
    })
    expect(host.container).to.equal('unknown')
    expect(host.gpus).to.have.length(1)
    expect(JSON.stringify(host)).to.not.match(/margaret|tower/)
  })
})
