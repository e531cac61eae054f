/** One HTTP client for all providers: time-out, retries, cache, checks. */

/** One question to a service. */
export interface Question {
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Default GET. */
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  /** For how long an answer may be used again without asking; 0: not at all. */
  readonly ttlSeconds: number
}

/** An answer that came, or one that was kept. */
export interface Answer {
  readonly text: string
  /** When the service gave it. */
  readonly fetchedAt: Date
  /** Whether it is older than its time to live, for the service did not answer anew. */
  readonly stale: boolean
}

/** What providers ask through. */
export interface Http {
  /**
   * Asks, or answers from the cache.
   * @throws {JouletapError} INTENSITY_UNAVAILABLE: no answer in time, or none that can be used; the
   *   sentence names the host and the path, never a key.
   */
  ask(question: Question): Promise<Answer>
  /** Its clock, which tests set. */
  now(): Date
}
