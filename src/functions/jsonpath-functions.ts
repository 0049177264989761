import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import type {JsonbNode, JsonbValue} from '../types/jsonb-value.ts';
import {JsonbObject} from '../types/jsonb-value.ts';
import type {EvalContext, FunctionCode, SetFunctionCode} from './contract.ts';
import {jsonbOf} from './json-build.ts';
import {pathError, PathRun, silently} from './jsonpath.ts';
import type {Zone} from '../types/datetime-zone.ts';
import type {JsonPath} from '../types/jsonpath-parse.ts';
import {parseJsonPath} from '../types/jsonpath-parse.ts';
import {RegexCache} from './regex.ts';
import {sessionZone} from './session-clock.ts';
import type {FunctionTable} from './table.ts';

/** Runs paths of one call site; the last parsed path is kept. A jsonpath value is its text. */
class PathSite {
  readonly #regex = new RegexCache();
  #text: string | null = null;
  #path: JsonPath | null = null;

  query(
    target: JsonbValue,
    text: string,
    vars?: JsonbValue,
    zone: Zone | null = null,
  ): readonly JsonbNode[] {
    if (text !== this.#text) {
      this.#path = parseJsonPath(text);
      this.#text = text;
    }
    const variables = vars?.root ?? new JsonbObject([], []);
    if (!(variables instanceof JsonbObject)) {
      throw new PgError(SqlState.invalidParameterValue, '"vars" argument is not an object', {
        detail: 'Jsonpath parameters should be encoded as key-value pairs of "vars" object.',
      });
    }
    return new PathRun(this.#path!, target.root, variables, this.#regex, zone).query();
  }
}

type Finish = (items: readonly JsonbNode[]) => Datum;

/** A function of (target, path, vars, silent); the operators give only two arguments and are silent. */
function pathFunction(finish: Finish, onError: Datum = null): FunctionCode {
  return {
    fnTyped: () => {
      const site = new PathSite();
      return (target: JsonbValue, path: string, vars?: JsonbValue, silent = vars === undefined) => {
        const items = silently(silent, () => site.query(target, path, vars));
        return items === null ? onError : silently(silent, () => finish(items));
      };
    },
  };
}

/** The same with the session's time zone, for datetimes of different types. */
function zonedFunction(finish: Finish, onError: Datum = null): FunctionCode {
  return {
    fnCtx: (
      target: JsonbValue,
      path: string,
      vars: JsonbValue,
      silent: boolean,
      context: EvalContext,
    ) => {
      const site = new PathSite();
      const zone = sessionZone(context);
      const items = silently(silent, () => site.query(target, path, vars, zone));
      return items === null ? onError : silently(silent, () => finish(items));
    },
  };
}

/** Both forms of a function. */
function pathPair(name: string, finish: Finish, onError: Datum = null): FunctionTable {
  return {
    [name]: pathFunction(finish, onError),
    [`${name}_tz`]: zonedFunction(finish, onError),
  };
}

function matchOf(items: readonly JsonbNode[]): Datum {
  const item = items[0];
  if (items.length === 1 && typeof item === 'boolean') return item;
  if (items.length === 1 && item === null) return null;
  throw pathError(SqlState.singletonSqlJsonItemRequired, 'single boolean result is expected');
}

/** Functions of 9.16.2. */
export const pathFunctions: FunctionTable = {
  ...pathPair('jsonb_path_exists', items => items.length > 0),
  jsonb_path_exists_opr: pathFunction(items => items.length > 0),
  ...pathPair('jsonb_path_match', matchOf),
  jsonb_path_match_opr: pathFunction(matchOf),
  ...pathPair('jsonb_path_query_array', items => jsonbOf(items), jsonbOf([])),
  ...pathPair('jsonb_path_query_first', items => (items.length === 0 ? null : jsonbOf(items[0]!))),
};

function querySet(isZoned: boolean): SetFunctionCode {
  return {
    create: () => {
      const site = new PathSite();
      return (args, context) => {
        const [target, path, vars, silent] = args as [JsonbValue, string, JsonbValue?, boolean?];
        const zone = isZoned ? sessionZone(context) : null;
        return (silently(silent ?? false, () => site.query(target, path, vars, zone)) ?? [])
          .map(item => jsonbOf(item))
          .values();
      };
    },
  };
}

/** jsonb_path_query. */
export const pathSets: Readonly<Record<string, SetFunctionCode>> = {
  jsonb_path_query: querySet(false),
  jsonb_path_query_tz: querySet(true),
};
