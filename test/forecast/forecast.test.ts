// Forecasts of grids that are made up, by what is known of them.
import { expect } from 'chai'
import { type IntensityPoint, resolveLocation, seriesOf } from '../../lib/carbon'
import type { Provider } from '../../lib/carbon/types'
import { JouletapError } from '../../lib/errors'
import { backTest, forecastIntensity, withForecast } from '../../lib/forecast'
import { bandsAt, quantile } from '../../lib/forecast/bands'
import { hoursOf } from '../../lib/forecast/hours'
import { METHODS, predict } from '../../lib/forecast/model'
import { GRIDS, gridOf } from '../support/grids'
import { hour, pointOf } from '../support/intensity'

/** So many hours of a function of the hour. */
const historyOf = (
  hours: number,
  grams: (hour: number) => number,
  more: Partial<IntensityPoint> = {},
) => seriesOf(Array.from({ length: hours }, (_, h) => pointOf(h, h + 1, grams(h), more)))
const gramsOf = (history: Parameters<typeof forecastIntensity>[0], hours: number) =>
  forecastIntensity(history, { hours })!.points.map(({ gramsPerKWh }) => gramsPerKWh)
const wave = (h: number) => 200 + 50 * Math.sin((h * Math.PI) / 12)

describe('forecastIntensity', () => {
  it('goes on with what repeats every day', () => {
    const told = gramsOf(historyOf(8 * 24, wave), 48)
    for (const [i, grams] of told.entries()) expect(grams).to.be.closeTo(wave(8 * 24 + i), 1e-9)
  })

  it('goes on with what does not change', () => {
    expect(
      gramsOf(
        historyOf(30, () => 77),
        5,
      ),
    ).to.deep.equal([77, 77, 77, 77, 77])
  })

  it('follows a step, which fades by 5 % an hour', () => {
    const days = 14 * 24
    const told = gramsOf(
      historyOf(days, (h) => wave(h) + (h >= days - 6 ? 40 : 0)),
      30,
    )
    for (const [i, grams] of told.entries()) {
      // Of the profile's seven days the last has the step in six of its hours.
      const inProfile = i % 24 >= 18 ? 40 / 7 : 0
      expect(grams, `${i}`).to.be.closeTo(wave(days + i) + inProfile + 40 * 0.95 ** (i + 1), 1e-9)
    }
  })

  it('is never below zero', () => {
    const days = 10 * 24
    const told = gramsOf(
      historyOf(days, (h) => (h >= days - 6 ? 0 : 30 * (h % 2))),
      24,
    )
    expect(Math.min(...told)).to.equal(0)
    const { points } = forecastIntensity(gridOf('hydro', 60), { hours: 96 })!
    for (const { quantiles } of points) expect(quantiles![0]!.gramsPerKWh).to.be.at.least(0)
  })

  it('is as much more as its history, and as many times as much', () => {
    const history = gridOf('sunny', 40)
    const changed = (change: (grams: number) => number) =>
      gramsOf(
        seriesOf(history.points.map((p) => ({ ...p, gramsPerKWh: change(p.gramsPerKWh) }))),
        96,
      )
    const told = gramsOf(history, 96)
    const more = changed((grams) => grams + 100)
    const twice = changed((grams) => 2 * grams)
    for (const [i, grams] of told.entries()) {
      expect(more[i]).to.be.closeTo(grams + 100, 1e-9)
      expect(twice[i]).to.be.closeTo(2 * grams, 1e-9)
    }
  })

  it('says what it is, of when and of what', () => {
    const { points, basis } = forecastIntensity(gridOf('mixed', 40), { hours: 24 })!
    expect(basis).to.deep.equal({ kind: 'average', factors: 'lifecycle', boundary: 'consumption' })
    expect(points[0]!.start).to.deep.equal(hour(40 * 24))
    for (const point of points) {
      expect(point).to.include({
        status: 'forecast',
        zone: 'mixed',
        source: 'jouletap: profile of made',
      })
      expect(point.issuedAt).to.deep.equal(hour(40 * 24))
      const [low, high] = point.quantiles!
      expect(low!.p).to.be.closeTo(0.05, 1e-12)
      expect(high!.p).to.be.closeTo(0.95, 1e-12)
      expect(low!.gramsPerKWh).to.be.at.most(point.gramsPerKWh)
      expect(high!.gramsPerKWh).to.be.at.least(point.gramsPerKWh)
    }
  })

  it('has no bands where too few days are known to tell', () => {
    const few = forecastIntensity(gridOf('mixed', 9), { hours: 24 })!
    expect(few.points.every(({ quantiles }) => quantiles === undefined)).to.equal(true)
    expect(forecastIntensity(historyOf(23, wave), { hours: 4 })).to.equal(undefined)
  })

  it('knows nothing of forecasts and of annual means', () => {
    for (const status of ['forecast', 'annual-average'] as const) {
      const history = historyOf(30 * 24, wave, { status })
      expect(forecastIntensity(history, { hours: 4 }), status).to.equal(undefined)
    }
    const known = historyOf(30 * 24, wave)
    const later = pointOf(30 * 24, 40 * 24, 9, { status: 'forecast', source: 'other' })
    const both = seriesOf([...known.points, later])
    expect(forecastIntensity(both, { hours: 4 })).to.deep.equal(
      forecastIntensity(known, { hours: 4 }),
    )
  })

  it('has bands up to the highest coverage that is allowed', () => {
    const [first] = forecastIntensity(gridOf('mixed', 60), { hours: 1, coverage: 0.95 })!.points
    expect(first!.quantiles!.map(({ p }) => p)).to.deep.equal([(1 - 0.95) / 2, (1 + 0.95) / 2])
  })

  it('takes series of any step, with holes, in any order', () => {
    const quarters = Array.from({ length: 8 * 96 }, (_, q) =>
      pointOf(q / 4, (q + 1) / 4, wave(q / 4)),
    )
    const holed = quarters.filter((_, q) => q % 17 !== 0 && !(q > 200 && q < 260)).reverse()
    const told = gramsOf(seriesOf(holed), 24)
    for (const [i, grams] of told.entries()) {
      expect(grams).to.be.closeTo(wave(8 * 24 + i + 3 / 8), 3)
    }
  })

  for (const options of [
    { hours: 0 },
    { hours: 337 },
    { hours: 1.5 },
    { hours: 5, method: 'magic' },
    { hours: 5, coverage: 0.99 },
    { hours: 5, coverage: '0.9' },
  ]) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      const [name] = Object.keys(options).reverse()
      expect(() => forecastIntensity(gridOf('coal', 3), options as unknown as { hours: number }))
        .to.throw(JouletapError, new RegExp(`^${name} must be`))
        .with.property('code', 'BAD_OPTION')
    })
  }
})

describe('backTest', () => {
  const year = Object.keys(GRIDS).map((name) => ({
    name,
    // Another year than that in which the model was chosen.
    figures: backTest(gridOf(name, 250, 7), { everyHours: 7 }),
  }))
  const of = (figures: (typeof year)[number]['figures'], method: string) =>
    figures.find((one) => one.method === method)!

  for (const { name, figures } of year) {
    it(`finds the profile better than persistence and yesterday on the ${name} grid, on each of four days`, () => {
      const profile = of(figures, 'profile')
      expect(profile.forecasts).to.be.above(500)
      for (const method of ['persistence', 'seasonal-naive']) {
        for (const [day, { mapePercent }] of of(figures, method).days.entries()) {
          expect(profile.days[day]!.mapePercent, `${method}, day ${day + 1}`).to.be.below(
            mapePercent,
          )
        }
      }
    })

    // A profile of all days of the week alike cannot see that of coal.
    const better = name === 'coal' ? 'worse' : 'better'
    it(`finds the profile ${better} than the last week on the ${name} grid, on each of four days`, () => {
      for (const [day, { mapePercent }] of of(figures, 'weekly-naive').days.entries()) {
        const told = of(figures, 'profile').days[day]!.mapePercent
        expect(told < mapePercent, `day ${day + 1}`).to.equal(better === 'better')
      }
    })

    it(`finds 85 to 95 % of the ${name} grid within bands of 90 %, on each of four days`, () => {
      for (const { covered, hours } of of(figures, 'profile').days) {
        expect(covered).to.be.within(0.85, 0.95)
        expect(hours).to.be.above(10_000)
      }
    })
  }

  it('sees nothing of what comes', () => {
    const { values } = hoursOf(gridOf('mixed', 60))
    const origin = 40 * 24
    const other = values.map((value, h) => (h > origin ? 2 * value! : value))
    for (const method of METHODS) {
      expect(predict(method, other, origin, 96)).to.deep.equal(predict(method, values, origin, 96))
      expect(bandsAt(method, other, origin, 96, 0.9)).to.deep.equal(
        bandsAt(method, values, origin, 96, 0.9),
      )
    }
  })

  it('makes no error of what repeats every week, by the week before', () => {
    const weekly = historyOf(60 * 24, (h) => 100 + (h % 168))
    const [figures] = backTest(weekly, { methods: ['weekly-naive'], days: 7 })
    expect(figures!.days.map(({ mapePercent }) => mapePercent)).to.deep.equal(Array(7).fill(0))
  })

  it('counts hours of 0 g/kWh for the bands, of which there is no percentage', () => {
    const half = historyOf(60 * 24, (h) => (h % 2 === 0 ? 0 : 100))
    const [figures] = backTest(half, { methods: ['profile'], days: 1 })
    expect(figures!.days[0]).to.deep.equal({ mapePercent: 0, covered: 1, hours: 39 * 12 })
    // From a day on the last hour of each is 0, which the errors before it did not tell.
    const rare = historyOf(60 * 24, (h) => (h % 24 === 23 && h > 20 * 24 ? 0 : 100))
    const [missed] = backTest(rare, { methods: ['persistence'], days: 1 })
    expect(missed!.days[0]!.covered).to.be.below(1)
  })

  it('refuses what cannot be tested', () => {
    const test =
      (days: number, options = {}) =>
      () =>
        backTest(gridOf('coal', days), options)
    expect(test(24)).to.throw(JouletapError, /needs more than 24 days/)
    expect(test(30, { days: 8 })).to.throw(JouletapError, /^days must be/)
    expect(test(30, { everyHours: 0 })).to.throw(JouletapError, /^everyHours must be/)
    expect(test(30, { methods: ['magic'] })).to.throw(JouletapError, /^method must be/)
  })
})

describe('quantile', () => {
  it('is the ⌈c(n+1)⌉-th smallest, and none where there are too few', () => {
    const errors = [5, 3, 1, 4, 2, 9, 8, 7, 6]
    expect(quantile(errors, 0.9)).to.equal(9)
    expect(quantile(errors, 0.5)).to.equal(5)
    expect(quantile(errors.slice(1), 0.9)).to.equal(Number.POSITIVE_INFINITY)
    expect(quantile([], 0.5)).to.equal(Number.POSITIVE_INFINITY)
  })
})

describe('hoursOf', () => {
  it('takes means by the time that each point holds, and half an hour at least', () => {
    const { first, values } = hoursOf(
      seriesOf([
        pointOf(0, 0.25, 100),
        pointOf(0.25, 1, 300),
        pointOf(1.6, 2, 50),
        pointOf(2, 4.5, 80),
      ]),
    )
    expect(first).to.equal(hour(0).getTime() / 3_600_000)
    expect(values).to.deep.equal([250, undefined, 80, 80, 80])
  })
})

describe('withForecast', () => {
  const location = resolveLocation('DK')
  const now = () => hour(39.5 * 24)
  const history = gridOf('sunny', 40)
  const provider: Provider = {
    id: 'made',
    covers: () => true,
    range: async (_, from, to) =>
      history.points.filter(({ start, end }) => start < to && end > from && end <= now()),
  }
  const own = [pointOf(39.5 * 24, 40 * 24, 5, { status: 'forecast' })]

  it('forecasts from the past of a provider that cannot', async () => {
    const points = await withForecast(provider, { now }).forecast!(location, 24)
    expect(points).to.have.length(24)
    expect(points[0]!.start).to.deep.equal(now())
    expect(points[0]!.source).to.equal('jouletap: profile of made')
    expect(points[0]!.quantiles).to.have.length(2)
  })

  it("takes a provider's own where it has one, and the past where that fails", async () => {
    const able = { ...provider, forecast: async () => own }
    expect(await withForecast(able, { now }).forecast!(location, 5)).to.equal(own)
    const failing = { ...provider, forecast: () => Promise.reject(new Error('no')) }
    const points = await withForecast(failing, { now }).forecast!(location, 5)
    expect(points[0]!.source).to.contain('profile of made')
  })

  it('says that there is too little past', async () => {
    for (const known of [[], [pointOf(0, 5, 3)]]) {
      const error = await errorOf({ ...provider, range: async () => known })
      expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'INTENSITY_UNAVAILABLE' })
      expect(error.message).to.contain('less than a day')
    }
  })

  it('says that the past ended too long ago', async () => {
    const error = await errorOf({ ...provider, range: async () => gridOf('sunny', 20).points })
    expect(error).to.be.instanceOf(JouletapError).and.include({ code: 'INTENSITY_UNAVAILABLE' })
    expect(error.message).to.contain(hour(20 * 24).toISOString())
  })

  it('takes objects of a class, and a forecast that throws at once', async () => {
    class Made implements Provider {
      readonly id = 'class'
      covers() {
        return this.id === 'class'
      }
      range = provider.range
      forecast(): Promise<IntensityPoint[]> {
        throw new Error('no')
      }
    }
    const able = withForecast(new Made(), { now })
    expect(able.covers(location)).to.equal(true)
    expect(await able.range(location, hour(0), hour(5))).to.have.length(5)
    expect(await able.forecast!(location, 5)).to.have.length(5)
  })

  const errorOf = (made: Provider) =>
    withForecast(made, { now }).forecast!(location, 5).then(
      () => undefined,
      (cause) => cause,
    )
})
