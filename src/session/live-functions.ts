import {PgError} from '../common/errors.ts';
import type {Oid, Seq} from '../common/ids.ts';
import {SqlState} from '../common/sqlstate.ts';
import {WaitSignal} from '../common/wait-signal.ts';
import type {LiveQueryDescriptor} from '../catalog/descriptors.ts';
import type {Datum, TypeInstance} from '../types/contract.ts';
import {PgRecord} from '../types/record-value.ts';
import type {SetFunctionCode} from '../functions/contract.ts';
import type {ParsedStatement} from '../sql/contract.ts';
import type {ChangePayloads} from '../live/channel-changes.ts';
import {acknowledge, consumeFunction} from './consumer-functions.ts';
import {SessionEvalContext} from './eval-context.ts';
import {liveOptions} from './live-query-options.ts';
import type {SessionContext} from './session-context.ts';

/** prosrc of the live functions that answer one value. */
export const LIVE_FUNCTIONS: ReadonlySet<string> = new Set([
  'live_open',
  'live_open_sql',
  'live_close',
  'system.ack',
]);

/** Answers a live function; undefined when the prosrc is not one. */
export function liveCall(
  session: SessionContext,
  source: string,
  args: readonly unknown[],
): Datum | undefined {
  const [first] = args as readonly (string | null | undefined)[];
  switch (source) {
    case 'live_open':
    case 'live_open_sql': {
      const [asked, argsText, storage] = args as readonly (string | null)[];
      if (asked == null || argsText == null) return channelRecord(null, null, null);
      const query = source === 'live_open' ? named(session, asked) : {...NAMELESS, text: asked};
      return openText(session, query, {argsText, storage: storage ?? null});
    }
    case 'live_close':
      return session.engine.live.channels.close(first ?? '', session.currentRole);
    case 'system.ack':
      return acknowledge(session, args);
    default:
      return undefined;
  }
}

/** Set-returning live functions by prosrc. */
export const LIVE_SET_FUNCTIONS: ReadonlyMap<string, SetFunctionCode> = new Map<
  string,
  SetFunctionCode
>([
  ['system.consume', consumeFunction],
  [
    'live_changes',
    {
      create: () => (args: readonly Datum[], context) => {
        const [channel, since] = args;
        if (!(context instanceof SessionEvalContext) || channel == null || since == null)
          return [][Symbol.iterator]();
        const {boundSession: session} = context;
        const {channels} = session.engine.live;
        return new ChangeRows(
          channels.changes(channel as string, session.currentRole, since as Seq),
        );
      },
    } satisfies SetFunctionCode,
  ],
]);

/** Rows of live_changes(), which may have to be waited for. */
class ChangeRows implements Iterator<readonly Datum[]> {
  readonly #pending: Promise<void> | null = null;
  #rows: ChangePayloads | null = null;
  #error: unknown = null;
  #at = 0;

  constructor(changes: ChangePayloads | Promise<ChangePayloads>) {
    if (changes instanceof Promise)
      this.#pending = changes.then(
        rows => void (this.#rows = rows),
        (error: unknown) => void (this.#error = error),
      );
    else this.#rows = changes;
  }

  next(): IteratorResult<readonly Datum[], undefined> {
    if (this.#error !== null) throw this.#error;
    if (this.#rows === null) throw new WaitSignal(this.#pending!);
    const row = this.#rows[this.#at++];
    return row === undefined ? {done: true, value: undefined} : {done: false, value: [...row]};
  }
}

function named(session: SessionContext, name: string): QueryText {
  const query = findLiveQuery(session, name);
  return {text: query.queryText, name: query.name, types: query.argTypes};
}

const NAMELESS = {name: '', types: []};

/** A live query by its name along the search path, or `schema.name`; 42704 when there is none. */
export function findLiveQuery(session: SessionContext, name: string): LiveQueryDescriptor {
  const {catalog} = session.transaction;
  const dot = name.indexOf('.');
  const schema = dot === -1 ? undefined : catalog.schemaByName(name.slice(0, dot));
  const schemas = dot === -1 ? session.searchPath() : schema === undefined ? [] : [schema.oid];
  for (const each of schemas) {
    const found = catalog.liveQueryByName(each, name.slice(dot + 1));
    if (found !== undefined) return found;
  }
  throw new PgError(SqlState.undefinedObject, `live query "${name}" does not exist`);
}

/** The one SELECT of a text; 22023 when it is anything else. */
export function liveStatement(session: SessionContext, text: string): ParsedStatement {
  const statements = session.engine.parser.parse(text);
  const [statement] = statements;
  if (
    statement === undefined ||
    statements.length !== 1 ||
    statement.custom !== null ||
    statement.ast === null ||
    !('SelectStmt' in statement.ast)
  ) {
    throw new PgError(SqlState.invalidParameterValue, 'a live query must be one SELECT statement');
  }
  return statement;
}

interface QueryText {
  readonly text: string;
  readonly name: string;
  readonly types: readonly Oid[];
}

function openText(
  session: SessionContext,
  query: QueryText,
  {argsText, storage}: {readonly argsText: string; readonly storage: string | null},
): PgRecord {
  const statement = liveStatement(session, query.text);
  const {entry, slots} = session.planner.plan(statement, query.types);
  const params = readArguments(session, argsText, entry.plan.parameterTypes);
  const options = liveOptions(session, {
    entry,
    params,
    slots,
    name: query.name,
    text: query.text,
    codec: 'json',
    storage,
  });
  const {channel, seq, resume} = session.engine.live.channels.open(options);
  return channelRecord(channel, seq, resume);
}

function channelRecord(...values: readonly Datum[]): PgRecord {
  return new PgRecord(2249 as Oid, [25 as Oid, 20 as Oid, 25 as Oid], values);
}

/** Arguments as a JSON array; each is read by its type's text input. */
function readArguments(
  session: SessionContext,
  text: string,
  types: readonly TypeInstance[],
): Datum[] {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    throw new PgError(SqlState.invalidTextRepresentation, 'invalid input syntax for type json', {
      detail: 'The arguments of a live query are a JSON array.',
    });
  }
  if (!Array.isArray(values))
    throw new PgError(
      SqlState.invalidParameterValue,
      'the arguments of a live query must be a JSON array',
    );
  return readArgumentList(session, values, types);
}

/** Arguments as JSON values; each is read by its type's text input. */
export function readArgumentList(
  session: SessionContext,
  values: readonly unknown[],
  types: readonly TypeInstance[],
): Datum[] {
  if (values.length !== types.length) {
    throw new PgError(
      SqlState.invalidParameterValue,
      `the live query takes ${types.length} arguments, but ${values.length} were given`,
    );
  }
  return values.map((value: unknown, index): Datum => {
    if (value === null) return null;
    const textValue = typeof value === 'string' ? value : JSON.stringify(value);
    return types[index]!.input(textValue, -1, session.evalContext.format);
  });
}
