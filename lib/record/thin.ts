/** Which rows of a run are kept, so that a file or a list stays bounded however long it goes on. */

/** Times that the distance between rows of a file doubles: enough for years at 1000 rows a second. */
const DOUBLINGS = 32

/** The least that `most` may be. */
export const LEAST_ROWS = 64

/**
 * How many rows further the next row to write is, once `written` rows are. A file cannot be thinned
 * afterwards, so the distance grows as the file does: the first quarter of `most` rows is complete,
 * then the distance doubles each time that a 32nd of the rest is written. What a run that is killed
 * may lose of its end is thus at most a small part of it: with 10 000 rows, 0.5 %.
 */
export function distanceAfter(written: number, most: number): number {
  const step = Math.floor((0.75 * most) / DOUBLINGS)
  const complete = most - step * DOUBLINGS
  return written < complete ? 1 : 2 ** (1 + Math.floor((written - complete) / step))
}

/** Keeps at most `most`, 2 and more, of the rows that come, evenly, the first and the last among them. */
export function thinned<Row>(most: number): { add(row: Row): void; rows(): Row[] } {
  let kept: Row[] = []
  let every = 1
  let seen = 0
  let last: Row | undefined
  return {
    add(row) {
      last = undefined
      if (seen++ % every !== 0) {
        last = row
        return
      }
      kept.push(row)
      if (kept.length < most) return
      kept = kept.filter((_, index) => index % 2 === 0)
      every *= 2
      if ((seen - 1) % every !== 0) last = row
    },
    rows: () => (last === undefined ? kept : [...kept, last]),
  }
}
