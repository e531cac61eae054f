/** The one error class, with codes that stay stable while messages may change. */

export type ErrorCode =
  | 'NO_SOURCE'
  | 'PERMISSION_DENIED'
  | 'BAD_OPTION'
  | 'BAD_STATE'
  | 'DEVICE_LOST'
  | 'INTENSITY_UNAVAILABLE'
  | 'BAD_RECORD'
  | 'BAD_INPUT'
  | 'NOT_AVAILABLE'

/** Everything that jouletap throws on purpose. `message` is one sentence for a person. */
export class JouletapError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'JouletapError'
    this.code = code
  }
}

/** A BAD_OPTION error that names the option, the value and what is allowed. */
export function badOption(option: string, value: unknown, allowed: string): JouletapError {
  return new JouletapError('BAD_OPTION', `${option} must be ${allowed}, not ${show(value)}.`)
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) {
    try {
      return JSON.stringify(value) ?? String(value)
    } catch {
      return 'an object'
    }
  }
  if (typeof value === 'function') return 'a function'
  return String(value)
}

const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of the path is not a folder',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file would be larger than is allowed',
  ELOOP: 'symbolic links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
}

/** What went wrong with a file, in words. */
export function reason(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  return REASONS[code] ?? message
}
