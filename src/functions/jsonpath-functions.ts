import {PgError} from '../common/errors.ts';
import {SqlState} from '../common/sqlstate.ts';
import type {Datum} from '../types/contract.ts';
import type {JsonbNode, JsonbValue} from '../types/jsonb-value.ts';
import {JsonbObject} from '../types/jsonb-value.ts';
import type {FunctionCode, SetFunctionCode} from './contract.ts';
import {jsonbOf} from './json-build.ts';
import {pathError, PathRun, silently} from './jsonpath.ts';
import type {JsonPath} from '../types/jsonpath-parse.ts';
import {parseJsonPath} from '../types/jsonpath-parse.ts';
import {RegexCache} from './regex.ts';
import type {FunctionTable} from './table.ts';
import {alias} from './table.ts';

/** Runs paths of one call site; the last parsed path is kept. A jsonpath value is its text. */
class PathSite {
  readonly #regex = new RegexCache();
  #text: string | null = null;
  #path: JsonPath | null = null;

  query(target: JsonbValue, text: string, vars?: JsonbValue): readonly JsonbNode[] {
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
    return new PathRun(this.#path!, target.root, variables, this.#regex).query();
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

function matchOf(items: readonly JsonbNode[]): Datum {
  const item = items[0];
  if (items.length === 1 && typeof item === 'boolean') return item;
  if (items.length === 1 && item === null) return null;
  throw pathError(SqlState.singletonSqlJsonItemRequired, 'single boolean result is expected');
}

/** Functions of 9.16.2. */
export const pathFunctions: FunctionTable = {
  ...alias(
    ['jsonb_path_exists', 'jsonb_path_exists_tz', 'jsonb_path_exists_opr'],
    pathFunction(items => items.length > 0),
  ),
  ...alias(
    ['jsonb_path_match', 'jsonb_path_match_tz', 'jsonb_path_match_opr'],
    pathFunction(matchOf),
  ),
  ...alias(
    ['jsonb_path_query_array', 'jsonb_path_query_array_tz'],
    pathFunction(items => jsonbOf(items), jsonbOf([])),
  ),
  ...alias(
    ['jsonb_path_query_first', 'jsonb_path_query_first_tz'],
    pathFunction(items => (items.length === 0 ? null : jsonbOf(items[0]!))),
  ),
};

const query: SetFunctionCode = {
  create: () => {
    const site = new PathSite();
    return args => {
      const [target, path, vars, silent] = args as [JsonbValue, string, JsonbValue?, boolean?];
      return (silently(silent ?? false, () => site.query(target, path, vars)) ?? [])
        .map(item => jsonbOf(item))
        .values();
    };
  },
};

/** jsonb_path_query. */
export const pathSets: Readonly<Record<string, SetFunctionCode>> = {
  jsonb_path_query: query,
  jsonb_path_query_tz: query,
};
