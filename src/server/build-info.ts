import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

/** Which program this is. */
export interface BuildInfo {
  readonly version: string;
  /** Short git revision, or null where none is known. */
  readonly revision: string | null;
}

/** Reads package.json and, of a build, `dist/build-info.json`; asks git only in a checkout. Never fails. */
export function readBuildInfo(root: string): BuildInfo {
  const version = stringField(join(root, 'package.json'), 'version') ?? '0.0.0';
  const built = stringField(join(root, 'dist', 'build-info.json'), 'revision');
  return {version, revision: built ?? gitRevision(root)};
}

/** `wadi 0.1.0 (revision abc1234)`. */
export function describeBuild({version, revision}: BuildInfo): string {
  return revision === null ? `wadi ${version}` : `wadi ${version} (revision ${revision})`;
}

function stringField(path: string, name: string): string | null {
  try {
    const value = (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>)[name];
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

function gitRevision(root: string): string | null {
  // Without this check git would answer for a repository around an installed package.
  if (!existsSync(join(root, '.git'))) return null;
  try {
    const answer = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2000,
    });
    return answer.toString().trim() || null;
  } catch {
    return null;
  }
}
