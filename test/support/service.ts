// A service on the loopback that answers what a test tells it to, and remembers what it was asked.
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Reply {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** `never`: no answer at all; `torn`: half of the body, then the connection breaks; `trickle`: the
   * headers, then a byte now and then. */
  readonly how?: 'never' | 'torn' | 'trickle'
}

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

export interface Service {
  readonly url: string
  readonly asked: Asked[]
  /** From now on. A list is answered one after the other, the last again and again. */
  answer(reply: Reply | readonly Reply[] | ((asked: Asked) => Reply)): void
  close(): Promise<void>
}

export async function startService(): Promise<Service> {
  let next: (asked: Asked) => Reply = () => ({ status: 404 })
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://loopback')
    const query = Object.fromEntries(url.searchParams)
    const { method = '', headers } = request
    asked.push({ method, path: url.pathname, query, headers })
    const { status = 200, body = '', how, headers: more = {} } = next(asked.at(-1)!)
    if (how === 'never') return
    if (how === 'torn') {
      response.writeHead(status, { 'content-length': String(body.length), ...more })
      response.write(body.slice(0, body.length / 2), () => response.destroy())
      return
    }
    response.writeHead(status, more)
    if (how !== 'trickle') return void response.end(body)
    const timer = setInterval(() => response.write(' '), 20)
    response.on('close', () => clearInterval(timer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    answer(reply) {
      if (typeof reply === 'function') {
        next = reply
      } else if (Array.isArray(reply)) {
        const rest = [...(reply as readonly Reply[])]
        next = () => (rest.length > 1 ? rest.shift()! : rest[0]!)
      } else {
        next = () => reply as Reply
      }
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
