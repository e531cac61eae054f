// Measures two ways to build a string, in one process, by spans.
import { Meter } from 'jouletap'

const meter = new Meter()
meter.start()

const joining = meter.span('join')
for (let round = 0; round < 40; round++) Array.from({ length: 200_000 }, (_, i) => i).join(',')
const joined = joining.end()

const adding = meter.span('add')
for (let round = 0; round < 40; round++) {
  let text = ''
  for (let i = 0; i < 200_000; i++) text += `${i},`
  if (text.length < 200_000) throw new Error('too short')
}
const added = adding.end()

meter.stop()
for (const [name, energy] of Object.entries({ join: joined, add: added })) {
  const { joules, uncertaintyJoules, seconds, quality } = energy
  console.log(
    `${name}: ${joules.toFixed(2)} ± ${uncertaintyJoules.toFixed(2)} J in ${seconds.toFixed(2)} s, ${quality}`,
  )
}
