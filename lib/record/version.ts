/** Which jouletap this is. */
import { join } from 'node:path'

/** The version of this package. */
export function version(): string {
  const about = require(join(__dirname, '..', '..', 'package.json')) as { version: string }
  return about.version
}
