import type {WadiServer} from '../../test/support/wadi-server.ts';
import {residentMb} from './process-cpu.ts';

/** Options of node for a server whose memory is asked. */
export const MEMORY_FLAGS: readonly string[] = ['--inspect=127.0.0.1:0'];

/** What a server uses after a full garbage collection, in bytes. */
export interface ServerMemory {
  readonly heap: number;
  readonly external: number;
  readonly resident: number;
}

interface Reply {
  readonly id: number;
  readonly result?: {readonly result?: {readonly value?: string}};
}

/** Asks a server that was started with MEMORY_FLAGS. */
export async function serverMemory(server: WadiServer): Promise<ServerMemory> {
  const url = /Debugger listening on (ws:\S+)/.exec(server.errors())?.[1];
  if (url === undefined) throw new Error('the server was started without an inspector');
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error('the inspector does not answer'));
  });
  let id = 0;
  const call = (method: string, params: object = {}): Promise<Reply> =>
    new Promise(resolve => {
      const asked = ++id;
      socket.onmessage = ({data}) => {
        const reply = JSON.parse(String(data)) as Reply;
        if (reply.id === asked) resolve(reply);
      };
      socket.send(JSON.stringify({id: asked, method, params}));
    });
  await call('HeapProfiler.collectGarbage');
  await call('HeapProfiler.collectGarbage');
  const {result} = await call('Runtime.evaluate', {
    expression: 'JSON.stringify(process.memoryUsage())',
  });
  socket.close();
  const usage = JSON.parse(result?.result?.value ?? '{}') as {heapUsed: number; external: number};
  return {
    heap: usage.heapUsed,
    external: usage.external,
    resident: (residentMb(server.pid) ?? 0) * 2 ** 20,
  };
}
