import type {DropStmt, RangeVar, SelectStmt, ViewStmt} from '@pgsql/types';
import type {LiveQueryDescriptor, RelationDescriptor} from '../../catalog/descriptors.ts';
import {PgError} from '../../common/errors.ts';
import type {Oid} from '../../common/ids.ts';
import {SqlState} from '../../common/sqlstate.ts';
import type {CustomStatement, ParsedStatement} from '../../sql/contract.ts';
import {type SqlToken, tokenize} from '../../sql/parse/tokens.ts';
import {CommandExecution, type Execution} from '../execution.ts';
import {findLiveQuery} from '../live-functions.ts';
import {liveShapeOf} from '../live-authority.ts';
import {textOf} from '../statement-text.ts';
import {checkOwner} from '../privileges.ts';
import type {SessionContext} from '../session-context.ts';
import {change, ddlExecution, deletion, newOid, notice, puts} from './ddl.ts';
import {lookupRelation} from './find-relation.ts';
import {creationSchema} from './object-names.ts';

type CreateNode = Extract<CustomStatement, {kind: 'createLiveQuery'}>;

/** CREATE [OR REPLACE] LIVE QUERY name(args) AS SELECT ...: the query is kept as text with its arguments as $n. */
export function createLiveQueryCommand(
  session: SessionContext,
  node: CreateNode,
  statement: ParsedStatement,
): Execution {
  return ddlExecution(session, 'CREATE LIVE QUERY', async () => {
    const view = viewOf(statement);
    const name = {schema: view.view?.schemaname ?? null, name: view.view?.relname ?? ''};
    const schema = creationSchema(session, name);
    const known = session.transaction.catalog.liveQueryByName(schema.oid, name.name);
    if (known !== undefined) {
      if (!node.replace)
        throw new PgError(SqlState.duplicateObject, `live query "${name.name}" already exists`);
      checkOwner(session.transaction.catalog, session.currentRole, known, 'live query');
    }
    const argTypes = node.args.map(arg => typeNamed(session, arg.type));
    const queryText = bodyText(session, statement, node, view);
    check(session, queryText, argTypes);
    const descriptor: LiveQueryDescriptor = {
      kind: 'liveQuery',
      oid: known?.oid ?? newOid(session),
      name: name.name,
      owner: known?.owner ?? session.currentRole,
      acl: known?.acl ?? null,
      comment: known?.comment ?? null,
      schema: schema.oid,
      argNames: node.args.map(arg => arg.name),
      argTypes,
      queryText,
    };
    change(session, puts(descriptor));
  });
}

/** DROP LIVE QUERY [IF EXISTS] name [, ...]. */
export function dropLiveQueryCommand(
  session: SessionContext,
  statement: ParsedStatement,
): Execution {
  return ddlExecution(session, 'DROP LIVE QUERY', async () => {
    const node = (statement.ast as {readonly DropStmt: DropStmt}).DropStmt;
    for (const object of node.objects ?? []) {
      const parts =
        'List' in object
          ? (object.List.items ?? []).map(item =>
              'String' in item ? (item.String.sval ?? '') : '',
            )
          : [];
      drop(session, parts.join('.'), node.missing_ok === true);
    }
  });
}

/** A live query that must be the role's own; null, with a notice, when it is missing and may be. */
export function ownLiveQuery(
  session: SessionContext,
  name: string,
  missingOk: boolean,
): LiveQueryDescriptor | null {
  let query: LiveQueryDescriptor;
  try {
    query = findLiveQuery(session, name);
  } catch (error) {
    if (!missingOk) throw error;
    notice(session, `live query "${name}" does not exist, skipping`);
    return null;
  }
  checkOwner(session.transaction.catalog, session.currentRole, query, 'live query');
  return query;
}

function drop(session: SessionContext, name: string, missingOk: boolean): void {
  const query = ownLiveQuery(session, name, missingOk);
  if (query !== null) change(session, [deletion(query)]);
}

/** KILL LIVE QUERY id: one's own, or any as a superuser. */
export function killLiveQueryCommand(session: SessionContext, id: string): Execution {
  return new CommandExecution(() => {
    const {hub} = session.engine.live;
    const subscription = /^\d{1,15}$/.test(id) ? hub.subscription(Number(id)) : undefined;
    const isOwn = subscription !== undefined && subscription.options.role === session.currentRole;
    if (subscription !== undefined && !isOwn && !session.isSuperuser) {
      throw new PgError(
        SqlState.insufficientPrivilege,
        'permission denied to kill a live query of another role',
      );
    }
    if (subscription === undefined)
      throw new PgError(SqlState.undefinedObject, `live query ${id} does not exist`);
    hub.kill(subscription.id);
    return 'KILL LIVE QUERY';
  });
}

function viewOf(statement: ParsedStatement): ViewStmt {
  return (statement.ast as {readonly ViewStmt: ViewStmt}).ViewStmt;
}

function typeNamed(session: SessionContext, text: string): Oid {
  const [statement] = session.engine.parser.parse(`SELECT NULL::${text}`);
  return session.planner.plan(statement!, []).entry.plan.columns[0]!.type.oid;
}

/** 0A000 and its kin now rather than at the first live_open. */
function check(session: SessionContext, queryText: string, argTypes: readonly Oid[]): void {
  const [statement] = session.engine.parser.parse(queryText);
  liveShapeOf(session.planner.plan(statement!, argTypes).entry);
}

/**
 * The SELECT of the statement's text, arguments by name replaced by $n. A column of the table wins over an argument of
 * its name, as in SQL functions.
 */
function bodyText(
  session: SessionContext,
  statement: ParsedStatement,
  node: CreateNode,
  view: ViewStmt,
): string {
  const text = textOf(statement);
  const tokens = tokenize(text);
  const start = bodyStart(tokens);
  const columns = columnNames(session, view);
  const end = tokens.at(-1)?.text === ';' ? tokens.at(-1)!.start : text.length;
  let out = '';
  let at = tokens[start]!.start;
  for (let i = start; i < tokens.length; i++) {
    const argument = argumentAt(tokens, i, node, view);
    if (argument === null || (argument.length === 1 && columns.has(tokens[i]!.text))) continue;
    out += `${text.slice(at, tokens[i]!.start)}$${argument.number}`;
    i += argument.length - 1;
    at = tokens[i]!.end;
  }
  return (out + text.slice(at, end)).trim();
}

/** Index of the first token behind the AS of the statement. */
function bodyStart(tokens: readonly SqlToken[]): number {
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const {kind, text} = tokens[i]!;
    if (text === '(') depth++;
    else if (text === ')') depth--;
    else if (kind === 'word' && text === 'as' && depth === 0 && i + 1 < tokens.length) return i + 1;
  }
  throw new PgError(SqlState.syntaxError, 'syntax error at end of input');
}

/** `arg` or `query.arg` at a token; null for anything else. */
function argumentAt(
  tokens: readonly SqlToken[],
  at: number,
  node: CreateNode,
  view: ViewStmt,
): {readonly number: number; readonly length: number} | null {
  const token = tokens[at]!;
  if (token.kind !== 'word' && token.kind !== 'quotedWord') return null;
  if (tokens[at - 1]?.text === '.') return null;
  const next = tokens[at + 1]?.text;
  if (next === '.' && token.text === view.view?.relname) {
    const number = node.args.findIndex(arg => arg.name === tokens[at + 2]?.text) + 1;
    return number === 0 ? null : {number, length: 3};
  }
  if (next === '.' || next === '(' || tokens[at - 1]?.text === 'as') return null;
  const number = node.args.findIndex(arg => arg.name === token.text) + 1;
  return number === 0 ? null : {number, length: 1};
}

function columnNames(session: SessionContext, view: ViewStmt): ReadonlySet<string> {
  const names = new Set<string>();
  const query = view.query as {readonly SelectStmt?: SelectStmt} | undefined;
  for (const item of query?.SelectStmt?.fromClause ?? []) {
    if (!('RangeVar' in item)) continue;
    const relation = relationOf(session, item.RangeVar);
    if (relation === undefined || relation.kind === 'sequence' || relation.kind === 'index')
      continue;
    for (const column of relation.columns)
      if (!('isDropped' in column) || !column.isDropped) names.add(column.name);
  }
  return names;
}

function relationOf(session: SessionContext, range: RangeVar): RelationDescriptor | undefined {
  return lookupRelation(session, range);
}
