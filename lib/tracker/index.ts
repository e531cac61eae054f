/** Epochs: what each used, what the whole will use, and what that means for the climate. */
export const watchCarbon: typeof import('./carbon').watchCarbon = (...all) =>
  (require('./carbon') as typeof import('./carbon')).watchCarbon(...all)
