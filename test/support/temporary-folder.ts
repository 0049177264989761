import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** A new empty folder under the system's temporary one, and how to remove it. */
export function temporaryFolder(name: string): {readonly path: string; remove(): void} {
  const path = mkdtempSync(join(tmpdir(), `wadi-${name}-`));
  return {path, remove: () => rmSync(path, {recursive: true, force: true, maxRetries: 5})};
}
