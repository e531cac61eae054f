/** Bars for a terminal. */

const WIDTH = 40

/** A bar for each of these numbers, none of them negative, the largest as wide as there is room. */
export function bars(values: readonly number[], width = WIDTH): string[] {
  const most = Math.max(...values)
  const block = isUnicode() ? '█' : '#'
  return values.map((value) => {
    const length = most > 0 ? Math.round((value / most) * width) : 0
    return block.repeat(length).padEnd(width)
  })
}

/** Whether the terminal's character set has more than ASCII, as its variables say. */
function isUnicode(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env
  return process.platform === 'win32' || /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')
}
