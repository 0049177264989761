import {join} from 'node:path';
import {compareWithRecording, recordings} from './conformance.ts';

const program = join(recordings, 'psql-meta.sh');

compareWithRecording({
  name: 'psql-meta',
  program,
  command: (host, port) => [
    ...(['bash', program, host, String(port)] as const),
    ...['check', join(recordings, 'psql-meta.pg15')],
  ],
});
