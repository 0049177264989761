import type {ByteReader} from '../common/byte-reader.ts';
import type {ByteWriter} from '../common/byte-writer.ts';
import {featureNotSupported} from '../common/errors.ts';
import type {TypeRow} from './base-type.ts';
import {BaseType, boxedLayout} from './base-type.ts';
import type {FormatSettings, SqliteValue, Value} from './contract.ts';

/** Pseudo-types and opaque system types: named, never read or shown. */
export class PseudoType extends BaseType {
  constructor(row: TypeRow) {
    super(row, boxedLayout);
  }

  input(_text: string, _typmod: number, _settings: FormatSettings): Value {
    throw featureNotSupported(`cannot accept a value of type ${this.name}`);
  }

  output(_value: Value, _settings: FormatSettings): string {
    throw featureNotSupported(`cannot display a value of type ${this.name}`);
  }

  receive(_reader: ByteReader, _typmod: number, _settings: FormatSettings): Value {
    throw featureNotSupported(`cannot accept a value of type ${this.name}`);
  }

  send(_value: Value, _out: ByteWriter, _settings: FormatSettings): void {
    throw featureNotSupported(`cannot display a value of type ${this.name}`);
  }
}

/** void: shown as an empty string. */
export class VoidType extends PseudoType {
  override input(): Value {
    return '';
  }

  override output(): string {
    return '';
  }

  override receive(): Value {
    return '';
  }

  override send(): void {}

  override toSqlite(): SqliteValue {
    return '';
  }

  override fromSqlite(): Value {
    return '';
  }
}

/** Base types that PostgreSQL itself neither reads nor shows otherwise: OID, name. */
export const opaqueRows: readonly (readonly [number, string])[] = [
  [3361, 'pg_ndistinct'],
  [3402, 'pg_dependencies'],
  [5017, 'pg_mcv_list'],
  [4600, 'pg_brin_bloom_summary'],
  [4601, 'pg_brin_minmax_multi_summary'],
];

/** Pseudo-types of PostgreSQL 15: OID, name, typlen, array OID. */
export const pseudoRows: readonly (readonly [number, string, number])[] = [
  [32, 'pg_ddl_command', 8],
  [269, 'table_am_handler', 4],
  [325, 'index_am_handler', 4],
  [2276, 'any', 4],
  [2277, 'anyarray', -1],
  [2279, 'trigger', 4],
  [2280, 'language_handler', 4],
  [2281, 'internal', 8],
  [2283, 'anyelement', 4],
  [2776, 'anynonarray', 4],
  [3115, 'fdw_handler', 4],
  [3310, 'tsm_handler', 4],
  [3500, 'anyenum', 4],
  [3831, 'anyrange', -1],
  [3838, 'event_trigger', 4],
  [4537, 'anymultirange', -1],
  [4538, 'anycompatiblemultirange', -1],
  [5077, 'anycompatible', 4],
  [5078, 'anycompatiblearray', -1],
  [5079, 'anycompatiblenonarray', 4],
  [5080, 'anycompatiblerange', -1],
];
