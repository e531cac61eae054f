// A control page from TypeScript. Where its values are is read from control.h itself: nothing drifts.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'

type Scalar = 'uint64_t' | 'int64_t' | 'double' | 'char'
interface Member {
  at: number
  type: string
  /** Bytes of one element. */
  bytes: number
  count: number
  array: boolean
}

const header = readFileSync(join(__dirname, 'control.h'), 'utf8').replace(/\/\/.*$/gm, '')
const structs = new Map<string, { members: Map<string, Member>; bytes: number }>()
const scalars: Record<Scalar, number> = { uint64_t: 8, int64_t: 8, double: 8, char: 1 }

const constants = new Map(
  [...header.matchAll(/constexpr size_t (\w+) = (\d+);/g)].map(([, name, value]) => [
    name!,
    Number(value),
  ]),
)

// Every member is 8 bytes wide or a text of a multiple of 8, so that each follows on the other.
for (const [, name, body] of header.matchAll(/\nstruct (\w+) \{([^}]*)\}/g)) {
  const members = new Map<string, Member>()
  let at = 0
  for (const [, type, member, size] of body!.matchAll(/(\w+) (\w+)(?:\[(\w+)\])?;/g)) {
    const bytes = scalars[type as Scalar] ?? structs.get(type!)!.bytes
    const count = size === undefined ? 1 : constants.get(size)!
    members.set(member!, { at, type: type!, bytes, count, array: size !== undefined })
    at += bytes * count
  }
  structs.set(name!, { members, bytes: at })
}

const names = (macro: string): string[] => {
  const list = new RegExp(`#define ${macro}\\(X\\)((?:.*\\\\\\n)*.*)`).exec(header)![1]!
  return [...list.matchAll(/X\((\w+)/g)].map(([, name]) => name!)
}
/** In the order of their slots. */
export const functionNames = names('NVML_STUB_FUNCTIONS')
export const fieldNames = names('NVML_STUB_FIELDS')

export const pageBytes = structs.get('Control')!.bytes

/** A place by its path, names as in control.h: `gpus.0.faults.3.code`. */
function place(path: string): { at: number; type: Scalar; bytes: number } {
  let at = 0
  let type = 'Control'
  let bytes = pageBytes
  const parts = path.split('.')
  while (parts.length > 0) {
    const member = structs.get(type)?.members.get(parts.shift()!)
    if (!member) throw new Error(`a control page has no ${path}`)
    at += member.at
    type = member.type
    bytes = member.bytes
    if (type === 'char') bytes = member.count
    else if (member.array) {
      const index = Number(parts.shift())
      if (!(index >= 0 && index < member.count)) throw new Error(`a control page has no ${path}`)
      at += index * member.bytes
    }
  }
  if (!(type in scalars)) throw new Error(`${path} is more than one value`)
  return { at, type: type as Scalar, bytes }
}

/** Whole numbers for integers; they and texts may be read back. */
export type Value = number | bigint | boolean | string

export interface Page {
  set(path: string, value: Value): void
  number(path: string): number
  integer(path: string): bigint
  text(path: string): string
  close(): void
}

/** Opens a page that page.cc made. Writes reach the stub at once: both see the page cache. */
export function openPage(path: string): Page {
  const file = openSync(path, 'r+')
  const read = (at: number, bytes: number): Buffer => {
    const buffer = Buffer.alloc(bytes)
    readSync(file, buffer, 0, bytes, at)
    return buffer
  }
  const integer = (path: string): bigint => {
    const { at, type, bytes } = place(path)
    if (type === 'uint64_t') return read(at, bytes).readBigUInt64LE()
    if (type === 'int64_t') return read(at, bytes).readBigInt64LE()
    throw new Error(`${path} is no integer`)
  }
  return {
    set(path, value) {
      const { at, type, bytes } = place(path)
      const buffer = Buffer.alloc(bytes)
      if (type === 'char') {
        if (Buffer.byteLength(String(value)) >= bytes) throw new Error(`too long for ${path}`)
        buffer.write(String(value))
      } else if (type === 'double') buffer.writeDoubleLE(Number(value))
      else if (type === 'int64_t') buffer.writeBigInt64LE(BigInt(value))
      else buffer.writeBigUInt64LE(BigInt(value))
      writeSync(file, buffer, 0, bytes, at)
    },
    number(path) {
      const { at, type, bytes } = place(path)
      return type === 'double' ? read(at, bytes).readDoubleLE() : Number(integer(path))
    },
    integer,
    text(path) {
      const { at, bytes } = place(path)
      const buffer = read(at, bytes)
      return buffer.toString('utf8', 0, buffer.indexOf(0))
    },
    close: () => closeSync(file),
  }
}
