// Machines with a name: what `startHost({ preset })` and `npm run host -- NAME` offer.

import { fieldNames, functionNames } from '../nvml/page'
import type { Knobs } from '../nvml/stub'
import type { HostSpec } from './spec'

const intel = (model: number, name: string) => ({ vendor: 'GenuineIntel', family: 6, model, name })
const amd = (family: number, model: number, name: string) => ({
  vendor: 'AuthenticAMD',
  family,
  model,
  name,
})
const amdUnit = 2 ** -16
const rapl = { powercap: true, msr: true }
/** The DRAM of Haswell-X to Ice Lake-X: 2^-16 J in silicon and perf, 15300 nJ in powercap. */
const serverDram = { unit: 2 ** -16, nanojoules: 15300 }

/** A GPU that supports none of these functions and fields. */
const lacking = (...names: string[]): Knobs =>
  Object.fromEntries(
    names.flatMap((name) => {
      const field = fieldNames.indexOf(name)
      const fault = field < 0 ? `faults.${functionNames.indexOf(name)}` : `fields.${field}.fault`
      return [
        [`${fault}.code`, 3],
        [`${fault}.left`, 2n ** 64n - 1n],
      ]
    }),
  )

const definePresets = <Name extends string>(
  named: Record<Name, { about: string; spec: HostSpec }>,
): Record<Name, { about: string; spec: HostSpec }> => named

export const presets = definePresets({
  'intel-client': {
    about: 'Alder Lake, one package: package 28 W, core 17 W, uncore 3 W, psys 41 W',
    spec: {
      cpu: intel(0x97, '12th Gen Intel(R) Core(TM) i7-12700'),
      domains: {
        package: { watts: 28, maxWatts: 65 },
        core: { watts: 17 },
        uncore: { watts: 3 },
        psys: { watts: 41 },
      },
      sources: rapl,
    },
  },
  'intel-server-2s': {
    about: 'two packages, each 65 W, core 41 W, DRAM 9.25 W, psys 120 W; all units 2^-14 J',
    spec: {
      cpu: intel(0x97, 'Intel(R) Xeon(R) Simulated CPU'),
      packages: 2,
      domains: {
        package: { watts: 65, maxWatts: 270 },
        core: { watts: 41 },
        dram: { watts: 9.25 },
        psys: { watts: 120 },
      },
      sources: rapl,
    },
  },
  'haswell-server': {
    about: 'two Haswell-X packages with the fixed DRAM unit: 2^-16 J by MSR, 15300 nJ by powercap',
    spec: {
      cpu: intel(0x3f, 'Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz'),
      packages: 2,
      domains: {
        package: { watts: 80, maxWatts: 120 },
        core: { watts: 55 },
        dram: { watts: 12, ...serverDram },
      },
      sources: rapl,
    },
  },
  spr: {
    about: 'two Sapphire Rapids packages: psys counts whole joules, reserved MSR bits are set',
    spec: {
      cpu: intel(0x8f, 'Intel(R) Xeon(R) Platinum 8480+'),
      packages: 2,
      domains: {
        package: { watts: 200, maxWatts: 350, reserved: 0x5a5a5a5a00000000n },
        dram: { watts: 20 },
        psys: { watts: 400, unit: 1, nanojoules: 1_000_000_000 },
      },
      sources: rapl,
    },
  },
  'real-dies': {
    about: 'Cascade Lake-AP: one package of two dies, each with counters of its own',
    spec: {
      cpu: intel(0x55, 'Intel(R) Xeon(R) Platinum 9242 CPU @ 2.30GHz'),
      dies: { count: 2, mirrored: false },
      domains: { package: { watts: 70, maxWatts: 175 }, dram: { watts: 9, ...serverDram } },
      sources: rapl,
    },
  },
  'four-digits': {
    about: 'package-0 and package-1234, in zones intel-rapl:1000 and up, and a zone nobody knows',
    spec: {
      cpu: intel(0x97, 'Simulated CPU'),
      packageIds: [0, 1234],
      domains: { package: { watts: 30 }, core: { watts: 20 } },
      sources: { powercap: { firstZone: 1000, extra: [{ name: 'accelerator', watts: 7 }] } },
    },
  },
  'mmio-twin': {
    about: 'Tiger Lake whose package shows in intel-rapl and again in intel-rapl-mmio',
    spec: {
      cpu: intel(0x8c, '11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz'),
      domains: { package: { watts: 15, maxWatts: 28 }, core: { watts: 9 }, uncore: { watts: 2 } },
      sources: { powercap: { mmio: { unit: 2 ** -16, phase: 0.0003, seed: 123456789 } } },
    },
  },
  'fast-wrap': {
    about: 'a 32-bit counter that wraps every 300 ms (0.87 MW: the only way with a real width)',
    spec: {
      cpu: intel(0x97, 'Simulated CPU'),
      domains: { package: { watts: 262144 / 0.3, maxWatts: 900_000 } },
      sources: { powercap: true },
    },
  },
  'near-wrap': {
    about: 'two packages whose counters all wrap 2 s after the start, and then not for hours',
    spec: {
      cpu: intel(0x97, 'Simulated CPU'),
      packages: 2,
      domains: {
        package: { watts: 20, wrapAfterJoules: 40 },
        dram: { watts: 5, wrapAfterJoules: 10 },
      },
      sources: rapl,
    },
  },
  'amd-zen2': {
    about: 'two EPYC Rome packages: package and per-core registers of 32 bits, unit 2^-16 J',
    spec: {
      cpu: amd(0x17, 0x31, 'AMD EPYC 7702 64-Core Processor'),
      packages: 2,
      domains: {
        package: { watts: 90, unit: amdUnit, maxWatts: 200 },
        core: { watts: 1.5, unit: amdUnit },
      },
      sources: rapl,
    },
  },
  'amd-zen4-64bit': {
    about: 'EPYC Genoa: registers of 64 bits that already stand above 2^32; powercap shows 32',
    spec: {
      cpu: amd(0x19, 0x11, 'AMD EPYC 9254 24-Core Processor'),
      domains: {
        package: { watts: 110, unit: amdUnit, bits: 64, seed: 0x12ffffff000n, maxWatts: 200 },
        core: { watts: 2.5, unit: amdUnit, bits: 64, seed: 0x3fffff000n },
      },
      sources: rapl,
    },
  },
  'mirrored-dies': {
    about: 'Threadripper: powercap shows package-0-die-0 and package-0-die-1, one counter twice',
    spec: {
      cpu: amd(0x17, 0x01, 'AMD Ryzen Threadripper 1950X 16-Core Processor'),
      dies: { count: 2, mirrored: true },
      domains: { package: { watts: 68, unit: amdUnit, maxWatts: 180 } },
      sources: rapl,
    },
  },
  masked: {
    about: 'a container: the powercap folder is there and empty',
    spec: {
      cpu: intel(0x97, '12th Gen Intel(R) Core(TM) i7-12700'),
      sources: { powercap: { masked: true } },
    },
  },
  perf: {
    about: 'the perf PMU only, two packages: 65 W, cores 41 W, DRAM 9.25 W, psys 120 W',
    spec: {
      cpu: intel(0x6a, 'Intel(R) Xeon(R) Simulated CPU'),
      packages: 2,
      domains: {
        package: { watts: 65 },
        core: { watts: 41 },
        dram: { watts: 9.25 },
        psys: { watts: 120 },
      },
      sources: { perf: true },
    },
  },
  'hwmon-gpu': {
    about: 'no RAPL; amdgpu as a gauge (90 W), i915 with a counter (25 W), xe with two (75, 60 W)',
    spec: {
      cpu: intel(0x97, '12th Gen Intel(R) Core(TM) i7-12700'),
      sources: {
        hwmon: [
          {
            name: 'amdgpu',
            pci: '0000:03:00.0',
            files: {
              power1_average: { as: 'power', of: 'amdgpu', watts: 90, refreshSeconds: 0.001 },
              power1_label: 'PPT\n',
            },
          },
          {
            name: 'i915',
            pci: '0000:04:00.0',
            files: { energy1_input: { as: 'energy', of: 'i915', watts: 25 } },
          },
          {
            name: 'xe',
            pci: '0000:05:00.0',
            files: {
              energy1_input: { as: 'energy', of: 'xe-card', watts: 75 },
              energy1_label: 'card\n',
              energy2_input: { as: 'energy', of: 'xe-package', watts: 60 },
              energy2_label: 'pkg\n',
            },
          },
          { name: 'nvme', files: { temp1_input: '38850\n' } },
        ],
      },
    },
  },
  'gpu-server': {
    about: 'two packages, each 65 W, core 41 W, DRAM 9.25 W, and two A100s, 250 and 180 W',
    spec: {
      cpu: intel(0x97, 'Intel(R) Xeon(R) Simulated CPU'),
      packages: 2,
      domains: {
        package: { watts: 65, maxWatts: 270 },
        core: { watts: 41 },
        dram: { watts: 9.25 },
      },
      sources: rapl,
      gpus: [{ watts: 250 }, { watts: 180 }],
    },
  },
  'gpu-laptop': {
    about:
      'one package, 18 W, core 11 W, and a GeForce of Pascal, 60 W, that has a power gauge only',
    spec: {
      cpu: intel(0x9e, 'Intel(R) Core(TM) i7-7700HQ CPU @ 2.80GHz'),
      domains: { package: { watts: 18, maxWatts: 45 }, core: { watts: 11 } },
      sources: rapl,
      gpus: [
        {
          watts: 60,
          knobs: {
            name: 'NVIDIA GeForce GTX 1070',
            architecture: 4,
            cores: 2048,
            max_sm_mhz: 1911,
            power_limit_mw: 115000,
            memory_bytes: 2n ** 33n,
            gauge_refresh_s: 0.02,
            usage_window_s: 0.01,
            ...lacking(
              ...['total_energy', 'energy', 'instant', 'average'],
              ...['nvmlDeviceGetTotalEnergyConsumption', 'nvmlDeviceGetSamples'],
            ),
          },
        },
      ],
    },
  },
  grace: {
    about:
      'Grace: four acpi_power_meter chips, means of 50 ms: module 230, Grace 180, CPU 120, SysIO 15 W',
    spec: {
      cpu: { vendor: 'ARM', family: 8, model: 0xd4f, name: 'Neoverse-V2' },
      sources: {
        hwmon: (
          [
            ['module', 'Module Power Socket 0', 230],
            ['grace', 'Grace Power Socket 0', 180],
            ['cpu', 'CPU Power Socket 0', 120],
            ['sysio', 'SysIO Power Socket 0', 15],
          ] as const
        ).map(([of, info, watts]) => ({
          name: 'power_meter',
          files: {
            power1_average: { as: 'power', of, watts, windowSeconds: 0.05, refreshSeconds: 0.05 },
            power1_average_interval: '50\n',
            power1_oem_info: `${info}\n`,
          },
        })),
      },
    },
  },
  jetson: {
    about:
      'Jetson Orin: ina3221 with VDD_IN (12 W) that holds VDD_CPU_GPU_CV (6 W) and VDD_SOC (2 W)',
    spec: {
      cpu: { vendor: 'ARM', family: 8, model: 0xd42, name: 'Cortex-A78AE' },
      sources: {
        hwmon: [
          {
            name: 'ina3221',
            files: {
              in1_label: 'VDD_IN\n',
              in1_input: '5000\n',
              curr1_input: { as: 'current', of: 'vdd-in', watts: 12, volts: 5 },
              in2_label: 'VDD_CPU_GPU_CV\n',
              in2_input: '5000\n',
              curr2_input: { as: 'current', of: 'vdd-cpu-gpu-cv', watts: 6, volts: 5 },
              in3_label: 'VDD_SOC\n',
              in3_input: '5000\n',
              curr3_input: { as: 'current', of: 'vdd-soc', watts: 2, volts: 5 },
              in4_input: '12\n',
              in7_input: '40\n',
            },
          },
        ],
      },
    },
  },
})

export type PresetName = keyof typeof presets
