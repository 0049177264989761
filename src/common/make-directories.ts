import {mkdir, stat} from 'node:fs/promises';
import {dirname} from 'node:path';

/**
 * Creates a directory and its parents; answers the first one that was made. Node's own recursive form tries for ever where a
 * file system answers ENOENT below a directory that exists, as /proc does.
 */
export async function makeDirectories(path: string, mode = 0o777): Promise<string | undefined> {
  const missing: string[] = [];
  let made: string | undefined;
  for (let at = path; ; at = dirname(at)) {
    const code = await make(at, mode);
    if (code === 'ENOENT' && at !== dirname(at)) {
      missing.push(at);
      continue;
    }
    if (code === null) made = at;
    break;
  }
  for (const at of missing.toReversed()) {
    const code = await make(at, mode);
    if (code === 'ENOENT') await mkdir(at, {mode});
    if (code === null) made ??= at;
  }
  return made;
}

/** Null when it was made, `EEXIST` when it is there, `ENOENT` when its parent is not. */
async function make(path: string, mode: number): Promise<'EEXIST' | 'ENOENT' | null> {
  try {
    await mkdir(path, {mode});
    return null;
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return code;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return code;
    throw error;
  }
}
