/** The stand-in for powermetrics: prints samples of known power; see powermetrics.ts. */
const { appendFileSync } = require('node:fs')

exports.run = ({
  folder,
  milliwatts = [4000, 1500, 250],
  samples = Number.POSITIVE_INFINITY,
  text = false,
  deaf = false,
  samplers = ['cpu_power', 'gpu_power', 'ane_power'],
}) => {
  const args = process.argv.slice(2)
  if (args[0] === '--help') {
    const list = samplers.map((name) => `    ${name}         what it is\n`).join('')
    console.log(`Usage: powermetrics [-i sample_interval]\n\nThese samplers:\n\n${list}`)
    return
  }
  const end = (how) => {
    appendFileSync(`${folder}/ends`, `${how}\n`)
    process.exit()
  }
  process.on('SIGTERM', () => deaf || end('SIGTERM'))
  process.stdout.on('error', () => end('EPIPE'))
  appendFileSync(`${folder}/starts`, `${JSON.stringify(args)}\n`)
  console.error('proc_pid: noise on stderr')

  const names = ['cpu', 'gpu', 'ane']
  const told = names.filter((_, part) => milliwatts[part] !== null)
  const power = (name) => milliwatts[names.indexOf(name)]
  const plist = (elapsedMs) => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>elapsed_ns</key><integer>${Math.round(elapsedMs * 1e6)}</integer>
<key>processor</key><dict>
${told.map((name) => `<key>${name}_power</key><real>${power(name)}</real>`).join('\n')}
</dict></dict></plist>
`
  const lines = (elapsedMs) => `
*** Sampled system activity (Tue Aug 16 23:39:54 2022 +0200) (${elapsedMs.toFixed(2)}ms elapsed) ***

${told.map((name) => `${name.toUpperCase()} Power: ${power(name)} mW`).join('\n')}
Combined Power (CPU + GPU + ANE): 1 mW
`
  let last = performance.now()
  let count = 0
  const print = () => {
    const now = performance.now()
    process.stdout.write(text ? lines(now - last) : `${count > 0 ? '\0' : ''}${plist(now - last)}`)
    last = now
    if (++count >= samples) end('done')
  }
  if (samples === 0) end('done')
  setInterval(print, Number(args[args.indexOf('--sample-rate') + 1]))
}
