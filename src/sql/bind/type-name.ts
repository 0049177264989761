import type {Node, TypeName} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {BindContext, TypeRef} from '../contract.ts';
import {integerOf, namesOf} from './ast.ts';
import {type BinderHooks, Binding} from './binding.ts';
import {noteSchema} from './substitutes.ts';
import {TypeOid} from './type-oids.ts';

const noHooks: BinderHooks = {
  scalar: () => {
    throw featureNotSupported('expressions in type names are not supported');
  },
};

/** The type and typmod that a type name in the text means; 42704 when there is none (PostgreSQL typenameTypeIdAndMod). */
export function resolveTypeName(node: TypeName, source: Binding | BindContext): TypeRef {
  const binding = source instanceof Binding ? source : new Binding(source, '', noHooks);
  const location = node.location ?? -1;
  const names = namesOf(node.names);
  if (node.pct_type === true) return columnType(binding, names, location);
  const found = findTypeByNames(binding, names, location);
  if (found === null)
    throw binding.error(
      SqlState.undefinedObject,
      `type "${names.join('.')}" does not exist`,
      location,
    );
  const typmod = typmodOf(binding, found, node.typmods ?? [], node.typemod ?? -1, location);
  let type = found;
  if ((node.arrayBounds ?? []).length > 0) {
    if (type.arrayOid === 0)
      throw binding.error(
        SqlState.undefinedObject,
        `could not find array type for data type ${type.name}`,
        location,
      );
    type = binding.type(type.arrayOid);
  }
  return {type, typmod};
}

function findTypeByNames(
  binding: Binding,
  names: readonly string[],
  location: number,
): TypeInstance | null {
  const catalog = binding.context.catalog;
  if (names.length >= 2) {
    const schema = binding.schema(names.at(-2)!);
    if (schema === undefined)
      throw binding.error(
        SqlState.invalidSchemaName,
        `schema "${names.at(-2)}" does not exist`,
        location,
      );
    noteSchema(binding, schema.oid);
    return catalog.typeByName(schema.oid, names.at(-1)!) ?? null;
  }
  return findType(binding, names[0]!);
}

/** A type by unqualified name along the search path. */
export function findType(binding: Binding, name: string): TypeInstance | null {
  for (const schema of binding.context.searchPath) {
    const type = binding.context.catalog.typeByName(schema, name);
    if (type !== undefined) return type;
  }
  return null;
}

function columnType(binding: Binding, names: readonly string[], location: number): TypeRef {
  const catalog = binding.context.catalog;
  const relationName = names.at(-2) ?? '';
  const schemas =
    names.length > 2
      ? [binding.schema(names.at(-3)!)?.oid].filter(schema => schema !== undefined)
      : binding.context.searchPath;
  for (const schema of schemas) {
    const relation = catalog.relationByName(schema, relationName);
    if (relation === undefined || !('columns' in relation)) continue;
    const column = relation.columns.find(
      candidate => candidate.name === names.at(-1) && !candidate.isDropped,
    );
    if (column === undefined) break;
    return {type: binding.type(column.typeOid), typmod: column.typmod};
  }
  throw binding.error(
    SqlState.undefinedTable,
    `relation "${relationName}" does not exist`,
    location,
  );
}

function typmodOf(
  binding: Binding,
  type: TypeInstance,
  modifiers: readonly Node[],
  given: number,
  location: number,
): number {
  if (modifiers.length === 0) return given;
  const values = modifiers.map(modifier => {
    const value = integerOf(modifier);
    if (value === undefined)
      throw binding.error(SqlState.invalidParameterValue, `invalid type modifier`, location);
    return value;
  });
  return makeTypmod(binding, type, values, location);
}

function makeTypmod(
  binding: Binding,
  type: TypeInstance,
  values: readonly number[],
  location: number,
): number {
  const first = values[0]!;
  const invalid = (message: string): Error =>
    binding.error(SqlState.invalidParameterValue, message, location);
  const oneOnly = (): void => {
    if (values.length !== 1) throw invalid('invalid type modifier');
  };
  switch (type.oid as Oid) {
    case TypeOid.varchar:
    case TypeOid.bpchar: {
      oneOnly();
      const name = type.oid === TypeOid.varchar ? 'varchar' : 'char';
      if (first < 1) throw invalid(`length for type ${name} must be at least 1`);
      if (first > 10485760) throw invalid(`length for type ${name} cannot exceed 10485760`);
      return first + 4;
    }
    case TypeOid.numeric:
      return numericTypmod(values, invalid);
    case TypeOid.time:
    case TypeOid.timetz:
    case TypeOid.timestamp:
    case TypeOid.timestamptz:
      oneOnly();
      if (first < 0)
        throw invalid(`${type.name.toUpperCase()}(${first}) precision must not be negative`);
      return Math.min(first, 6);
    case TypeOid.interval: {
      const fields = first;
      const precision = values[1] ?? 0xffff;
      if (values.length > 2) throw invalid('invalid INTERVAL type modifier');
      return ((fields & 0x7fff) << 16) | (precision === 0xffff ? 0xffff : Math.min(precision, 6));
    }
    case TypeOid.bit:
    case TypeOid.varbit:
      oneOnly();
      if (first < 1)
        throw invalid(
          `length for type ${type.oid === TypeOid.bit ? 'bit' : 'varbit'} must be at least 1`,
        );
      return first;
    default:
      if (type.element !== null && type.category === 'A')
        return makeTypmod(binding, type.element, values, location);
      throw binding.error(
        SqlState.syntaxError,
        `type modifier is not allowed for type "${type.name}"`,
        location,
      );
  }
}

function numericTypmod(values: readonly number[], invalid: (message: string) => Error): number {
  const [precision, scale = 0] = values as [number, number?];
  if (values.length > 2) throw invalid('invalid NUMERIC type modifier');
  if (precision < 1 || precision > 1000)
    throw invalid(`NUMERIC precision ${precision} must be between 1 and 1000`);
  if (scale < -1000 || scale > 1000)
    throw invalid(`NUMERIC scale ${scale} must be between -1000 and 1000`);
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}

/** The type that a text means, as regtype input and `bindScalar` need it: parsed as a cast's target. */
export function parseTypeName(binding: Binding, text: string): TypeRef {
  const statement = binding.context.parser.parse(`SELECT NULL::${text}`)[0]?.ast;
  if (statement !== null && statement !== undefined && 'SelectStmt' in statement) {
    const target = statement.SelectStmt.targetList?.[0];
    if (
      target !== undefined &&
      'ResTarget' in target &&
      target.ResTarget.val !== undefined &&
      'TypeCast' in target.ResTarget.val
    ) {
      return resolveTypeName(target.ResTarget.val.TypeCast.typeName!, binding);
    }
  }
  throw featureNotSupported(`invalid type name "${text}"`);
}
