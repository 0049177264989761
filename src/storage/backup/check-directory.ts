import type {Dirent} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {Worker} from 'node:worker_threads';
import type {Engine} from '../engine.ts';
import type {Oid} from '../../common/ids.ts';
import {workerUrl} from '../hot/worker-url.ts';
import type {SegmentEntry} from '../manifest.ts';
import type {AdminOptions, CheckOptions} from './contract.ts';

/**
 * Checks SQLite in a thread, then every segment of the newest manifest against it, deletion vectors, and the list of files. No segment is
 * removed meanwhile. One line per finding.
 */
export async function checkDirectory(
  engine: Engine,
  options: CheckOptions,
): Promise<readonly string[]> {
  const isOver = engine.holds.beginBackup();
  try {
    const findings = [...(await checkInThread(join(engine.dataDir, 'wadi.db')))];
    const entries: SegmentEntry[] = [];
    for (const table of engine.cold.manifest.tables.values()) entries.push(...table.byId.values());
    findings.push(...(await checkSegments(engine, entries, options)));
    findings.push(...(await orphans(engine, options.files)));
    return findings;
  } finally {
    isOver();
  }
}

/** The same of one table's segments. */
export async function checkTable(
  engine: Engine,
  table: Oid,
  options: AdminOptions,
): Promise<readonly string[]> {
  const isOver = engine.holds.beginBackup();
  try {
    return await checkSegments(engine, engine.cold.manifest.segments(table, null), options);
  } finally {
    isOver();
  }
}

async function checkSegments(
  engine: Engine,
  entries: readonly SegmentEntry[],
  {signal, onProgress}: AdminOptions,
): Promise<readonly string[]> {
  const findings: string[] = [];
  let done = 0;
  for (const entry of entries) {
    signal?.throwIfAborted();
    findings.push(...(await engine.cold.open(entry).check(entry.meta)));
    const beyond = entry.deletions.next(entry.meta.rows);
    if (beyond !== Infinity)
      findings.push(
        `${entry.path}: row ${beyond} is marked as deleted, but it has ${entry.meta.rows} rows`,
      );
    onProgress?.(++done / entries.length);
  }
  return findings;
}

async function checkInThread(path: string): Promise<readonly string[]> {
  const worker = new Worker(workerUrl('check-worker', import.meta.url), {
    workerData: {path},
    name: 'wadi-check',
  });
  try {
    return await new Promise<readonly string[]>((resolve, reject) => {
      worker.on('message', resolve);
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the checking thread ended early')));
    });
  } finally {
    await worker.terminate();
  }
}

/** Files below this directory's own incarnation that neither the manifest nor an intent names. Others' files are none of its business. */
async function orphans(engine: Engine, elsewhere: CheckOptions['files']): Promise<string[]> {
  const {settings, dataDir, incarnation, db} = engine;
  const own = settings.segmentDirectory ?? join(dataDir, 'segments');
  const root = join(elsewhere?.root ?? own, incarnation);
  const known = new Set<string>(elsewhere?.expected);
  const note = (): void => {
    for (const table of ['segments', 'intents', 'unlinks'])
      for (const path of db.prepare(`SELECT path FROM ${table}`).pluck().all() as string[])
        known.add(path);
  };
  note();
  const files = await filesBelow(root);
  // A flush that began meanwhile noted its files before it made them.
  note();
  return files.filter(path => !known.has(path)).map(path => `${path}: no table has this file`);
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, {withFileTypes: true}).catch(
    (error: unknown): Dirent[] => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    },
  );
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await filesBelow(path)));
    else found.push(path);
  }
  return found;
}
