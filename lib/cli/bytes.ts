/** Arguments that are not UTF-8: Node can neither read nor pass them, but a shell can. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

/**
 * What has to be started so that a command, the last words of this process's own command line,
 * gets them byte for byte: the command itself wherever it is UTF-8.
 */
export function exactly(command: readonly string[]): readonly string[] {
  if (!command.some((word) => word.includes('\ufffd'))) return command
  const given = ownWords().slice(-command.length)
  if (given.length < command.length || given.every((word) => isUtf8(word))) return command
  const made: string[] = []
  const words = given.map((word, index) => {
    if (isUtf8(word)) return `"\${${index + 1}}"`
    // The x keeps line ends at the end, which $( ) would drop.
    made.push(`w${index}=$(printf '${octal(word)}x')`)
    return `"\${w${index}%x}"`
  })
  return ['/bin/sh', '-c', `${made.join('; ')}; exec ${words.join(' ')}`, 'sh', ...command]
}

function octal(word: Buffer): string {
  return [...word].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}

/** The words of this process's command line as bytes; none where the system does not tell. */
function ownWords(): Buffer[] {
  try {
    const line = readFileSync('/proc/self/cmdline')
    const words: Buffer[] = []
    for (let from = 0; from < line.length; ) {
      const end = line.indexOf(0, from)
      words.push(line.subarray(from, end < 0 ? line.length : end))
      from = end < 0 ? line.length : end + 1
    }
    return words
  } catch {
    return []
  }
}
