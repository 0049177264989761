import type {Oid} from '../common/ids.ts';
import type {Datum} from './contract.ts';

/** A row value: fields with their type OIDs; a composite's own type OID or 2249 (record). Immutable. */
export class PgRecord {
  readonly typeOid: Oid;
  readonly fieldTypes: readonly Oid[];
  readonly fields: readonly Datum[];

  constructor(typeOid: Oid, fieldTypes: readonly Oid[], fields: readonly Datum[]) {
    this.typeOid = typeOid;
    this.fieldTypes = fieldTypes;
    this.fields = fields;
  }
}
