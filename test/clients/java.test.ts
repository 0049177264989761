// pgjdbc: what it prints must be what it prints with PostgreSQL 15 (README.md of this folder).
import {existsSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';
import {checkTranscript} from './check-transcript.ts';
import {runProgram, startClientServer} from './transcript.ts';

const source = join(import.meta.dirname, 'java');
const driver = process.env['WADI_JDBC_JAR'] ?? '/usr/share/java/postgresql.jar';
const hasJava = (await runProgram('javac', ['-version'])).code === 0;
const skip = !hasJava
  ? 'javac is not installed'
  : existsSync(driver)
    ? false
    : `the JDBC driver ${driver} is not installed`;

t.setTimeout(400_000);
t.test('JDBC', {skip, timeout: 400_000}, async t => {
  const classes = temporaryFolder('java');
  t.teardown(() => classes.remove());
  const compiled = await runProgram('javac', [
    ...['-encoding', 'UTF-8', '-d', classes.path, '-cp', driver],
    ...['Client.java', 'MetaData.java'].map(file => join(source, file)),
  ]);
  t.equal(compiled.code, 0, compiled.stderr);
  const server = await startClientServer();
  t.teardown(() => server.stop());
  const result = await runProgram(
    'java',
    [
      ...['-Dfile.encoding=UTF-8', '-Dstdout.encoding=UTF-8', '-XX:TieredStopAtLevel=1'],
      ...['-cp', `${classes.path}${delimiter}${driver}`, 'Client'],
    ],
    await server.environment('client_jdbc'),
  );
  checkTranscript(t, 'jdbc', result);
});
