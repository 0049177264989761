import {createReadStream} from 'node:fs';
import {rm} from 'node:fs/promises';
import {join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {crc32} from 'node:zlib';
import {ByteReader} from '../../common/byte-reader.ts';
import {PgError} from '../../common/errors.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {Engine} from '../engine.ts';
import {FLAG_JSON, readPartHeader} from '../hot/change-log.ts';
import {LOG_PART_BITS} from '../hot/schema.ts';
import type {ObjectStore} from '../objects/contract.ts';
import {isRemote} from '../objects/storage-url.ts';
import type {LoggedJson, LoggedSegment} from '../tx/log-json.ts';
import {
  archivedSegmentKey,
  archiveKey,
  decodeFile,
  encodeFile,
  encodeRow,
  rangeOfKey,
} from './archive-format.ts';
import {archiveStart, storeArchivedSeq} from './archive-state.ts';
import type {AdminOptions, ArchiveResult} from './contract.ts';

const FILE_BYTES = 8 * 1024 * 1024;
const TURN_BYTES = 512 * 1024;
const TURN_PARTS = 256;
const PART_MASK = (1n << LOG_PART_BITS) - 1n;

/** Log rows on their way into a file; always whole commits. */
interface Batch {
  readonly body: Buffer[];
  readonly segments: LoggedSegment[];
  bytes: number;
  crc: number;
  to: number;
}

/**
 * Writes what the change log gained since the last pass, as far as it is durable, to files of whole commits. A file is durable before
 * its seq is noted; a crash between the two leaves a file that the next pass takes over.
 */
export class Archiver {
  readonly #engine: Engine;
  readonly #store: ObjectStore;
  #isKnown = false;

  constructor(engine: Engine, store: ObjectStore) {
    this.#engine = engine;
    this.#store = store;
  }

  async run(options: AdminOptions = {}): Promise<ArchiveResult> {
    const {db, holds, durability, commits} = this.#engine;
    let from = await commits.exclusive(() => archiveStart(db));
    if (!this.#isKnown) from = await this.#adopt(from);
    this.#isKnown = true;
    const upTo = durability.durable;
    let files = 0;
    let bytes = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const batch = await this.#collect(from, upTo);
      if (batch === null) break;
      await this.#write(from, batch);
      from = batch.to;
      await this.#note(from);
      files++;
      bytes += batch.bytes;
    }
    holds.archivedSeq = Math.max(from, upTo);
    return {seq: from, files, bytes};
  }

  /** Not inside a large commit, which may fail. */
  #note(seq: number): Promise<void> {
    const {db, commits} = this.#engine;
    return commits.exclusive(() => storeArchivedSeq(db, seq));
  }

  /** The next commits after `from`, about a file full; null = there are none. */
  async #collect(from: number, upTo: number): Promise<Batch | null> {
    const {db} = this.#engine;
    const select = db
      .prepare('SELECT id, tbl, owner, data FROM log WHERE id > ? AND id <= ? ORDER BY id LIMIT ?')
      .raw();
    const last = (BigInt(upTo) << LOG_PART_BITS) | PART_MASK;
    let after = (BigInt(from) << LOG_PART_BITS) | PART_MASK;
    const batch: Batch = {body: [], segments: [], bytes: 0, crc: 0, to: from};
    for (;;) {
      let turnBytes = 0;
      let found = 0;
      for (const row of select.iterate(after, last, BigInt(TURN_PARTS))) {
        const [id, table, owner, data] = row as [bigint, bigint, bigint, Uint8Array];
        const seq = Number(id >> LOG_PART_BITS);
        if (batch.bytes >= FILE_BYTES && seq !== batch.to) return batch;
        if (turnBytes >= TURN_BYTES) break;
        found++;
        after = id;
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        const encoded = encodeRow({id, table: Number(table), owner: Number(owner), data: bytes});
        batch.body.push(encoded);
        batch.bytes += encoded.length;
        batch.crc = crc32(encoded, batch.crc);
        batch.to = seq;
        turnBytes += encoded.length;
        batch.segments.push(...bulkSegments(bytes));
      }
      if (found === 0) return batch.body.length === 0 ? null : batch;
      await nextTurn();
    }
  }

  async #write(from: number, batch: Batch): Promise<void> {
    const {incarnation} = this.#engine;
    for (const segment of batch.segments) {
      await this.#putSegment(segment);
    }
    const header = {
      incarnation,
      from,
      to: batch.to,
      parts: batch.body.length,
      bytes: batch.bytes,
      crc: batch.crc,
    };
    const result = await this.#store.put(
      archiveKey(incarnation, from, batch.to),
      encodeFile(header, batch.body),
      {ifAbsent: true},
    );
    if (result === 'exists')
      throw new PgError(
        SqlState.objectNotInPrerequisiteState,
        `the archive has a file of the entries after ${from} already; is another server writing to it?`,
      );
  }

  /** A segment of another storage is fetched first. */
  async #putSegment({id, path, meta}: LoggedSegment): Promise<void> {
    const {incarnation, segments, dataDir} = this.#engine;
    const key = archivedSegmentKey(incarnation, id);
    if ((await this.#store.head(key)) !== null) return;
    const file = isRemote(path) ? join(dataDir, `archive-${id}.part`) : path;
    try {
      if (isRemote(path)) {
        await rm(file, {force: true});
        await segments.copy(path, file, meta);
      }
      await this.#store.put(key, createReadStream(file), {ifAbsent: true});
    } finally {
      if (isRemote(path)) await rm(file, {force: true});
    }
  }

  /**
   * Files after `from` that a pass wrote whose end a crash prevented are taken over when they hold what our log holds. Nothing is ever
   * deleted: they can be of another history (a directory that was copied back by hand).
   */
  async #adopt(start: number): Promise<number> {
    const {incarnation, db} = this.#engine;
    const prefix = `${incarnation}/log/`;
    let from = start;
    for (;;) {
      const after = `${prefix}${String(from).padStart(16, '0')}`;
      const [next] = await this.#store.list(prefix, {after, limit: 1});
      const range = next === undefined ? null : rangeOfKey(next.key);
      if (next === undefined || range === null) return from;
      const bytes = await this.#store.get(next.key);
      const {rows} = bytes === null ? {rows: []} : decodeFile(next.key, bytes);
      const select = db.prepare('SELECT data FROM log WHERE id = ?').pluck();
      const isOurs =
        range.from === from &&
        rows.every(row => {
          const data = select.get(row.id) as Uint8Array | undefined;
          return data !== undefined && Buffer.compare(data, row.data) === 0;
        });
      if (!isOurs)
        throw new PgError(
          SqlState.objectNotInPrerequisiteState,
          `the archive holds entries after ${from} that this data directory does not have`,
          {hint: 'Give this data directory an archive of its own, and take a backup.'},
        );
      from = range.to;
      await this.#note(from);
    }
  }
}

/** Segments that hold rows of the commit which no other part has. */
function bulkSegments(data: Buffer): readonly LoggedSegment[] {
  if ((data[1]! & FLAG_JSON) === 0) return [];
  const reader = new ByteReader(data);
  readPartHeader(reader);
  const json = JSON.parse(data.toString('utf8', data.length - reader.remaining)) as LoggedJson;
  return json.bulk ?? [];
}
