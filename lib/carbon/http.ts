/** One HTTP client for all providers: a limit on waiting, retries, a cache, and no answer unchecked. */
import { JouletapError } from '../errors'
import { cacheIn, cacheName, type Kept } from './cache'
import { secretsOf, without } from './secrets'

/** One question to a service. */
export interface Question<T> {
  readonly url: URL
  /** May be keys: an answer that holds one of their values is read, and kept, without it. */
  readonly headers?: Readonly<Record<string, string>>
  /** Whose answers are kept, where the headers change that say so. */
  readonly owner?: string
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'PUT'
  readonly body?: string
  /** For how long an answer may be used again without asking; 0: it is not kept. */
  readonly ttlSeconds: number
  /** Whether the user gave the address himself: it may then be plain HTTP. */
  readonly plain?: boolean
  /**
   * Makes of the text what is wanted; an answer that it throws at is not kept.
   * @throws {Error} its message says what is wrong.
   */
  read(text: string): T
}

export interface Answer<T> {
  readonly value: T
  /** When the service gave it. */
  readonly fetchedAt: Date
  /** Whether it is older than it may be, for the service gave none anew. */
  readonly stale: boolean
}

/** What providers ask through. */
export interface Http {
  /**
   * Asks, or answers from the cache.
   * @throws {JouletapError} INTENSITY_UNAVAILABLE: no answer in time, or none that can be used; the
   *   sentence names the host and the path, never a key.
   */
  ask<T>(question: Question<T>): Promise<Answer<T>>
  /** Its clock. */
  now(): Date
}

export interface HttpOptions {
  /** The longest that `ask` takes, with all it tries: milliseconds, default 5000. */
  readonly timeoutMs?: number
  /** How often it asks again after a failure that may pass. Default 2. */
  readonly retries?: number
  /** Where answers are kept; null: nowhere. Default: `jouletap` in the user's cache folder. */
  readonly cacheFolder?: string | null
  readonly now?: () => Date
}

/** Bytes of an answer: a year of five-minute values is 10 MB. */
const LARGEST = 16 * 2 ** 20
const REDIRECTS = 3
/** Milliseconds before the first retry, on average; twice as long before the next. */
const PAUSE_MS = 300
/** An answer that is older is of no use even where the service fails. */
const OLDEST_MS = 24 * 3_600_000

export function httpClient(options: HttpOptions = {}): Http {
  const { timeoutMs = 5000, retries = 2, cacheFolder, now = () => new Date() } = options
  const cache = cacheIn(cacheFolder)
  const asked = new Map<string, Promise<Kept>>()

  async function ask<T>(question: Question<T>): Promise<Answer<T>> {
    const name = cacheName(question)
    const keeps = question.ttlSeconds > 0
    const kept = keeps ? cache.read(name) : undefined
    const age = kept ? now().getTime() - kept.fetchedAt.getTime() : Number.POSITIVE_INFINITY
    if (kept && age >= 0 && age < question.ttlSeconds * 1000) {
      const value = attempt(() => question.read(kept.text))
      if (value) return { value: value.of, fetchedAt: kept.fetchedAt, stale: false }
    }
    try {
      const running = asked.get(name) ?? fetchAnew(question, kept)
      asked.set(name, running)
      const fresh = await running.finally(() => asked.delete(name))
      const value = read(question, fresh)
      if (keeps) cache.write(name, fresh)
      return { value, fetchedAt: fresh.fetchedAt, stale: false }
    } catch (error) {
      const old = kept && age < OLDEST_MS && (error as Failure).passing !== false
      const value = old ? attempt(() => question.read(kept.text)) : undefined
      if (value) return { value: value.of, fetchedAt: kept!.fetchedAt, stale: true }
      throw error
    }
  }

  /** Tries until there is an answer, the failure is final, or time is up. */
  async function fetchAnew(question: Question<unknown>, kept: Kept | undefined): Promise<Kept> {
    const end = performance.now() + timeoutMs
    for (let failures = 0; ; failures++) {
      const left = end - performance.now()
      try {
        return await once(question, kept, left, now)
      } catch (error) {
        const { passing = false, retryAfterMs = 0 } = error as Failure
        const pause = Math.max(retryAfterMs, PAUSE_MS * 2 ** failures * (0.5 + Math.random()))
        const inTime = pause < end - performance.now()
        if (!passing || failures >= retries || !inTime) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  return { ask, now }
}

/** What went wrong, and whether it may go right in a moment. */
interface Failure extends JouletapError {
  passing?: boolean
  retryAfterMs?: number
  status?: number
}

/** Whether the service did not accept the key. */
export function isUnauthorized(error: unknown): boolean {
  return (error as Failure).status === 401
}

function failure(url: URL, what: string, more: Partial<Failure> = {}): Failure {
  const error = new JouletapError('INTENSITY_UNAVAILABLE', `${url.host}${url.pathname} ${what}.`)
  return Object.assign(error, more)
}

async function once(
  question: Question<unknown>,
  kept: Kept | undefined,
  timeoutMs: number,
  now: () => Date,
): Promise<Kept> {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
  let { url } = question
  // Nobody who gave an https address wants to be sent elsewhere.
  const mayBePlain = question.plain === true && url.protocol === 'http:'
  const headers: Record<string, string> = { accept: '*/*', ...question.headers }
  if (kept?.etag !== undefined) headers['if-none-match'] = kept.etag
  const secrets = secretsOf(question.headers)
  try {
    for (let hops = 0; hops <= REDIRECTS; hops++) {
      if (!isAllowed(url, mayBePlain)) {
        const named = new URL(without(url.href, secrets))
        throw failure(named, 'is not HTTPS, and was not asked')
      }
      const { method = 'GET', body } = question
      const response = await fetch(url, {
        method,
        headers: url.host === question.url.host ? headers : {},
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal,
      })
      const location = response.headers.get('location')
      if (response.status >= 300 && response.status < 400 && location !== null) {
        await response.body?.cancel()
        url = new URL(location, url)
        continue
      }
      if (response.status === 304 && kept) return { ...kept, fetchedAt: now() }
      if (response.status !== 200) {
        await response.body?.cancel()
        throw refused(question.url, response, now())
      }
      const text = without(await textOf(response, question.url), secrets)
      const etag = response.headers.get('etag')
      return { text, fetchedAt: now(), ...(etag !== null && { etag: without(etag, secrets) }) }
    }
    throw failure(question.url, 'sends from one address to the next')
  } catch (error) {
    if (error instanceof JouletapError) throw error
    const late = (error as Error).name === 'TimeoutError'
    const what = late ? 'did not answer in time' : `cannot be reached (${reasonOf(error)})`
    throw failure(question.url, what, { passing: true })
  }
}

/** A code, for the message may hold more than should be shown. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string } }
  return cause?.code ?? 'the connection broke'
}

function isAllowed({ protocol, hostname }: URL, plain: boolean): boolean {
  if (protocol === 'https:') return true
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
  return protocol === 'http:' && (plain || loopback)
}

function refused(url: URL, { status, headers }: Response, now: Date): Failure {
  const passing = status === 429 || status >= 500
  const why = status === 401 || status === 403 ? ': the key is not accepted' : ''
  const wait = headers.get('retry-after')
  const retryAfterMs = passing && wait !== null ? retryAfter(wait, now) : 0
  return failure(url, `answered with status ${status}${why}`, { passing, retryAfterMs, status })
}

/** Seconds, or a date. */
function retryAfter(text: string, now: Date): number {
  const ms = /^\d+$/.test(text) ? 1000 * Number(text) : Date.parse(text) - now.getTime()
  return Number.isFinite(ms) ? Math.max(0, ms) : 0
}

async function textOf(response: Response, url: URL): Promise<string> {
  const decoder = new TextDecoder()
  let [text, bytes] = ['', 0]
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > LARGEST) throw failure(url, `answered with more than ${LARGEST / 2 ** 20} MiB`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function read<T>({ url, read }: Question<T>, { text }: Kept): T {
  try {
    return read(text)
  } catch (error) {
    if (/^\s*</.test(text)) throw failure(url, 'answered with HTML', { passing: true })
    throw failure(url, `answered what cannot be used: ${(error as Error).message}`, {
      passing: true,
    })
  }
}

/** What it gives, or nothing where it throws. */
function attempt<T>(what: () => T): { of: T } | undefined {
  try {
    return { of: what() }
  } catch {
    return undefined
  }
}
