/** Numbers and times as Python, and so carbontracker, writes and reads them. */

/** A float as `repr` shows it: `200.0`, `1e-05`, `1.5e-06`, `1e+16`, `nan`, `inf`. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return unusual(value)
  if (Object.is(value, -0)) return '-0.0'
  // Both languages show the shortest digits that are read back to the same number.
  const [digits, power] = value.toExponential().split('e') as [string, string]
  const exponent = Number(power)
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const size = String(Math.abs(exponent)).padStart(2, '0')
    return `${digits}e${exponent < 0 ? '-' : '+'}${size}`
  }
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

/** A float as `%.2f` shows it with `places` 2: exact ties go to the even digit, unlike `toFixed`. */
export function pythonFixed(value: number, places: number): string {
  if (!Number.isFinite(value)) return unusual(value)
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const { mantissa, exponent } = parts(Math.abs(value))
  let scaled = mantissa * 10n ** BigInt(places)
  if (exponent >= 0) {
    scaled <<= BigInt(exponent)
  } else {
    const [whole, half] = [1n << BigInt(-exponent), 1n << BigInt(-exponent - 1)]
    const rest = scaled % whole
    scaled /= whole
    if (rest > half || (rest === half && scaled % 2n === 1n)) scaled += 1n
  }
  const digits = scaled.toString().padStart(places + 1, '0')
  const point = digits.length - places
  return `${sign}${digits.slice(0, point)}${places > 0 ? `.${digits.slice(point)}` : ''}`
}

function unusual(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  return value > 0 ? 'inf' : '-inf'
}

/** value = mantissa × 2 ^ exponent, exactly. */
function parts(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const fraction = bits & 0xfffffffffffffn
  const power = Number(bits >> 52n)
  // IEEE 754 binary64; the smallest have no hidden bit.
  if (power === 0) return { mantissa: fraction, exponent: -1074 }
  return { mantissa: fraction | 0x10000000000000n, exponent: power - 1075 }
}

/** `H:MM:SS`: whole seconds, ties to even, hours without a limit; `-` in front where negative. */
export function shortTime(seconds: number): string {
  return clock(seconds, 0)
}

/** `H:MM:SS.ff`: the same with two decimals. */
export function longTime(seconds: number): string {
  return clock(seconds, 2)
}

function clock(seconds: number, places: number): string {
  const [whole, ...decimals] = pythonFixed(Math.abs(seconds), places).split('.') as [string]
  const total = Number(whole)
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const text = [Math.floor(total / 3600), two((total % 3600) / 60), two(total % 60)].join(':')
  return [`${seconds < 0 ? '-' : ''}${text}`, ...decimals].join('.')
}

/** A number of Python, also `np.float64(…)`; NaN for `nan`; undefined: this is none. */
export function readNumber(text: string): number | undefined {
  const bare = /^np\.float\d+\((.*)\)$/.exec(text)?.[1] ?? text
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(bare)) return Number(bare)
  if (/^(np\.)?nan$/i.test(bare)) return Number.NaN
  const infinite = /^([-+]?)inf(inity)?$/i.exec(bare)
  return infinite ? Number(`${infinite[1]}Infinity`) : undefined
}

/** Seconds of `0:02:21.90`, `0:00:5.32`, `0:00:60`, `1 day, 2:03:04`; undefined: this is no time. */
export function readTime(text: string): number | undefined {
  const found = /^(-?)(?:(\d{1,6}) days?, )?(\d{1,9}):(\d\d?):(\d\d?(?:\.\d{1,9})?)$/.exec(
    text.trim(),
  )
  if (!found) return undefined
  const [, sign, days = 0, hours, minutes, seconds] = found
  const total =
    Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return sign ? -total : total
}
