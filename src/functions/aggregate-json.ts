import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import {makeJsonbObject} from '../types/json-parse.ts';
import {quoteJson} from '../types/jsonb.ts';
import type {JsonbNode} from '../types/jsonb-value.ts';
import type {AggregateTable} from './aggregate.ts';
import {aggregateOf} from './aggregate.ts';
import {jsonbNode, jsonbOf, jsonText, keyText} from './json-build.ts';
import {jsonContext} from './json.ts';
import {checkRoom} from './room.ts';

interface TextState {
  readonly parts: string[];
}

interface NodeState {
  readonly keys: string[];
  readonly values: JsonbNode[];
}

const noKey = (value: Datum): void => {
  if (value === null)
    throw new PgError(SqlState.invalidParameterValue, 'field name must not be null');
};

/** Aggregates that build JSON. Array and row elements go on their own lines in json_agg, as in PostgreSQL. */
export const jsonAggregates: AggregateTable = {
  json_agg: aggregateOf(false, types => {
    const type = types.args[0]!;
    return {
      init: (): TextState => ({parts: []}),
      step: (state, args) => {
        const {parts} = state as TextState;
        const value = args[0]!;
        const isComplex =
          value !== null && typeof value === 'object' && ('dims' in value || 'fieldTypes' in value);
        const separator = parts.length === 0 ? '' : isComplex ? ', \n ' : ', ';
        checkRoom(parts.length);
        parts.push(separator + jsonText(value, type, jsonContext(types)));
        return state;
      },
      final: state =>
        (state as TextState).parts.length === 0 ? null : `[${(state as TextState).parts.join('')}]`,
    };
  }),
  jsonb_agg: aggregateOf(false, types => ({
    init: (): JsonbNode[] => [],
    step: (state, args) => {
      checkRoom((state as JsonbNode[]).length);
      (state as JsonbNode[]).push(jsonbNode(args[0]!, types.args[0]!, jsonContext(types)));
      return state;
    },
    final: state =>
      (state as JsonbNode[]).length === 0 ? null : jsonbOf((state as JsonbNode[]).slice()),
  })),
  json_object_agg: aggregateOf(false, types => ({
    init: (): TextState => ({parts: []}),
    step: (state, args) => {
      noKey(args[0]!);
      const context = jsonContext(types);
      const key = keyText(args[0]!, types.args[0]!, context, 'field name must not be null');
      checkRoom((state as TextState).parts.length);
      (state as TextState).parts.push(
        `${quoteJson(key)} : ${jsonText(args[1]!, types.args[1]!, context)}`,
      );
      return state;
    },
    final: state =>
      (state as TextState).parts.length === 0
        ? null
        : `{ ${(state as TextState).parts.join(', ')} }`,
  })),
  jsonb_object_agg: aggregateOf(false, types => ({
    init: (): NodeState => ({keys: [], values: []}),
    step: (state, args) => {
      noKey(args[0]!);
      const context = jsonContext(types);
      checkRoom((state as NodeState).keys.length);
      (state as NodeState).keys.push(
        keyText(args[0]!, types.args[0]!, context, 'field name must not be null'),
      );
      (state as NodeState).values.push(jsonbNode(args[1]!, types.args[1]!, context));
      return state;
    },
    final: state => {
      const {keys, values} = state as NodeState;
      return keys.length === 0 ? null : jsonbOf(makeJsonbObject(keys, values));
    },
  })),
};
