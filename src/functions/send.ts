import {ByteWriter} from '../common/byte-writer.ts';
import type {Value} from '../types/contract.ts';
import type {FunctionCode} from './contract.ts';
import {alias, type FunctionTable} from './table.ts';

/** The binary form of a value, as the protocol sends it. */
const send: FunctionCode = {
  fnTyped: types => {
    const type = types.args[0]!;
    return (value: Value): Value => {
      const out = new ByteWriter(32);
      type.send(value, out, types.context().format);
      return out.take();
    };
  },
};

const names = [
  'array_send bit_send bool bpchar bytea cash_send char cid cidr_send circle_send line_send lseg_send',
  'box_send path_send poly_send point_send date_send enum_send float4 float8 inet_send int2 int4 int8',
  'int2vector interval_send json_send jsonb_send jsonpath_send macaddr_send macaddr8_send multirange_send',
  'name numeric_send oid oidvector pg_lsn_send pg_snapshot_send range_send record_send regclass',
  'regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole',
  'regtype text tid time_send timestamp_send timestamptz_send timetz_send tsquery tsvector',
  'txid_snapshot_send unknown uuid_send varbit_send varchar xid xid8 xml_send',
]
  .join(' ')
  .split(' ')
  .map(name => (name.endsWith('_send') ? name : `${name}send`));

/** The send functions of the types: textsend(text), numeric_send(numeric) ... */
export const sendFunctions: FunctionTable = alias(names, send);
