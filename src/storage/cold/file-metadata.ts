import type {WriteSegmentOptions} from './contract.ts';

/** The key-value metadata of a segment file. */
export function fileMetadata(options: WriteSegmentOptions): Readonly<Record<string, string>> {
  const columns = options.columns.map(({attnum, name, type, typmod}) => ({
    attnum,
    name,
    oid: type.oid,
    type: type.name,
    typmod,
  }));
  return {
    ...options.metadata,
    'wadi.schema_version': String(options.schemaVersion),
    'wadi.columns': JSON.stringify(columns),
  };
}
