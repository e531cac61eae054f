/** A program that turns energy into carbon, as a user writes it: compiled against the package's own types, never run. */

import {
  backTest,
  type Energy,
  equivalents,
  type Footprint,
  footprint,
  forecastIntensity,
  type IntensityAnswer,
  type IntensityPoint,
  type IntensitySeries,
  intensity,
  type Location,
  type Provider,
  recompute,
  resolveLocation,
  seriesOf,
  socialCost,
  withForecast,
} from 'jouletap'

declare const energy: Energy
declare const points: IntensityPoint[]

const own: Provider = {
  id: 'mine',
  covers: (location: Location) => location.country === 'DK',
  range: async () => points,
}
const answer: IntensityAnswer = await intensity('DK-DK1', { live: own, forecastHours: 24 })
const series: IntensitySeries = answer.series
const result: Footprint = footprint(energy, series, { pue: 1.2, wue: 0.5 })
const litres: number | undefined = result.waterLitres
const again: Footprint = recompute(JSON.parse(JSON.stringify(result)), { pue: 1 })
const ahead: IntensitySeries | undefined = forecastIntensity(series, { hours: 48 })
const errors: number[] = backTest(series)[0]?.days.map((day) => day.mapePercent) ?? []
const dollars: number = socialCost(result.grams, { dollarsPerTonne: 100 }).dollars
const zone: string | undefined = resolveLocation({ latitude: 55.7, longitude: 12.6 }).zone

// @ts-expect-error: only seriesOf makes sure that points are alike
forecastIntensity(points, { hours: 48 })
// @ts-expect-error: nobody writes a series by hand
const forged: IntensitySeries = { basis: series.basis, points }
// @ts-expect-error: no such provider
intensity('DK', { live: 'oracle' })
// @ts-expect-error: a provider has to answer
intensity('DK', { live: { id: 'mute' } })
// @ts-expect-error: no such basis
const wrong: IntensityPoint['kind'] = 'mean'

export const all = {
  again,
  ahead,
  dollars,
  errors,
  forged,
  litres,
  same: seriesOf(points),
  things: equivalents(result.grams),
  wrong,
  wrapped: withForecast(own),
  zone,
}
