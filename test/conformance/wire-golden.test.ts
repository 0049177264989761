import {join} from 'node:path';
import {compareWithRecording, recordings} from './conformance.ts';

const program = join(recordings, 'wire-golden.mjs');

compareWithRecording({
  name: 'wire-golden',
  program,
  command: (host, port) => [
    ...([process.execPath, program, host, String(port)] as const),
    ...['check', join(recordings, 'wire-golden.pg15.txt')],
  ],
});
