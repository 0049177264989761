import {readdirSync, readFileSync} from 'node:fs';
import {basename, dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import t from 'tap';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a layer may import beside itself and `common` (DESIGN.md section 2); `''` means everything. */
const plan = 'sql/plan/plan.ts';
const mayImport: Readonly<Record<string, readonly string[]>> = {
  common: [],
  wire: [],
  types: [],
  columns: ['types/'],
  functions: ['types/'],
  storage: ['types/', 'columns/'],
  catalog: ['storage/', 'types/', 'functions/'],
  expr: ['columns/', 'types/', 'functions/'],
  sql: ['catalog/', 'expr/', 'types/', 'functions/'],
  exec: [plan, 'expr/', 'catalog/', 'storage/', 'columns/', 'types/', 'functions/'],
  live: ['exec/', plan, 'expr/', 'catalog/', 'storage/', 'columns/', 'types/'],
  copy: ['columns/', 'types/'],
  jobs: ['storage/', 'catalog/', 'copy/', 'live/'],
  plpgsql: ['sql/plan/', 'sql/parse/', 'expr/'],
  session: [
    ...['sql/', 'exec/', 'live/', 'copy/', 'jobs/', 'plpgsql/'],
    ...['catalog/', 'storage/', 'expr/', 'columns/', 'functions/', 'types/'],
  ],
  server: ['wire/', 'session/', 'columns/', 'types/'],
  'database.ts': [''],
  'main.ts': [''],
  'command.ts': [''],
  'maintenance-commands.ts': [''],
};

const maxLines = 500;
/** Files that are too long already, with their length: a list that only shrinks. */
const longFiles: Readonly<Record<string, number>> = {
  'src/exec/operators/hash-join.ts': 535,
  'test/clients/node-postgres.test.ts': 565,
};
const maxColumns = 140;
/** A line that is one literal cannot be broken. */
const literal = /^\s*(?:\w+: )?['"`/][^*/]/;
const generated = /^src\/(catalog|functions)\/data\//;
const machinePath = /(?:^|[^\w./-])\/(?:work|root|home\/\w+|Users\/\w+)\/\w/;
const importPattern =
  /^\s*(?:import|export)\s[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|import\('([^']+)'\)/gm;

const files = ['src', 'test', 'bench', 'scripts', 'sdk', 'examples'].flatMap(filesUnder);
const sources = files.filter(file => file.startsWith('src/') && file.endsWith('.ts'));
const imports = new Map(sources.map(file => [file, importsOf(file)] as const));

t.test('each layer imports only what it may', t => {
  for (const file of sources) {
    const layer = file.split('/')[1] ?? '';
    const allowed = mayImport[layer];
    if (allowed === undefined) {
      t.fail(`${file}: ${layer} is no layer of DESIGN.md`);
      continue;
    }
    const prefixes = [`${layer}/`, 'common/', ...allowed];
    const wrong = (imports.get(file) ?? [])
      .map(target => target.replace(/^src\//, ''))
      .filter(target => !prefixes.some(prefix => target.startsWith(prefix)));
    t.same(wrong, [], `${file} keeps to its layer`);
  }
  t.end();
});

t.test('imports name a file that exists, with its suffix', t => {
  const known = new Set(files);
  const wrong = sources.flatMap(file =>
    (imports.get(file) ?? []).filter(target => !known.has(target)).map(to => `${file} -> ${to}`),
  );
  t.same(wrong, []);
  t.end();
});

t.test('no import cycles, not even of types', t => {
  t.same(cycles(), []);
  t.end();
});

t.test('sources are tidy', t => {
  const wrong = files.filter(isText).flatMap(file => faultsOf(file));
  t.same(wrong, []);
  t.end();
});

function faultsOf(file: string): string[] {
  if (generated.test(file)) return [];
  const faults: string[] = [];
  const name = basename(file);
  const isCode = /\.(ts|mts|mjs)$/.test(name);
  if (isCode && !/^[a-z0-9]+(-[a-z0-9]+)*(\.test|\.d)?\.(ts|mts|mjs)$/.test(name)) {
    faults.push(`${file}: the name is not kebab-case`);
  }
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  if (isCode && lines.length - 1 > (longFiles[file] ?? maxLines)) {
    faults.push(`${file}: ${lines.length - 1} lines, ${maxLines} are the most`);
  }
  lines.forEach((line, index) => {
    const at = `${file}:${index + 1}`;
    if (isCode && line.length > maxColumns && !literal.test(line))
      faults.push(`${at}: ${line.length} columns`);
    if (
      isCode &&
      /\b(TODO|FIXME|XXX|HACK)\b(?! ?\(?#\d+)/.test(line) &&
      file !== 'test/tidy.test.ts'
    ) {
      faults.push(`${at}: a reminder without issue number`);
    }
    if (machinePath.test(line)) faults.push(`${at}: a path of one machine`);
  });
  return faults;
}

/** Groups of files that import each other in a circle (Tarjan's strongly connected components), each told once. */
function cycles(): string[] {
  const found: string[] = [];
  const indexes = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): number => {
    const index = indexes.size;
    let low = index;
    indexes.set(file, index);
    stack.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!indexes.has(target)) low = Math.min(low, visit(target));
      else if (stack.includes(target)) low = Math.min(low, indexes.get(target) ?? low);
    }
    if (low !== index) return low;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1 || imports.get(file)?.includes(file))
      found.push(group.sort().join(' <-> '));
    return low;
  };
  for (const file of sources) if (!indexes.has(file)) visit(file);
  return found;
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(importPattern)]
    .map(match => match[1] ?? match[2] ?? match[3] ?? '')
    .filter(target => target.startsWith('.'))
    .map(target => relative(root, join(root, dirname(file), target)));
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), {recursive: true, withFileTypes: true})
      .filter(
        entry => entry.isFile() && !/node_modules|\bdist\b/.test(relative(root, entry.parentPath)),
      )
      .map(entry => relative(root, join(entry.parentPath, entry.name)))
      .sort();
  } catch {
    return [];
  }
}

function isText(file: string): boolean {
  return /\.(ts|mts|mjs|md|slt|json|sql|toml|sh)$/.test(file);
}

t.test(
  'the lock file names no host but the public registry, and a checksum for every package',
  t => {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, {resolved?: string; integrity?: string}>;
    };
    const wrong = Object.entries(lock.packages).filter(
      ([path, {resolved, integrity}]) =>
        path !== '' &&
        !(resolved?.startsWith('https://registry.npmjs.org/') === true && integrity !== undefined),
    );
    t.same(wrong, []);
    t.end();
  },
);
