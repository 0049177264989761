import {once} from 'node:events';
import {connect} from 'node:net';
import {type ControlAnswer, type ControlRequest, controlPath} from './control-socket.ts';

/** Asks the running server of a data directory; null when there is none that answers. */
export async function askServer(
  dataDir: string,
  request: ControlRequest,
): Promise<Exclude<ControlAnswer, {readonly kind: 'error'}> | null> {
  const path = controlPath(dataDir);
  if (path === null) return null;
  const socket = connect(path);
  socket.setEncoding('utf8');
  try {
    await once(socket, 'connect');
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return null;
    throw error;
  }
  socket.write(`${JSON.stringify(request)}\n`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  if (!text.endsWith('\n')) throw new Error('the server ended before it was done');
  const answer = JSON.parse(text) as ControlAnswer;
  if (answer.kind === 'error') throw new Error(answer.message);
  return answer;
}
