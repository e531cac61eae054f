#!/usr/bin/env node
/** The command line: finds the command, and turns every error into one sentence and an exit code. */
import { Command, CommanderError } from 'commander'
import { JouletapError } from '../errors'
import { version } from '../record'
import { remark, STDOUT, write } from './output'
import { fullName, usageSentence } from './usage'

const HELP = `
Examples:
  jouletap run -- node app.js
  jouletap sample --duration 10 --format csv
  jouletap doctor
  jouletap intensity GB --live --forecast 24`

async function main(argv: readonly string[]): Promise<number> {
  let code = 0
  const done = (its: number) => {
    code = its
  }
  // What follows -- belongs to the command, whatever stands before it.
  const dashes = argv[0] === 'run' ? argv.indexOf('--') : -1
  const own = dashes < 0 ? argv : argv.slice(0, dashes)
  const rest = dashes < 0 ? undefined : argv.slice(dashes + 1)
  const program = new Command('jouletap')
    .description(
      "Measures the energy that commands and machines use, from the hardware's counters, and tells " +
        'what it means for the climate.',
    )
    .version(version())
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText('after', HELP)
  for (const command of commandsFor(argv[0], rest, done)) program.addCommand(command)
  const nested = program.commands.flatMap(({ commands }) => commands)
  for (const command of [program, ...program.commands, ...nested]) {
    command
      .exitOverride()
      .helpOption('-h, --help', 'show this help')
      .configureOutput({ writeOut: (text) => write(STDOUT, text), writeErr: () => {} })
  }
  try {
    await program.parseAsync(own, { from: 'user' })
  } catch (error) {
    return failure(error, program, argv)
  }
  return code
}

/** The command of that name, or where there is none, as for the help, all of them. */
function commandsFor(
  name: string | undefined,
  rest: readonly string[] | undefined,
  done: (code: number) => void,
): Command[] {
  // Each with its modules: a command that is measured waits for what is loaded here.
  const all: Record<string, () => Command> = {
    run: () => (require('./run') as typeof import('./run')).runCommand(rest, done),
    sample: () => (require('./sample') as typeof import('./sample')).sampleCommand(done),
    doctor: () => (require('./doctor') as typeof import('./doctor')).doctorCommand(done),
    bench: () => (require('./bench') as typeof import('./bench')).benchCommand(done),
    intensity: () =>
      (require('./intensity') as typeof import('./intensity')).intensityCommand(done),
    parse: () => (require('./parse') as typeof import('./parse')).parseCommand(done),
    regions: () => (require('./regions') as typeof import('./regions')).regionsCommand(done),
  }
  const asked = Object.keys(all).filter((one) => one === name)
  return (asked.length > 0 ? asked : Object.keys(all)).map((one) => all[one]!())
}

function failure(error: unknown, program: Command, argv: readonly string[]): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  const outer = program.commands.find((one) => one.name() === argv[0])
  const command = outer?.commands.find((one) => one.name() === argv[1]) ?? outer
  if (error instanceof CommanderError || isBadOption(error)) {
    const sentence =
      error instanceof CommanderError ? usageSentence(error, program, command) : error.message
    remark(`jouletap: ${sentence} See '${fullName(command ?? program)} --help'.\n`)
    return 2
  }
  const message = error instanceof Error ? error.message : String(error)
  remark(`jouletap: ${message}\n`)
  return 1
}

function isBadOption(error: unknown): error is JouletapError {
  return error instanceof JouletapError && error.code === 'BAD_OPTION'
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
