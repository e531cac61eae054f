/** Says in one sentence what was wrong with a command line. */
import type { Command, CommanderError } from 'commander'
import { JouletapError } from '../errors'

/** The sentence for an error of the argument parser. */
export function usageSentence(
  error: CommanderError,
  program: Command,
  command: Command | undefined,
): string {
  const name = fullName(command ?? program)
  const culprit = /'([^']*)'/.exec(error.message)?.[1] ?? ''
  switch (error.code) {
    case 'commander.unknownOption':
      return `${name} has no option ${culprit}${instead(error, optionNames(command ?? program))}`
    case 'commander.unknownCommand':
      return `There is no command ${JSON.stringify(culprit)}${instead(error, names(program))}`
    case 'commander.help':
      return `A command is missing: use one of ${names(program).join(', ')}.`
    case 'commander.optionMissingArgument': {
      const [flag, value] = culprit.split(' ')
      return `${flag} needs a value, as in ${flag} ${value}.`
    }
    default:
      return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}.`
  }
}

/** With the names of the commands that it belongs to, as it is typed. */
export function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name()
}

/** Refuses words beyond those that a command takes: by default none but options. */
export function noArguments(command: Command, after: readonly string[] = []): void {
  const word = command.args[after.length]
  if (word === undefined) return
  throw new JouletapError(
    'BAD_OPTION',
    `${fullName(command)} takes only ${[...after, 'options'].join(' and ')}, not ${JSON.stringify(word)}.`,
  )
}

function instead(error: CommanderError, allowed: readonly string[]): string {
  const [, suggestion] = /\(Did you mean (?:one of )?(.*?)\?\)/s.exec(error.message) ?? []
  return suggestion ? `; did you mean ${suggestion}?` : `: use one of ${allowed.join(', ')}.`
}

function names(program: Command): string[] {
  return program.commands.map((command) => command.name())
}

function optionNames(command: Command): string[] {
  const visible = command.createHelp().visibleOptions(command)
  return visible.map((option) => option.long ?? option.short ?? '')
}
