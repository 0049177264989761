// npm run demo tells no lie, ends by itself, and leaves nothing behind, also when it is interrupted.
import {spawn} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';
import {temporaryFolder} from '../support/temporary-folder.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

interface Ended {
  readonly code: number | null;
  readonly text: string;
}

/** Plays the demo with a temporary folder of its own; `interruptAt` is what it says before it gets SIGINT. */
function play(tmp: string, interruptAt: string | null): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, 'examples', 'chat', 'main.ts')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...process.env, TMPDIR: tmp, NO_COLOR: '1'},
  });
  let text = '';
  const take = (chunk: Buffer): void => {
    text += chunk.toString();
    if (interruptAt === null || !text.includes(interruptAt)) return;
    interruptAt = null;
    child.kill('SIGINT');
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  return new Promise(resolve => child.once('close', code => resolve({code, text})));
}

t.setTimeout(180_000);
t.test('the demo', async t => {
  const folder = temporaryFolder('demo-test');
  t.teardown(() => folder.remove());
  const {code, text} = await play(folder.path, null);
  if (code !== 0) t.comment(text);
  t.equal(code, 0, 'it ends well');
  t.match(text, 'permission denied to execute as user "bert"');
  t.match(text, 'the same answer');
  t.match(text, 'ERROR 23505: duplicate key value violates unique constraint "messages_pkey"');
  t.match(text, 'typing ["+"');
  t.match(text, 'told exactly once');
  t.notMatch(text, 'a bug');
  t.same(readdirSync(folder.path), [], 'nothing is left');
});

t.test('the demo, interrupted', async t => {
  const folder = temporaryFolder('demo-test');
  t.teardown(() => folder.remove());
  const {code} = await play(folder.path, '4. Live');
  t.equal(code, 1);
  t.same(readdirSync(folder.path), [], 'nothing is left');
});
