/** What a domain is, in words that all commands share. */
import type { Device, Method } from '../energy'

/** `NVIDIA A100-SXM4-40GB #0`, the number as in `nvidia-smi`; or empty. */
export function deviceText({ name = '', index }: Device): string {
  return [name, index === undefined ? '' : `#${index}`].filter(Boolean).join(' ')
}

/** What is read, by how the joules come about. */
export const READ: Readonly<Record<Method, string>> = {
  'energy-counter': 'energy counter',
  'power-samples': 'power history',
  'power-gauge': 'power gauge',
  'power-average': 'average power',
  model: 'model',
}

/** What is worth saying of joules that no hardware has added up; or empty. */
export function integrated(method: Method): string {
  if (method === 'energy-counter' || method === 'model') return ''
  return method === 'power-average' ? 'average power integrated' : 'power integrated'
}
