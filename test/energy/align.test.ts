// Windows that begin and end at updates of the counters, against a host whose power is known.
import { setTimeout as pause } from 'node:timers/promises'
import { expect } from 'chai'
import { type Energy, Meter, type MeterOptions, measure, type Span } from '../../lib'
import { JouletapError } from '../../lib/errors'
import { type Host, hostUnavailable, startHost } from '../host/host'
import { self } from '../support/energy'

const WATTS = { package: 65, dram: 9.25 }
/** Of the additive domains together. */
const TOTAL = WATTS.package + WATTS.dram
const UPDATE_MS = 1000 / 1024

function busy(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** What a quarter of them stay below: a thread that is held up, as on a busy machine, misses edges. */
const quartile = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 2]!

describe('align', function () {
  this.timeout(60_000)
  let host: Host
  before(async function () {
    const reason = hostUnavailable()
    if (reason !== undefined) {
      this.test!.title += `: ${reason}`
      this.skip()
    }
    host = await startHost({
      preset: 'intel-server-2s',
      packages: 1,
      domains: { package: { watts: WATTS.package }, dram: { watts: WATTS.dram } },
    })
  })
  after(() => host?.stop())
  const options = (more: MeterOptions = {}): MeterOptions => ({
    root: host.root,
    sources: ['rapl-powercap'],
    estimate: false,
    ...more,
  })

  /** Errors of many windows of 5 ms, each a share of the window's true energy, without sign. */
  function errorsOf(span: (index: number) => Span, count: number): number[] {
    return Array.from({ length: count }, (_, index) => {
      const window = span(index)
      busy(5 + UPDATE_MS * ((index / count) % 1))
      const { joules, seconds } = window.end()
      busy(0.7)
      return Math.abs(joules / (TOTAL * seconds) - 1)
    })
  }

  it('knows windows of 5 ms better than any blind one could', () => {
    using meter = new Meter(options()).start()
    const errors = errorsOf(() => meter.span('', { align: 'edge' }), 60)
    // Of blind ones three in four are off by more than 2.6 %: (1 − √¾) · Tu ÷ 5 ms.
    expect(quartile(errors)).to.be.below(0.01)
  })

  it('claims an uncertainty that its errors keep to', () => {
    using meter = new Meter(options({ align: 'edge' })).start()
    const spans: Energy[] = []
    for (let index = 0; index < 60; index++) {
      const span = meter.span()
      busy(3)
      spans.push(span.end())
    }
    const kept = spans.filter(
      ({ joules, seconds, uncertaintyJoules }) =>
        Math.abs(joules - TOTAL * seconds) <= 3 * uncertaintyJoules,
    )
    expect(kept.length).to.be.at.least(0.85 * spans.length)
    const claimed = spans.map(({ uncertaintyJoules, joules }) => uncertaintyJoules / joules)
    // A blind one claims Tu / (√6 · 3 ms), 13 %.
    expect(quartile(claimed)).to.be.below(0.03)
  })

  it('measures the code, and bills the hunts to self', async () => {
    const { energy } = await measure(() => busy(20), options({ align: 'edge' }))
    expect(energy.seconds).to.be.within(0.02, 0.2)
    const hunted = self(energy)!
    const blind = await measure(() => busy(20), options())
    expect(hunted.joules).to.be.above(self(blind.energy)!.joules)
    // The hunts before and after spin for two updates at least.
    const least = (2 * UPDATE_MS) / 1000 / 2
    expect(hunted.joules).to.be.above((least * energy.watts) / 2)
  })

  it('is a property of the meter, which each span may choose anew', () => {
    using meter = new Meter(options({ align: 'edge' })).start()
    const claims = [undefined, 'none'].map((align) =>
      quartile(
        Array.from({ length: 20 }, () => {
          const span = meter.span('', align ? { align: 'none' } : {})
          busy(5)
          return span.end().uncertaintyJoules
        }),
      ),
    )
    expect(claims[0]!).to.be.below(claims[1]! / 3)
  })

  it('gives rows that tell how old they are', async () => {
    using meter = new Meter(options({ align: 'edge', intervalMs: 5 })).start()
    const [column] = meter.domains.flatMap(({ id }, index) => (id === 'package-0' ? [index] : []))
    const ages: number[] = []
    for await (const rows of meter.rows()) {
      expect(rows.ages).to.have.length(meter.domains.length)
      expect(rows.ages![column!]).to.have.length(rows.times.length)
      ages.push(...rows.ages![column!]!.filter((age) => !Number.isNaN(age)))
      if (ages.length >= 100) break
    }
    for (const age of ages) expect(age).to.be.within(0, UPDATE_MS * 1.01)
  })

  it('gives no ages unless it is asked for', async () => {
    using meter = new Meter(options({ intervalMs: 5 })).start()
    for await (const rows of meter.rows()) {
      expect(rows).to.not.have.property('ages')
      break
    }
  })

  it('leaves a meter of an estimate alone', async () => {
    using meter = new Meter({ sources: ['estimate'], align: 'edge' }).start()
    const span = meter.span()
    await pause(20)
    expect(span.end().quality).to.equal('estimated')
  })

  for (const bad of ['Edge', null, 1, {}]) {
    it(`refuses ${JSON.stringify(bad)}`, () => {
      using meter = new Meter(options()).start()
      for (const use of [
        () => new Meter(options({ align: bad as 'edge' })),
        () => meter.span('', { align: bad as 'edge' }),
      ]) {
        expect(use)
          .to.throw(JouletapError, /^align must be 'none' or 'edge', not /)
          .with.property('code', 'BAD_OPTION')
      }
    })
  }
})
