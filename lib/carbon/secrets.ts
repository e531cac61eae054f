/** Keeps the keys that go out with a question out of all that comes back with its answer. */

/** What is shorter is hardly a key, and may stand anywhere in an answer. */
const SHORTEST = 6

/** What nobody may see of headers: their values, tokens without their scheme, and a login's password. */
export function secretsOf(headers: Readonly<Record<string, string>> = {}): readonly string[] {
  return Object.values(headers)
    .flatMap((value) => {
      const [, scheme = '', credentials = value] = /^(Basic|Bearer) (.+)$/i.exec(value) ?? []
      if (scheme.toLowerCase() !== 'basic') return [credentials]
      const login = Buffer.from(credentials, 'base64').toString()
      return [credentials, login.slice(login.indexOf(':') + 1)]
    })
    .filter((secret) => secret.length >= SHORTEST)
}

/** The text with stars instead of the secrets. */
export function without(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), text)
}
