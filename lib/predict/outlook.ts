/** What a series of epochs goes on with: where its level last shifted, and whether it has a trend. */
import { type Component, fitted, shares, step, trend } from './autoregression'

/** Fewer epochs than this have no trend: one fitted to them would do more harm than the mean. */
export const TREND_FROM = 20
/** How much a trend is believed before anything was seen, to a level's 1. */
const TREND_BELIEF = 0.3
/** A shift must explain so many times better than a level or a trend does. */
const SHIFT_TIMES = 20
/** Epochs that are needed before a shift and after it. */
const BEFORE = 3
const AFTER = 2

export interface Outlook {
  /** Change per epoch, as far as a trend is believed. */
  slope: number
  /** The sum of the next `count` values. */
  sum(count: number): Component[]
}

/** 0 … 1: how likely a trend explains the values, and not a level; 0 of three or fewer. */
export function trendShare(values: readonly number[]): number {
  if (values.length <= BEFORE) return 0
  const rising = fitted(values, trend(values.length)).evidence + Math.log(TREND_BELIEF)
  return shares([fitted(values).evidence, rising])[1]!
}

/** Both explanations, each as far as it is believed; of two values or more, with a trend of three. */
export function outlook(values: readonly number[], share: number): Outlook {
  const level = fitted(values)
  if (share === 0) return { slope: 0, sum: level.sum }
  const rising = fitted(values, trend(values.length))
  return {
    slope: share * rising.slope,
    sum: (count) => [...weighed(level.sum(count), 1 - share), ...weighed(rising.sum(count), share)],
  }
}

function weighed(components: readonly Component[], share: number): Component[] {
  return components.map((one) => ({ ...one, weight: share * one.weight }))
}

/**
 * The place of the first value after the last shift of the level, 0 where there is none. Where the
 * cumulative sum of deviations from the mean goes furthest (CUSUM; Page 1954) a shift is tried, and
 * believed if it explains the values far better than autocorrelation does without it, or a trend.
 */
export function lastShift(values: readonly number[]): number {
  let from = 0
  for (;;) {
    const rest = values.slice(from)
    const place = furthest(rest)
    if (place === undefined || !isShift(rest, place)) return from
    from += place
  }
}

function furthest(values: readonly number[]): number | undefined {
  const size = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / size
  let [cumulative, most, place] = [0, 0, undefined as number | undefined]
  for (let before = 1; before <= size - AFTER; before++) {
    cumulative += values[before - 1]! - mean
    const square = cumulative ** 2 / (before * (size - before))
    if (before >= BEFORE && square > most) [most, place] = [square, before]
  }
  return place
}

function isShift(values: readonly number[], place: number): boolean {
  const size = values.length
  const shifted = fitted(values, step(place)).evidence
  const others = Math.max(fitted(values).evidence, fitted(values, trend(size)).evidence)
  // Any place would have done.
  return shifted - Math.log(size) > others + Math.log(SHIFT_TIMES)
}
