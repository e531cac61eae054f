/** The bundled bench: what measuring costs here. */
export { type Cost, type CostOptions, cost, type Spread } from './cost'
export { costText } from './text'
