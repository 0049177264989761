import {oid} from '../../common/ids.ts';
import {type ProbeResult, probe} from '../../storage/objects/probe.ts';
import {lies} from '../../storage/objects/segment-places.ts';
import {LOCAL_STORAGE, type StorageDefinition} from '../../storage/objects/storage-definition.ts';
import {SHARED_TEMPLATE, USER_TEMPLATE} from '../../storage/objects/path-template.ts';
import type {Datum} from '../../types/contract.ts';
import {nowMicros} from '../eval-context.ts';
import {RowsExecution, type Execution} from '../execution.ts';
import {computedShape} from '../result-shape.ts';
import type {SessionContext} from '../session-context.ts';
import {checkMayManage, storageNamed} from './storage-definition.ts';

const TEXT = oid(25);
const INT8 = oid(20);
const BOOL = oid(16);
const FLOAT8 = oid(701);
const TIMESTAMPTZ = oid(1184);

/** SHOW STORAGES: what tables can name, credentials by reference only. */
export function showStoragesCommand(session: SessionContext): Execution {
  const {catalog} = session.transaction;
  const text = catalog.typeByOid(TEXT)!;
  const shape = computedShape([
    ['storage_id', text],
    ['storage_name', text],
    ['storage_type', text],
    ['location', text],
    ['shared_tables_template', text],
    ['user_tables_template', text],
    ['description', text],
  ]);
  const load = (): Datum[][] => {
    const rows: Datum[][] = [[LOCAL_STORAGE, null, 'filesystem', null, null, null, null]];
    for (const {name, type, options, comment} of catalog.storages()) {
      rows.push([
        name,
        options['name'] ?? null,
        type === 'fs' ? 'filesystem' : type,
        locationOf({name, type, options}),
        options['shared_tables_template'] ?? SHARED_TEMPLATE,
        options['user_tables_template'] ?? USER_TEMPLATE,
        comment,
      ]);
    }
    return rows;
  };
  return new RowsExecution(shape, load, 'SHOW');
}

function locationOf({type, options}: StorageDefinition): string {
  if (type === 'fs') return options['base_directory'] ?? '';
  return `s3://${[options['bucket'], options['prefix']].filter(part => part).join('/')}`;
}

/** STORAGE CHECK name [EXTENDED]: tries the storage now. */
export function storageCheckCommand(
  session: SessionContext,
  name: string,
  extended: boolean,
): Execution {
  const {catalog} = session.transaction;
  const [text, bool] = [catalog.typeByOid(TEXT)!, catalog.typeByOid(BOOL)!];
  const int8 = catalog.typeByOid(INT8)!;
  const shape = computedShape([
    ['storage_id', text],
    ['status', text],
    ['readable', bool],
    ['writable', bool],
    ['listable', bool],
    ['deletable', bool],
    ['keeps_existing', bool],
    ['latency_ms', catalog.typeByOid(FLOAT8)!],
    ['used_files', int8],
    ['used_bytes', int8],
    ['error', text],
    ['tested_at', catalog.typeByOid(TIMESTAMPTZ)!],
  ]);
  const load = async (): Promise<Datum[][]> => {
    const found = await checkStorage(session, name);
    const used = extended ? usedBy(session, storageNamed(session, name)) : null;
    return [
      [
        name,
        found.error === null ? 'healthy' : found.isReadable ? 'degraded' : 'unreachable',
        ...[found.isReadable, found.isWritable, found.isListable, found.isDeletable],
        found.keepsExisting,
        Math.round(found.latencyMs * 1000) / 1000,
        ...[used === null ? null : BigInt(used.files), used === null ? null : BigInt(used.bytes)],
        found.error?.message ?? null,
        nowMicros(),
      ],
    ];
  };
  return new RowsExecution(shape, load, 'STORAGE CHECK');
}

/** Tries a storage; its errors are in the answer, except that it does not exist. */
export async function checkStorage(session: SessionContext, name: string): Promise<ProbeResult> {
  checkMayManage(session, 'check storage');
  const storage = storageNamed(session, name);
  const run = async (): Promise<ProbeResult> => {
    const store = await session.engine.objectStores.open(storage);
    try {
      return await probe(store);
    } finally {
      await store.close();
    }
  };
  const found = run();
  await session.wait(found);
  return found;
}

function usedBy(
  session: SessionContext,
  storage: StorageDefinition,
): {readonly files: number; readonly bytes: number} {
  let files = 0;
  let bytes = 0;
  for (const segment of session.engine.storage.segments()) {
    if (!lies(segment.path, storage)) continue;
    files++;
    bytes += segment.bytes;
  }
  return {files, bytes};
}
