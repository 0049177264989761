// lib/pq and pgx: what they print must be what they print with PostgreSQL 15 (README.md of this folder).
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {checkTranscript} from './check-transcript.ts';
import {runProgram, startClientServer} from './transcript.ts';

const program = join(import.meta.dirname, 'go', 'main.go');
// Where Debian's golang-github-* packages put their sources.
const sources = '/usr/share/gocode';
const wanted = ['lib/pq', 'jackc/pgx/v4'];
const missing = wanted.filter(name => !existsSync(join(sources, 'src/github.com', name)));
const hasGo = (await runProgram('go', ['version'])).code === 0;
const skip = !hasGo
  ? 'go is not installed'
  : missing.length > 0
    ? `${missing.join(' and ')} not found under ${sources}`
    : false;

t.setTimeout(400_000);
t.test('Go', {skip, timeout: 400_000}, async t => {
  const folder = temporaryFolder('go');
  t.teardown(() => folder.remove());
  const binary = join(folder.path, 'client');
  const built = await runProgram('go', ['build', '-o', binary, program], {
    GOPATH: sources,
    GO111MODULE: 'off',
    GOFLAGS: '',
    CGO_ENABLED: '0',
    GOCACHE: join(folder.path, 'cache'),
  });
  t.equal(built.code, 0, built.stderr);
  const server = await startClientServer();
  t.teardown(() => server.stop());
  checkTranscript(t, 'go', await runProgram(binary, [], await server.environment('client_go')));
});
