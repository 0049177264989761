// psycopg2, psycopg 3 and asyncpg: what they print must be what they print with PostgreSQL 15 (README.md of this folder).
import {join} from 'node:path';
import t from 'tap';
import {checkTranscript} from './check-transcript.ts';
import {runProgram, startClientServer} from './transcript.ts';

const folder = join(import.meta.dirname, 'python');
const programs = [
  ['psycopg2', 'psycopg2_program.py'],
  ['psycopg', 'psycopg3_program.py'],
  ['asyncpg', 'asyncpg_program.py'],
] as const;

// The system's Python before others: distributions install the modules for that one.
async function findPython(module: string): Promise<string | null> {
  for (const python of ['/usr/bin/python3', 'python3'])
    if ((await runProgram(python, ['-c', `import ${module}`])).code === 0) return python;
  return null;
}

t.setTimeout(400_000);
t.test('Python', {timeout: 400_000}, async t => {
  const found = new Map<string, string | null>();
  for (const [module] of programs) found.set(module, await findPython(module));
  const server = [...found.values()].some(python => python !== null)
    ? await startClientServer()
    : null;
  t.teardown(() => server?.stop());
  for (const [module, file] of programs) {
    const python = found.get(module) ?? null;
    const skip = python === null ? `the Python module ${module} is not installed` : false;
    await t.test(module, {skip, timeout: 250_000}, async t => {
      const env = await server!.environment(`client_${module}`);
      const result = await runProgram(python!, ['-X', 'utf8', join(folder, file)], {
        ...env,
        PYTHONDONTWRITEBYTECODE: '1',
      });
      checkTranscript(t, module, result);
    });
  }
});
