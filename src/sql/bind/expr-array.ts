import type {A_ArrayExpr, A_Indices, A_Indirection, Node, RowExpr as RowNode} from '@pgsql/types';
import {featureNotSupported} from '../../common/errors.ts';
import {oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import {locationOf, stringOf} from './ast.ts';
import {type Binding, isUnknown} from './binding.ts';
import type {Block} from './block.ts';
import {internalCall, makeCall} from './calls.ts';
import {coerce, compositeColumns, relabel, tryCoerce} from './coerce.ts';
import {binaryOperator} from './operators.ts';
import {baseType, canCoerce} from './coercion-path.ts';
import {coerceAll, commonType} from './common-type.ts';
import {errorType, isTrueArray} from './display-type.ts';
import {TypeOid} from './type-oids.ts';
import {knownFields} from './record-fields.ts';

/** ARRAY[...]; `target` is the array type of an enclosing cast, to which elements are then cast directly. */
export function bindArray(block: Block, node: A_ArrayExpr, target: TypeInstance | null): BoundExpr {
  const binding = block.binding;
  const location = node.location ?? -1;
  const items = node.elements ?? [];
  if (items.length === 0) {
    if (target !== null)
      return {
        kind: 'array',
        type: target,
        typmod: -1,
        location,
        elements: [],
        isMultiDimensional: false,
      };
    throw binding.error(
      SqlState.indeterminateDatatype,
      'cannot determine type of empty array',
      location,
      {
        hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
      },
    );
  }
  const isNested = items.some(item => 'A_ArrayExpr' in item);
  const elements = items.map(item =>
    'A_ArrayExpr' in item ? bindArray(block, item.A_ArrayExpr, target) : block.expr(item),
  );
  if (target !== null) {
    const elementType = isNested ? target : target.element!;
    const cast = elements.map(element =>
      coerce(binding, element, elementType, {context: 'explicit'}),
    );
    return {
      kind: 'array',
      type: target,
      typmod: -1,
      location,
      elements: cast,
      isMultiDimensional: isNested,
    };
  }
  const common = commonType(binding, elements, 'ARRAY');
  const isArrayOfArrays =
    isTrueArray(baseType(common)) &&
    common.oid !== TypeOid.int2vector &&
    common.oid !== TypeOid.oidvector;
  if (!isArrayOfArrays && common.arrayOid === 0) {
    throw binding.error(
      SqlState.undefinedObject,
      `could not find array type for data type ${errorType(common)}`,
      location,
    );
  }
  return {
    kind: 'array',
    type: isArrayOfArrays ? common : binding.type(common.arrayOid),
    typmod: -1,
    location,
    elements: coerceAll(binding, elements, common, 'ARRAY'),
    isMultiDimensional: isArrayOfArrays,
  };
}

/** ROW(...): `t.*` inside spreads its columns. */
export function bindRow(block: Block, node: RowNode): BoundExpr {
  const fields = (node.args ?? []).flatMap(arg => expandRowArgument(block, arg));
  return {
    kind: 'row',
    type: block.binding.type(TypeOid.record),
    typmod: -1,
    location: node.location ?? -1,
    fields,
  };
}

function expandRowArgument(block: Block, arg: Node): BoundExpr[] {
  if ('ColumnRef' in arg) {
    const fields = arg.ColumnRef.fields ?? [];
    const last = fields.at(-1);
    if (last !== undefined && 'A_Star' in last && fields.length > 1) {
      const whole = block.expr({ColumnRef: {...arg.ColumnRef, fields: fields.slice(0, -1)}});
      return whole.kind === 'row' ? [...whole.fields] : [whole];
    }
  }
  return [block.expr(arg)];
}

/** (x).field, x[i], x[l:u], chains of them. */
export function bindIndirection(block: Block, node: A_Indirection): BoundExpr {
  const binding = block.binding;
  let value = block.expr(node.arg!);
  const steps = node.indirection ?? [];
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index]!;
    if ('String' in step) {
      value = selectField(binding, value, stringOf(step), value.location);
    } else if ('A_Indices' in step) {
      const indices: A_Indices[] = [];
      while (index < steps.length) {
        const next = steps[index]!;
        if (!('A_Indices' in next)) break;
        indices.push(next.A_Indices);
        index++;
      }
      index--;
      value = bindSubscripts(block, value, indices);
    } else {
      throw binding.error(
        SqlState.syntaxError,
        'row expansion via "*" is not supported here',
        value.location,
      );
    }
  }
  return value;
}

/** One field of a composite or record value. */
export function selectField(
  binding: Binding,
  value: BoundExpr,
  name: string,
  location: number,
): BoundExpr {
  const columns = compositeColumns(binding, value.type);
  if (value.kind === 'row') {
    const names =
      columns?.map(column => column.name) ??
      binding.rowNames.get(value) ??
      value.fields.map((_field, index) => `f${index + 1}`);
    const at = names.indexOf(name);
    if (at !== -1) return value.fields[at]!;
  }
  if (columns === null) {
    const fields = knownFields(binding, value);
    const at = fields?.findIndex(field => field.name === name) ?? -1;
    if (fields !== undefined && at !== -1) {
      return {
        kind: 'field',
        type: fields[at]!.type,
        typmod: fields[at]!.typmod,
        location,
        arg: value,
        index: at,
      };
    }
    if (baseType(value.type).oid === TypeOid.record) {
      throw binding.error(
        SqlState.undefinedColumn,
        `could not identify column "${name}" in record data type`,
        location,
      );
    }
    throw binding.error(
      SqlState.wrongObjectType,
      `column notation .${name} applied to type ${errorType(value.type)}, which is not a composite type`,
      location,
    );
  }
  const at = columns.findIndex(column => column.name === name);
  const column = columns[at];
  if (column === undefined && value.kind === 'row') {
    throw binding.error(
      SqlState.undefinedColumn,
      `column ${value.type.name}.${name} does not exist`,
      location,
    );
  }
  if (column === undefined)
    throw binding.error(
      SqlState.undefinedColumn,
      `column "${name}" not found in data type ${errorType(value.type)}`,
      location,
    );
  return {kind: 'field', type: column.type, typmod: column.typmod, location, arg: value, index: at};
}

const MAX_DIMENSIONS = 6;

function bindSubscripts(
  block: Block,
  container: BoundExpr,
  indices: readonly A_Indices[],
): BoundExpr {
  const binding = block.binding;
  const base = baseType(container.type);
  if (base.oid === TypeOid.jsonb) return jsonbSubscript(block, container, indices);
  if (!isTrueArray(base)) {
    if (base.oid === TypeOid.name && indices.length === 1)
      return nameSubscript(block, container, indices[0]!);
    if (base.category === 'G' && base.element !== null && indices.length === 1)
      return geometrySubscript(block, container, indices[0]!);
    throw binding.error(
      SqlState.datatypeMismatch,
      `cannot subscript type ${errorType(container.type)} because it does not support subscripting`,
      container.location,
    );
  }
  const isSlice = indices.some(part => part.is_slice === true);
  if (indices.length > MAX_DIMENSIONS)
    throw binding.error(
      SqlState.programLimitExceeded,
      `number of array dimensions (${indices.length}) exceeds the maximum allowed (${MAX_DIMENSIONS})`,
      -1,
    );
  const bound = (node: Node | undefined): BoundExpr | null => {
    if (node === undefined) return null;
    const expr = block.expr(node);
    const cast = tryCoerce(binding, expr, binding.type(TypeOid.int4), {context: 'assignment'});
    if (cast === null)
      throw binding.error(
        SqlState.datatypeMismatch,
        'array subscript must have type integer',
        expr.location,
      );
    return cast;
  };
  const subscripts = indices.map(part => {
    const upper = bound(part.uidx);
    if (!isSlice || part.is_slice === true) return {lower: bound(part.lidx), upper};
    return {lower: binding.constant(binding.type(TypeOid.int4), 1), upper};
  });
  const type = isSlice ? base : base.element!;
  const typmod = container.typmod;
  return {
    kind: 'subscript',
    type,
    typmod,
    location: container.location,
    array: container,
    isSlice,
    subscripts,
  };
}

/** j['a'][0]: jsonb_extract_path with the subscripts as text. */
function jsonbSubscript(
  block: Block,
  container: BoundExpr,
  indices: readonly A_Indices[],
): BoundExpr {
  const binding = block.binding;
  const row = binding.context.catalog.builtin.functionByOid(oid(3217));
  if (row === undefined) throw featureNotSupported('jsonb subscripting is not supported');
  const elements = indices.map(part => {
    if (part.is_slice === true)
      throw binding.error(
        SqlState.datatypeMismatch,
        'jsonb subscript does not support slices',
        part.uidx === undefined && part.lidx === undefined
          ? -1
          : locationOf(part.uidx ?? part.lidx),
      );
    return jsonbKey(binding, block.expr(part.uidx!));
  });
  const path: BoundExpr = {
    kind: 'array',
    type: binding.type(TypeOid.textArray),
    typmod: -1,
    location: container.location,
    elements,
    isMultiDimensional: false,
  };
  return makeCall(binding, row, [container, path], binding.type(TypeOid.jsonb), container.location);
}

/** A subscript of jsonb as text: it must be able to become an integer or text, not both. */
export function jsonbKey(binding: Binding, expr: BoundExpr): BoundExpr {
  const text = binding.type(TypeOid.text);
  if (!isUnknown(expr)) {
    const fits = [TypeOid.int4, TypeOid.text].filter(type =>
      canCoerce(binding, [expr.type], [type]),
    );
    if (fits.length !== 1)
      throw binding.error(
        SqlState.datatypeMismatch,
        `subscript type ${errorType(expr.type)} is not supported`,
        expr.location,
        {
          hint: `jsonb subscript must be coercible to ${fits.length === 0 ? 'either' : 'only one type,'} integer or text.`,
        },
      );
  }
  return coerce(binding, expr, text, {context: 'explicit'});
}

/** p[0], b[1]: a coordinate of a point or line, a corner of a box or an end of a segment; from 0, NULL beyond. */
function geometrySubscript(block: Block, container: BoundExpr, index: A_Indices): BoundExpr {
  const {binding} = block;
  if (index.is_slice === true)
    throw featureNotSupported('slices of fixed-length arrays not implemented');
  if (binding.trace !== null)
    throw featureNotSupported('parts of geometric values in views are not supported');
  const at = coerce(binding, block.expr(index.uidx!), binding.type(TypeOid.int4), {
    context: 'assignment',
  });
  return internalCall('wadi_geometry_part', [container, at], baseType(container.type).element!);
}

/** name[i] (from 0): the i-th character as "char". */
function nameSubscript(block: Block, container: BoundExpr, index: A_Indices): BoundExpr {
  const binding = block.binding;
  const text = binding.type(TypeOid.text);
  const at = coerce(binding, block.expr(index.uidx!), binding.type(TypeOid.int4), {
    context: 'assignment',
  });
  const one = binding.constant(binding.type(TypeOid.int4), 1);
  const substring = binding.context.catalog.builtin.functionByOid(oid(877));
  if (substring === undefined)
    throw featureNotSupported('subscripting of type name is not supported');
  const next = binaryOperator(binding, '+', at, one, container.location);
  const call = makeCall(
    binding,
    substring,
    [relabel(container, text), next, one],
    text,
    container.location,
  );
  return coerce(binding, call, binding.type(TypeOid.char), {context: 'explicit'});
}
