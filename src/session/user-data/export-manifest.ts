import type {SegmentMeta} from '../../storage/cold/contract.ts';

/** Name of the description in an export. */
export const MANIFEST_FILE = 'manifest.json';

/** What an export says of itself. */
export interface ExportManifest {
  readonly format: 'wadi-user-data';
  readonly version: 1;
  readonly user: string;
  readonly database: string;
  /** All rows are those of this commit. */
  readonly seq: string;
  /** ISO 8601. */
  readonly exportedAt: string;
  readonly tables: readonly ExportedTable[];
}

/** A table of an export. */
export interface ExportedTable {
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly ExportedColumn[];
  readonly files: readonly ExportedFile[];
}

/** A column as it was; `type` as PostgreSQL writes it. */
export interface ExportedColumn {
  readonly attnum: number;
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
}

/** A Parquet file with its checksums: sha256 of the file, and what a reader of segments asks for. */
export interface ExportedFile {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly segment: SegmentMeta;
}
