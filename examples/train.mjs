// Trains a small neural network, and tells what each epoch used and what all of them will use:
// node examples/train.mjs [epochs] [points of each]
import { CarbonTracker } from 'jouletap'

const [planned = 10, points = 500_000] = process.argv.slice(2).map(Number)

const UNITS = 64
const RATE = 0.02
const seeds = new Uint32Array([1])
/** From -1 to 1, the same in each run. */
const random = () => {
  seeds[0] = seeds[0] * 1_664_525 + 1_013_904_223
  return seeds[0] / 2 ** 31 - 1
}
const weights = () => Float64Array.from({ length: UNITS }, random)
const [wx, wy, bias, out, hidden] = [weights(), weights(), weights(), weights(), weights()]
let outBias = 0

/** Learns from made points whether they lie in a ring; gives the share that it got right before. */
function train() {
  let right = 0
  for (let point = 0; point < points; point++) {
    const [x, y] = [random(), random()]
    const truth = Math.abs(Math.hypot(x, y) - 0.6) < 0.2 ? 1 : 0

    let sum = outBias
    for (let i = 0; i < UNITS; i++) {
      hidden[i] = Math.tanh(wx[i] * x + wy[i] * y + bias[i])
      sum += out[i] * hidden[i]
    }
    const error = 1 / (1 + Math.exp(-sum)) - truth
    if (Math.abs(error) < 0.5) right++

    outBias -= RATE * error
    for (let i = 0; i < UNITS; i++) {
      const step = RATE * error * out[i] * (1 - hidden[i] ** 2)
      out[i] -= RATE * error * hidden[i]
      wx[i] -= step * x
      wy[i] -= step * y
      bias[i] -= step
    }
  }
  return right / points
}

const tracker = new CarbonTracker({
  epochs: planned,
  epochsBeforePrediction: Math.min(3, planned),
})
for await (const epoch of tracker.epochs()) {
  console.log(`epoch ${epoch}: ${(100 * train()).toFixed(1)} % right`)
}

const { epochs, actual, between, carbon } = await tracker.stop()
for (const { epoch, seconds, energy } of epochs) {
  const { joules, uncertaintyJoules } = energy
  console.log(
    `epoch ${epoch}: ${joules.toFixed(2)} ± ${uncertaintyJoules.toFixed(2)} J in ${seconds.toFixed(2)} s`,
  )
}
console.log(`all: ${actual.joules.toFixed(2)} J, and ${between.joules.toFixed(2)} J between epochs`)
if (carbon) console.log(`${(1000 * carbon.grams).toFixed(2)} mg CO2e, ${carbon.intensity.zone}`)
