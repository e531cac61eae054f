/** Reads the lines of one log file, of any release, into what they tell. */
import type { FileLine } from '../each-line'
import { readNumber, readTime } from './python'

/** One line of text. */
export type Line = Omit<FileLine, 'bytes'> & { text: string }

/** The mean power of a component in one epoch. */
export interface Power {
  /** Watts, of each device where it is a list; null: not known. */
  values: (number | null)[]
  /** Whether it was written as a list: then each device has its number. */
  isList: boolean
}

export interface LogEpoch {
  epoch: number
  seconds: number | null
  powers: Record<string, Power>
}

/** What a block tells; energy with the PUE of the log. */
export interface Block {
  epochs?: number
  seconds: number | null
  kWh: number | null
  grams: number | null
  equivalents?: Record<string, number>
}

/** What is told of one intensity. */
export interface Told {
  gramsPerKWh: number
  /** Local time, as it stands there. */
  stamp?: string
  place?: string
}

/** What one file tells of one run. */
export interface Facts {
  stamp?: string
  version?: string
  pue?: number
  pueSource?: string
  /** What follows `The following components were found: `. */
  components?: string
  epochs: LogEpoch[]
  /** Live intensities as they came. */
  fetched: Told[]
  /** All intensities, live or not. */
  list?: number[]
  place?: string
  average?: number
  /** What stood in for a live intensity. */
  fallback?: Told & { zone?: string; year?: number }
  /** Whether a sentence says that the intensity was live. */
  isLive?: true
  /** Of how many epochs it was interrupted; -1: their count for all. */
  interrupted?: number
  /** Whether the user wanted no more after the prediction. */
  refused?: true
  ended?: true
  predicted: Block[]
  actual: Block[]
  /** The name of the service that was asked. */
  provider?: string
  /** `jouletap 1.0.0`, whose powers are sums over devices. */
  writer?: string
}

export interface FactsReader {
  add(line: Line): void
  /** One for each run that is in the file; none where no line is one of carbontracker's. */
  end(): Facts[]
}

const STAMP = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:,\d{3} - \S+ - [A-Z]+)? - /
const HEADING = /^(Predicted|Actual) consumption(?: for (-?\d{1,9}) epoch\(?s?\)?)?:\s*$/i
/** Characters of a list of numbers, which may be wrapped. */
const LONGEST_LIST = 65_536
/** Lines of one file that are kept, as of 125 000 epochs; and runs. */
const MOST_LINES = 500_000
const MOST_RUNS = 1000

/** `report` is told of lines that cannot be read. */
export function factsReader(report: (line: number, problem: string) => void): FactsReader {
  const all: Facts[] = []
  let facts = fresh()
  let isKnown = false
  let kept = 0
  let isFull = false
  let stamp: string | undefined
  let block: Block | undefined
  /** A list of numbers whose end is still to come. */
  let list: { text: string; line: number; use: (text: string) => void } | undefined

  function begin(): void {
    if (isKnown) all.push(facts)
    facts = fresh()
    isKnown = false
  }

  const number = (text: string, line: number, what: string): number | null => {
    const value = readNumber(text)
    if (value === undefined) report(line, `${show(text)} is no ${what}`)
    return value !== undefined && Number.isFinite(value) ? value : null
  }

  /** A number before its unit: one without may be cut. */
  function amount(text: string, line: number, unit: string): number | null {
    const [, value] = /^(\S+)\s+(kWh|g)$/i.exec(text) ?? []
    if (value === undefined || !text.toLowerCase().endsWith(unit.toLowerCase())) {
      report(line, `${show(text)} is no number of ${unit}`)
      return null
    }
    return number(value, line, `number of ${unit}`)
  }

  const numbersOf = (text: string, line: number, what: string): (number | null)[] =>
    text
      .replace(/^\[|\]$/g, '')
      .split(/[\s,]+/)
      .filter((part) => part !== '')
      .map((part) => (part === 'None' ? null : number(part, line, what)))

  /** Calls `use` when the list that begins in `text` is whole. */
  function whenWhole(text: string, line: number, use: (text: string) => void): void {
    if (!text.startsWith('[') || text.includes(']')) use(text)
    else list = { text, line, use }
  }

  /** Whether the line goes on with a list. */
  function continues({ text }: Line): boolean {
    if (!list) return false
    if (STAMP.test(text) || list.text.length + text.length > LONGEST_LIST) {
      report(list.line, 'the list of numbers has no end')
      list = undefined
      return false
    }
    list.text += ` ${text}`
    if (text.includes(']')) {
      const { text: whole, use } = list
      list = undefined
      use(whole)
    }
    return true
  }

  function epochOf(line: number): LogEpoch | undefined {
    const last = facts.epochs.at(-1)
    if (!last) report(line, 'this belongs to an epoch, and none has begun')
    return last
  }

  /** Durations stand by themselves where somebody has cut the file. */
  function duration(text: string, { number: line, ended }: Line): void {
    const seconds = readTime(text)
    if (seconds === undefined) report(line, `${show(text)} is no duration`)
    let last = facts.epochs.at(-1)
    if (!last || last.seconds !== null) {
      last = { epoch: (last?.epoch ?? 0) + 1, seconds: null, powers: powers() }
      facts.epochs.push(last)
    }
    if (ended) last.seconds = seconds ?? null
  }

  function power(component: string, text: string, { number: line, ended }: Line): void {
    whenWhole(text.trim(), line, (whole) => {
      const isList = whole.startsWith('[')
      // A number that the end of the file has cut looks like another number.
      const values = isList || ended ? numbersOf(whole, line, 'power') : [null]
      const epoch = epochOf(line)
      if (epoch) epoch.powers[component.toLowerCase()] = { values, isList }
    })
  }

  function intensities(place: string, text: string, { number: line }: Line): void {
    if (place !== '') facts.place = place
    whenWhole(text, line, (whole) => {
      const values = numbersOf(whole, line, 'intensity')
      facts.list = values.filter((value): value is number => value !== null)
    })
  }

  /** Whether the line belongs to the block that is open. */
  function inBlock(text: string, { number: line, ended }: Line): boolean {
    if (!block) return false
    const [, key, rest] = /^\s*(?:(Time|Energy|CO2eq):\s*)?(.*)$/i.exec(text)!
    const value = rest!.trim()
    switch (key?.toLowerCase()) {
      case 'time': {
        block.seconds = readTime(value) ?? null
        if (block.seconds === null) report(line, `${show(value)} is no time`)
        return true
      }
      case 'energy':
        block.kWh = amount(value, line, 'kWh')
        return true
      case 'co2eq':
        block.grams = amount(value, line, 'g')
        return true
    }
    if (/^This is equivalent to:$/i.test(value)) {
      block.equivalents ??= {}
      return true
    }
    const [, count, unit] = /^(\S+) (.+)$/.exec(value) ?? []
    if (!block.equivalents || count === undefined) return false
    // The end of the file may have cut a unit.
    if (!ended && unit !== 'km travelled by car') return true
    const many = readNumber(count)
    if (many === undefined) report(line, `${show(count)} is no number`)
    else block.equivalents[unit!] = many
    return true
  }

  const rules: readonly [RegExp, (groups: readonly string[], line: Line) => void][] = [
    [
      /^carbontracker version (\S+)/,
      ([version]) => {
        if (facts.version !== undefined) begin()
        facts.version = version!
      },
    ],
    [
      /^Only predicted and actual consumptions are multiplied by a PUE coefficient of ([\d.]+\d)(?: \((.*)\))?/,
      ([pue, source]) => {
        facts.pue = Number(pue)
        if (source) facts.pueSource = source
      },
    ],
    [
      /^The following components were found:\s*(.*)$/,
      ([components]) => {
        if (facts.components !== undefined) begin()
        facts.components = components!
      },
    ],
    [
      /^Epoch (\d{1,9}):/,
      ([epoch]) => {
        facts.epochs.push({ epoch: Number(epoch), seconds: null, powers: powers() })
      },
    ],
    [/^Duration: (.+)$/, ([time], line) => duration(time!, line)],
    [
      /^Average power usage \(W\) for ([^:]+): (.*)$/,
      ([component, text], line) => power(component!, text!, line),
    ],
    [
      /^Carbon intensity(?: fetched)?: (\S+) gCO2(?:eq)?\/kWh at (.*)$/,
      ([grams, place], line) => {
        const gramsPerKWh = number(grams!, line.number, 'intensity')
        if (gramsPerKWh === null) return
        facts.fetched.push({ gramsPerKWh, place: place!, ...(stamp && { stamp }) })
      },
    ],
    [
      /^Carbon intensities \(gCO2(?:eq)?\/kWh\) fetched every \S+ s at detected location:? (.*)$/,
      ([rest], line) => {
        const at = rest!.lastIndexOf('[')
        if (at < 0) report(line.number, 'the list of intensities is missing')
        else intensities(rest!.slice(0, at).replace(/:?\s*$/, ''), rest!.slice(at), line)
      },
    ],
    [
      /^Average carbon intensity during training was (\S+) gCO2(?:eq)?\/kWh/,
      ([grams], line) => {
        const average = number(grams!, line.number, 'intensity')
        if (average !== null) facts.average = average
      },
    ],
    [
      /^(?:Current carbon intensity is|Carbon intensity for the next \S+ is predicted to be) (\S+) gCO2(?:eq)?\/kWh(?: at detected location: (.*?)\.?)?$/,
      ([, place]) => {
        facts.isLive = true
        if (place) facts.place ??= place
      },
    ],
    [
      /^Live carbon intensity could not be fetched (?:at detected location: (.*)|for your location)\. Defaulted to average carbon intensity for (.+) in (\d+) of (\S+) gCO2(?:eq)?\/kWh/,
      ([place, zone, year, grams], line) => {
        const gramsPerKWh = number(grams!, line.number, 'intensity')
        if (gramsPerKWh === null) return
        facts.fallback = { gramsPerKWh, zone: zone!, year: Number(year) }
        if (place) facts.place ??= place
      },
    ],
    [
      /^(?:No carbon intensity provider specified|Location could not be determined|Fetcher is unable to retrieve carbon intensity data|Failed to retrieve carbon intensity)\b.*?(?: for (\d{4}|[A-Z]{2}|world))?:? (\d[\d.]*) gCO2(?:eq)?\/kWh/,
      ([of, grams], line) => {
        const gramsPerKWh = number(grams!, line.number, 'intensity')
        if (gramsPerKWh === null) return
        const isYear = /^\d/.test(of ?? '')
        facts.fallback = {
          gramsPerKWh,
          ...(of && (isYear ? { zone: 'WORLD', year: Number(of) } : { zone: of })),
        }
      },
    ],
    [
      /^Training was interrupted(?: before all (-?\d{1,9}) epochs)?/i,
      ([count]) => {
        facts.interrupted = Number(count ?? Number.NaN)
      },
    ],
    [
      /^Session ended by user\./,
      () => {
        facts.refused = true
      },
    ],
    [
      /^(?:Monitoring thread ended|Finished monitoring)\./,
      () => {
        facts.ended = true
      },
    ],
    [
      /^Monitoring thread started\./,
      () => {
        // It tells nothing, but it is theirs.
      },
    ],
    [
      /^Using intensity provider: (.+?)(?: \('[^']*'\))?\.$/,
      ([provider]) => {
        facts.provider = provider!
      },
    ],
    [
      /^Written by (jouletap \S+): powers are sums over devices\./,
      ([writer]) => {
        facts.writer = writer!
      },
    ],
    [
      HEADING,
      ([kind, epochs]) => {
        block = { seconds: null, kWh: null, grams: null, ...(epochs && { epochs: Number(epochs) }) }
        if (/^p/i.test(kind!)) facts.predicted.push(block)
        else facts.actual.push(block)
      },
    ],
  ]

  return {
    add(line) {
      if (continues(line)) return
      const found = STAMP.exec(line.text)
      if (found) {
        stamp = found[1]!
        block = undefined
      }
      const message = line.text.slice(found?.[0].length ?? 0).replace(/^CarbonTracker:\s*/, '')
      if (!HEADING.test(message) && inBlock(message, line)) return
      for (const [rule, use] of rules) {
        const groups = rule.exec(message)
        if (!groups) continue
        if (isFull) return
        if (++kept > MOST_LINES || all.length >= MOST_RUNS) {
          isFull = true
          report(line.number, 'the log is too long, from here on')
          return
        }
        use(groups.slice(1), line)
        isKnown = true
        if (stamp) facts.stamp ??= stamp
        return
      }
    },
    end() {
      if (list) report(list.line, 'the list of numbers has no end')
      begin()
      return all
    },
  }
}

function fresh(): Facts {
  return { epochs: [], fetched: [], predicted: [], actual: [] }
}

/** Names come from the file: none shall be found in a prototype. */
function powers(): LogEpoch['powers'] {
  return Object.create(null)
}

/** For a sentence. */
function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
