// GPUs that are not there, for tests in TypeScript: a library, its control page, and the truth.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Watts } from '../host/spec'
import { buildStub, type Generation, pageProgram } from './build'
import { type Curve, curveJoules, curveOf, kindNumber } from './curve'
import { fieldNames, functionNames, openPage, type Page, type Value } from './page'

export { buildStub, type Generation } from './build'

/** Knobs by their names in control.h. */
export type Knobs = Record<string, Value>

export interface ProcessOptions {
  pid: number
  /** Percent of the multiprocessors, of the memory's time: always, or with periodS for a share of it. */
  sm?: number
  memory?: number
  periodS?: number
  duty?: number
  graphics?: boolean
  memoryBytes?: number | bigint
  /** Seconds since the GPU's start. Default: always. */
  fromS?: number
  untilS?: number
}

export interface GpuOptions {
  /** Default 100. */
  watts?: Watts
  /** Seconds for which it has been on, and its curve and its processes have run. Default 0. */
  ageS?: number
  processes?: ProcessOptions[]
  /** Slots of MIG instances, 0 to 6. */
  migs?: number[]
  knobs?: Knobs
}

export interface StubOptions {
  /** Default 570. */
  generation?: Generation
  /** Default: one. */
  gpus?: GpuOptions[]
  /** Of the library as a whole: latency_us, init_code, driver_version… */
  knobs?: Knobs
}

export interface StubGpu {
  /** When its first curve began, process.hrtime. */
  startNs: bigint
  /**
   * A new power, in force two milliseconds from now or at `at` (process.hrtime), so that no reading
   * knows the past otherwise than the next one. Returns when.
   */
  setWatts(watts: Watts, at?: bigint): bigint
  /** What it truly used between two times of process.hrtime. */
  joules(from: bigint, to: bigint): number
  /** Every call answers 15, until it is recovered. */
  lose(): void
  recover(): void
  /** The next calls of a function, or readings of a field (`instant`…), end with this code. */
  fail(what: string, code: number, times?: number): void
  mend(what: string): void
  /** So many readings of a gauge are 0 mW. */
  zeroGauge(times: number): void
  /** The counter begins anew at 0. */
  resetEnergy(): void
  stickEnergy(): void
  releaseEnergy(): void
  /** A module that draws so much beside the GPU, and whether the GPU's counter counts that too. */
  module(watts: number, energyCountsIt: boolean): void
  /** Switches MIG on, with an instance in that slot. */
  mig(slot: number): void
  addProcess(process: ProcessOptions): void
  set(knob: string, value: Value): void
  /** Calls of the driver for this GPU: of one function, or of all. */
  calls(name?: string): number
}

export interface Stub {
  library: string
  control: string
  env: { JOULETAP_NVML: string; NVML_STUB_CONTROL: string }
  /** Puts env into process.env; what it returns takes it out again. */
  install(): () => void
  gpu(index: number): StubGpu
  set(knob: string, value: Value): void
  calls(name: string, gpu?: number): number
  resetCalls(): void
  joules(gpu: number, from: bigint, to: bigint): number
  dispose(): void
  [Symbol.dispose](): void
}

const forever = 2n ** 64n - 1n

/** Why there can be no stub here, or nothing. */
export function stubUnavailable(): string | undefined {
  if (process.platform !== 'linux') return "the stand-in for NVIDIA's library needs Linux"
  try {
    buildStub('570')
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export function startStub(options: StubOptions = {}): Stub {
  const library = buildStub(options.generation ?? '570')
  const folder = mkdtempSync(join(tmpdir(), 'jouletap-nvml-'))
  const control = join(folder, 'control')
  const given = options.gpus ?? [{}]
  const made = spawnSync(pageProgram(), [control, String(given.length)])
  if (made.status !== 0) throw new Error('cannot make a control page')
  const page = openPage(control)
  const set = (knob: string, value: Value): void => page.set(knob, value)
  for (const [knob, value] of Object.entries(options.knobs ?? {})) set(knob, value)
  const gpus = given.map((gpu, index) => stubGpu(page, index, gpu))
  const env = { JOULETAP_NVML: library, NVML_STUB_CONTROL: control }
  const dispose = (): void => {
    page.close()
    rmSync(folder, { recursive: true })
  }
  return {
    library,
    control,
    env,
    install() {
      const before = Object.keys(env).map((name) => [name, process.env[name]] as const)
      Object.assign(process.env, env)
      return () => {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      }
    },
    gpu(index) {
      const gpu = gpus[index]
      if (!gpu) throw new Error(`there is no GPU ${index}`)
      return gpu
    },
    set,
    calls: (name, gpu) =>
      gpu === undefined
        ? page.number(`calls.${slot(functionNames, name)}`)
        : gpus[gpu]!.calls(name),
    resetCalls() {
      for (const [slot] of functionNames.entries()) {
        set(`calls.${slot}`, 0)
        for (const index of gpus.keys()) set(`gpus.${index}.calls.${slot}`, 0)
      }
    },
    joules: (gpu, from, to) => gpus[gpu]!.joules(from, to),
    dispose,
    [Symbol.dispose]: dispose,
  }
}

function slot(names: string[], name: string): number {
  const found = names.indexOf(name)
  if (found < 0) throw new Error(`the stub has no ${name}`)
  return found
}

function stubGpu(page: Page, index: number, options: GpuOptions): StubGpu {
  const path = (knob: string): string => `gpus.${index}.${knob}`
  const set = (knob: string, value: Value): void => page.set(path(knob), value)
  const number = (knob: string): number => page.number(path(knob))
  const startNs = page.integer(path('start_ns')) - BigInt(Math.round((options.ageS ?? 0) * 1e9))
  const segments: { startNs: bigint; base: number; curve: Curve }[] = []

  /** Since the start, in joules. */
  const used = (at: bigint): number => {
    const last = segments.findLast((segment) => segment.startNs <= at) ?? segments[0]
    return last ? last.base + curveJoules(last.curve, Number(at - last.startNs) / 1e9) : 0
  }
  const append = (watts: Watts, at: bigint): void => {
    const latest = segments.at(-1)
    if (latest && latest.startNs > at) throw new Error('a later power was set before')
    const curve = curveOf(watts)
    const n = segments.length
    const segment = { startNs: at, base: used(at), curve }
    segments.push(segment)
    set(`segments.${n}.start_ns`, at)
    set(`segments.${n}.base_joules`, segment.base)
    set(`segments.${n}.curve`, kindNumber(curve))
    for (const name of ['first', 'second', 'seconds', 'duty'] as const) {
      set(`segments.${n}.${name}`, curve[name])
    }
    set('segment_count', n + 1)
  }
  const faultOf = (what: string): string =>
    fieldNames.includes(what)
      ? `fields.${slot(fieldNames, what)}.fault`
      : `faults.${slot(functionNames, what)}`
  /** The last refresh of the counter, as the stub has it. */
  const refreshed = (now: bigint): bigint => {
    const period = BigInt(Math.round(number('energy_refresh_s') * 1e9))
    if (period === 0n) return now
    const since = now - startNs - BigInt(Math.round(number('energy_phase_s') * 1e9))
    return now - (((since % period) + period) % period)
  }

  const gpu: StubGpu = {
    startNs,
    setWatts(watts, at = process.hrtime.bigint() + 2_000_000n) {
      append(watts, at)
      return at
    },
    joules: (from, to) => used(to) - used(from),
    lose: () => set('lost', 1),
    recover: () => set('lost', 0),
    fail(what, code, times = Infinity) {
      const fault = faultOf(what)
      set(`${fault}.left`, 0)
      set(`${fault}.code`, code)
      set(`${fault}.left`, times === Infinity ? forever : times)
    },
    mend: (what) => set(`${faultOf(what)}.left`, 0),
    zeroGauge: (times) => set('zero_reads_left', times),
    resetEnergy() {
      const at = refreshed(process.hrtime.bigint())
      const beside = (number('module_watts') * Number(at - startNs)) / 1e9
      const joules = used(at) + (number('energy_of_module') ? beside : 0)
      set('energy_offset_mj', -Math.floor(joules * number('energy_gain') * 1000))
    },
    stickEnergy: () => set('energy_stuck_ns', process.hrtime.bigint()),
    releaseEnergy: () => set('energy_stuck_ns', 0),
    module(watts, energyCountsIt) {
      set('module_watts', watts)
      set('energy_of_module', energyCountsIt)
      for (const name of fieldNames.filter((name) => name.startsWith('module_'))) gpu.mend(name)
    },
    mig(slot) {
      set(`migs.${slot}.gpu_instance`, slot + 1)
      set(`migs.${slot}.compute_instance`, 0)
      set(`migs.${slot}.uuid`, `MIG-${page.text(path('uuid')).slice(4)}-${slot}`)
      set(`migs.${slot}.present`, 1)
      set('mig_current', 1)
      set('mig_pending', 1)
    },
    addProcess(process) {
      const n = number('process_count')
      const values: Knobs = {
        pid: process.pid,
        graphics: process.graphics ?? false,
        memory_bytes: process.memoryBytes ?? 0,
        sm_high: process.sm ?? 0,
        memory_high: process.memory ?? 0,
        period_s: process.periodS ?? 0,
        duty: process.duty ?? 0.5,
        from_s: process.fromS ?? -Infinity,
        until_s: process.untilS ?? Infinity,
      }
      for (const [name, value] of Object.entries(values)) set(`processes.${n}.${name}`, value)
      set('process_count', n + 1)
    },
    set,
    calls: (name) =>
      name === undefined
        ? functionNames.reduce((sum, _, slot) => sum + number(`calls.${slot}`), 0)
        : number(`calls.${slot(functionNames, name)}`),
  }
  set('start_ns', startNs)
  append(options.watts ?? 100, startNs)
  for (const [knob, value] of Object.entries(options.knobs ?? {})) set(knob, value)
  for (const process of options.processes ?? []) gpu.addProcess(process)
  for (const slot of options.migs ?? []) gpu.mig(slot)
  return gpu
}
