import type {BoundExpr} from '../../expr/bound.ts';
import {oid} from '../../common/ids.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Block} from './block.ts';
import {coerce} from './coerce.ts';
import {baseType} from './coercion-path.ts';
import {isTrueArray} from './display-type.ts';
import type {BoundQuery, LogicalNode} from './logical.ts';
import {binaryOperator} from './operators.ts';
import type {ResolvedCall} from './call-resolution.ts';
import {matchRow} from './call-resolution.ts';
import {type ResultField, setFunction} from './set-call.ts';
import {TypeOid} from './type-oids.ts';

const records: Readonly<Record<string, string>> = {
  json_to_record: '',
  jsonb_to_record: '',
  json_to_recordset: 'json_array_elements',
  jsonb_to_recordset: 'jsonb_array_elements',
};

/**
 * json[b]_to_record[set](x) AS t(a int, ...): the columns are members of the object (of each element), converted from their text. Null for
 * other functions.
 */
export function jsonRecord(
  block: Block,
  call: ResolvedCall,
  fields: readonly ResultField[],
): BoundQuery | null {
  const elements = records[call.row.name];
  const {binding} = block;
  if (elements === undefined || call.args.length !== 1) return null;
  if (fields.some(field => isNested(field.type))) return null;
  const arg = call.args[0]!;
  let input: LogicalNode;
  const value = binding.newColumn('value', arg.type, -1);
  if (elements === '') {
    input = {
      kind: 'compute',
      input: {kind: 'values', rows: [[]], columns: []},
      outputs: [{column: value, expr: arg}],
    };
  } else {
    const set = setFunction(binding, matchRow(binding, elements, [arg]), null, -1);
    input = {
      kind: 'functionScan',
      alias: elements,
      functions: [{call: set, columns: [value]}],
      ordinality: null,
    };
  }
  const outputs = fields.map(field => ({
    column: binding.newColumn(field.name, field.type, field.typmod),
    expr: member(block, binding.columnExpr(value), field),
  }));
  return {
    node: {kind: 'compute', input, outputs},
    columns: outputs.map(({column}) => ({...column, tableOid: oid(0), attnum: 0})),
  };
}

/** Arrays and rows of JSON are no text that their types could read. */
function isNested(type: TypeInstance): boolean {
  const base = baseType(type);
  return isTrueArray(base) || base.kind === 'c' || base.oid === TypeOid.record;
}

function member(block: Block, value: BoundExpr, field: ResultField): BoundExpr {
  const {binding} = block;
  const name = binding.constant(binding.type(TypeOid.text), field.name);
  const isJson = field.type.oid === TypeOid.json || field.type.oid === TypeOid.jsonb;
  const part = binaryOperator(binding, isJson ? '->' : '->>', value, name, -1);
  return coerce(binding, part, field.type, {context: 'explicit', typmod: field.typmod});
}
