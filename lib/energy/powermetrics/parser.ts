/** Finds samples in what powermetrics prints, be it property lists or text, however it is cut. */

/** The parts of the chip that powermetrics tells apart, in the order of every list of theirs. */
export const PARTS = ['cpu', 'gpu', 'ane'] as const

/** One sample: what every part drew, and for how long. */
export interface PowerSample {
  /** Milliseconds that the sample took; undefined where it does not say. */
  elapsedMs: number | undefined
  /** Mean watts of each of `PARTS`; undefined where they are missing or cannot be. */
  watts: (number | undefined)[]
}

/** Follows one run of powermetrics. */
export interface Parser {
  /** The samples that `text` completes, oldest first. Never throws, whatever the text. */
  read(text: string): PowerSample[]
}

/** No Mac draws more. */
export const MOST_WATTS = 1000
/** A sample that took longer is not believed; the longest that is asked for takes a second. */
const LONGEST_MS = 3_600_000
/** More than this without an end is no sample: one has some ten kilobytes. */
const LONGEST_TEXT = 1 << 22

const PLIST = { begin: '<plist', end: '</plist>' }

export function createParser(): Parser {
  const lines = createLines()
  let rest = ''
  let inPlist = false

  /** Takes what can be told from `rest` by now; whether there may be more in it. */
  function step(found: PowerSample[]): boolean {
    if (inPlist) {
      // The NUL between two lists comes with the second: waiting for it would cost an interval.
      const end = rest.indexOf(PLIST.end)
      if (end < 0) return false
      found.push(samplePlist(rest.slice(rest.lastIndexOf(PLIST.begin, end), end)))
      rest = rest.slice(end + PLIST.end.length)
      inPlist = false
      return true
    }
    const begin = rest.indexOf(PLIST.begin)
    const end = begin < 0 ? rest.lastIndexOf('\n') + 1 : begin
    for (const line of rest.slice(0, end).split('\n')) found.push(...lines(line))
    rest = rest.slice(end)
    inPlist = begin >= 0
    return inPlist
  }

  return {
    read(text) {
      const found: PowerSample[] = []
      rest += text
      while (step(found));
      if (rest.length > LONGEST_TEXT) {
        rest = ''
        inPlist = false
      }
      return found
    },
  }
}

const TOKEN =
  /<key>([^<]*)<\/key>|<(dict|array)>|<(\/)(?:dict|array)>|<(?:integer|real)>([^<]*)<\/(?:integer|real)>/g

/**
 * The figures of a property list: only those that stand where they should, for the same keys are
 * used further down with other meanings. Power is in mW, energy, which older systems give alone, in
 * mJ of this sample.
 */
function samplePlist(text: string): PowerSample {
  const figures = new Map<string, number | undefined>()
  const path: string[] = []
  let last = ''
  for (const [, key, open, close, figure] of text.matchAll(TOKEN)) {
    if (key !== undefined) last = key
    else if (open) path.push(last)
    else if (close) path.pop()
    else if (figure !== undefined) figures.set([...path.slice(1), last].join('/'), number(figure))
  }
  const elapsedNs = figures.get('elapsed_ns')
  const elapsedMs = elapsedNs && believableMs(elapsedNs / 1e6)
  const watts = PARTS.map((part) => {
    const milliwatts = figures.get(`processor/${part}_power`)
    const millijoules = figures.get(`processor/${part}_energy`)
    if (milliwatts !== undefined) return milliwatts / 1000
    return elapsedMs && millijoules !== undefined ? millijoules / elapsedMs : undefined
  })
  return { elapsedMs, watts: believableWatts(watts) }
}

const HEADER = /^\*\*\* Sampled system activity .*?(?:\(([^()]*?)\s*ms elapsed\))?\s*\*\*\*/
const POWER = /^(CPU|GPU|ANE) Power:\s*(\S+)\s*(mW|W)\s*$/
const SUM = /^(?:Combined|Package) Power\b/

/** Follows the text form line by line: a sample ends at its sum, or where the next one begins. */
function createLines(): (line: string) => PowerSample[] {
  let open: PowerSample | undefined

  function close(): PowerSample[] {
    const done = open ? [{ ...open, watts: believableWatts(open.watts) }] : []
    open = undefined
    return done
  }

  return (line) => {
    const header = HEADER.exec(line)
    if (header) {
      const done = close()
      open = { elapsedMs: believableMs(number(header[1])), watts: PARTS.map(() => undefined) }
      return done
    }
    if (SUM.test(line)) return close()
    const [, name = '', figure, unit] = POWER.exec(line) ?? []
    const part = (PARTS as readonly string[]).indexOf(name.toLowerCase())
    const value = number(figure)
    if (open && part >= 0 && value !== undefined) {
      open.watts[part] ??= unit === 'mW' ? value / 1000 : value
    }
    return []
  }
}

/** Nothing but digits, one point and an exponent: a comma could mean thousands as well as decimals. */
function number(text: string | undefined): number | undefined {
  const figure = text?.trim() ?? ''
  return /^-?\d*\.?\d+(e[+-]?\d+)?$/i.test(figure) ? Number(figure) : undefined
}

function believableMs(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 && value <= LONGEST_MS ? value : undefined
}

/** A CPU that runs this program draws something: 0 is what a virtual machine is told. */
function believableWatts(watts: readonly (number | undefined)[]): (number | undefined)[] {
  return watts.map((value, part) => {
    const least = PARTS[part] === 'cpu' ? Number.MIN_VALUE : 0
    return value !== undefined && value >= least && value <= MOST_WATTS ? value : undefined
  })
}
