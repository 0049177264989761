// What must be there before anything runs: packages, the pinned Node, and dist/ built from src/.
// Plain JavaScript on purpose: it runs on the machine's own Node (18 or newer) before anything is installed.
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');

/** Installs the exact versions of package-lock.json if they are missing or the lock file has changed. */
export function ensureInstalled() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(modules, '.wadi-installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  if (!isInstalled()) {
    say('installing packages');
    npm(['install', '--no-save']);
  } else if (existsSync(stamp)) {
    say('package-lock.json has changed: installing packages');
    npm(['install', '--no-save']);
  }
  writeFileSync(stamp, lock);
}

/** The pinned Node of node_modules, or this process's own where no package of it exists for the platform. */
export function nodePath() {
  for (const name of readdirSync(modules)) {
    if (!name.startsWith('node-') || !name.includes(process.platform.replace('win32', 'win')))
      continue;
    if (!name.endsWith(process.arch)) continue;
    const path = join(modules, name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    if (existsSync(path)) return path;
  }
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  throw new Error(
    `no Node 24 for ${process.platform}-${process.arch}: install one and start again`,
  );
}

/** Compiles src/ into dist/ unless dist/ was made from exactly these files; returns false if types are wrong. */
export function ensureBuilt() {
  const dist = join(root, 'dist');
  const files = filesUnder(join(root, 'src'));
  const state = sourceState(files);
  const stamp = join(dist, '.built');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return true;
  say('compiling');
  if (!compile(root)) return false;
  copyAssets(files, dist);
  removeStale(dist, new Set(files));
  writeFileSync(stamp, state);
  return true;
}

/** The same for the client library: sdk/dist/ from sdk/src/ and sdk/react/. */
export function ensureSdkBuilt() {
  const folder = join(root, 'sdk');
  const files = ['src', 'react'].flatMap(name => filesUnder(join(folder, name)));
  const state = sourceState([...files, join(folder, 'tsconfig.json')]);
  const stamp = join(folder, 'dist', '.built');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return true;
  say('compiling the client library');
  rmSync(join(folder, 'dist'), {recursive: true, force: true});
  if (!compile(folder)) return false;
  writeFileSync(stamp, state);
  return true;
}

function compile(folder) {
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  const result = spawnSync(nodePath(), [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  return result.status === 0;
}

function isInstalled() {
  return existsSync(join(modules, '.package-lock.json')) && existsSync(join(modules, 'typescript'));
}

function npm(args) {
  const cli = process.env.npm_execpath;
  const all = [
    ...args,
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const options = {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: false,
    env: {...process.env, NODE_ENV: ''},
  };
  const result =
    cli !== undefined && cli.endsWith('npm-cli.js')
      ? spawnSync(process.execPath, [cli, ...all], options)
      : spawnSync('npm', all, {...options, shell: process.platform === 'win32'});
  if (result.status !== 0) {
    say('npm could not install the packages');
    process.exit(result.status ?? 1);
  }
}

function filesUnder(folder) {
  /** @type {string[]} */
  const found = [];
  const visit = path => {
    for (const entry of readdirSync(path, {withFileTypes: true})) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) visit(inner);
      else found.push(inner);
    }
  };
  visit(folder);
  return found.sort();
}

function sourceState(files) {
  const hash = createHash('sha256');
  for (const path of [...files, join(root, 'tsconfig.json'), join(root, 'package-lock.json')]) {
    const {mtimeMs, size} = statSync(path);
    hash.update(`${path} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function copyAssets(files, dist) {
  for (const path of files) {
    if (/\.(ts|md)$/.test(path)) continue;
    const target = join(dist, relative(join(root, 'src'), path));
    mkdirSync(dirname(target), {recursive: true});
    copyFileSync(path, target);
  }
}

/** Removes the output of sources that are gone, so that nothing runs or ships by accident. */
function removeStale(dist, sources) {
  for (const path of filesUnder(dist)) {
    const match = /^(.*)\.(js|js\.map|d\.ts)$/.exec(relative(dist, path));
    if (match === null) continue;
    const base = join(root, 'src', match[1]);
    if (!sources.has(`${base}.ts`) && !sources.has(join(root, 'src', relative(dist, path))))
      rmSync(path);
  }
}

function say(text) {
  process.stderr.write(`wadi: ${text}\n`);
}
