import {type AddressInfo, connect as connectSocket, createServer, type Socket} from 'node:net';

/** Something that tells when it has changed. */
interface Subscribable {
  subscribe(listener: () => void): () => void;
}

/** Resolves as soon as a condition holds, which is tried now and after every change. */
export function until(source: Subscribable, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let end = (): void => undefined;
    const check = (): void => {
      try {
        if (!holds()) return;
        end();
        resolve();
      } catch (error) {
        end();
        reject(error as Error);
      }
    };
    end = source.subscribe(check);
    check();
  });
}

/** A TCP proxy before a server that cuts connections. */
export interface CuttingProxy {
  readonly url: string;
  /** Connections so far. */
  readonly count: number;
  /** Bytes that connection `n` (from 1) may carry, down to the client or up to the server; Infinity: all. */
  limit: (n: number) => {readonly down: number; readonly up: number};
  /** Cuts all that are open. */
  cut(): void;
  /** Refuses new ones, or takes them again. */
  isRefusing: boolean;
  close(): Promise<void>;
}

/** Starts a proxy to a port of this machine. */
export async function cuttingProxy(port: number): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  const server = createServer(client => {
    if (proxy.isRefusing) {
      client.destroy();
      return;
    }
    const limits = proxy.limit(++count);
    const upstream = connectSocket(port, '127.0.0.1');
    const cut = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', cut);
      socket.on('close', () => {
        open.delete(socket);
        cut();
      });
    }
    carry(upstream, client, limits.down, cut);
    carry(client, upstream, limits.up, cut);
  });
  let count = 0;
  const proxy = {
    get count() {
      return count;
    },
    url: '',
    limit: () => ({down: Infinity, up: Infinity}),
    isRefusing: false,
    cut: () => {
      for (const socket of [...open]) socket.destroy();
    },
    close: () => {
      proxy.cut();
      return new Promise<void>(resolve => server.close(() => resolve()));
    },
  } as {-readonly [K in keyof CuttingProxy]: CuttingProxy[K]};
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return proxy;
}

function carry(from: Socket, to: Socket, limit: number, cut: () => void): void {
  let left = limit;
  from.on('data', (chunk: Buffer) => {
    to.write(chunk.subarray(0, left));
    left -= chunk.length;
    // What was carried arrives first.
    if (left <= 0) to.end(cut);
  });
}
