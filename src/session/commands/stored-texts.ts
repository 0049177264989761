import type {CatalogChange, CatalogSnapshot} from '../../catalog/contract.ts';
import type {
  ColumnDescriptor,
  ConstraintDescriptor,
  Descriptor,
  IndexDescriptor,
  PolicyDescriptor,
  TableDescriptor,
  ViewDescriptor,
} from '../../catalog/descriptors.ts';
import {qualifiedScope} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {isQueryRelation, queryTextOf, withQueryText} from '../../catalog/stored-queries.ts';
import {SchemaOid} from '../../catalog/well-known.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {expressionAst, queryAst} from '../../sql/bind/parsed-text.ts';
import {newBinding} from '../../sql/bind/statement.ts';
import type {BindContext} from '../../sql/contract.ts';
import {deparseExpression} from '../../sql/deparse/expression.ts';
import {deparseQuery} from '../../sql/deparse/query.ts';
import {QueryTrace} from '../../sql/deparse/query-trace.ts';
import type {SessionContext} from '../session-context.ts';
import {withRelationOids} from './definition-binding.ts';
import {mentionsName} from './dependencies.ts';
import {policyText} from './policy-text.ts';

/** What a stored expression may read. */
interface TextScope {
  readonly before: readonly ColumnDescriptor[];
  readonly after: readonly ColumnDescriptor[];
  readonly relationName: string;
  readonly clause: string;
  readonly domain: TypeOf | null;
}

type TypeOf = BoundExpr['type'];

const NO_COLUMNS: Omit<TextScope, 'clause'> = {
  before: [],
  after: [],
  relationName: '',
  domain: null,
};

/**
 * After a rename: texts in the catalog that mention the old name are bound as they were and printed with today's names.
 * Texts are kept by name,
 * PostgreSQL keeps trees; this makes both the same to a client.
 */
export class StoredTexts {
  readonly #session: SessionContext;
  readonly #before: CatalogSnapshot;
  readonly #name: string;
  readonly #context: BindContext;

  /** `before` is the catalog in which the old name still stands. */
  constructor(session: SessionContext, before: CatalogSnapshot, name: string) {
    this.#session = session;
    this.#before = before;
    this.#name = name;
    this.#context = {
      ...session.planner.context([]),
      catalog: before,
      searchPath: [SchemaOid.pgCatalog],
      rowSecurity: 'ignored',
    };
  }

  /** Puts every descriptor whose text changes. */
  rewrite(): void {
    const {catalog} = this.#session.transaction;
    const changes: CatalogChange[] = [];
    const put = (old: Descriptor, next: Descriptor): void => {
      if (next !== old) changes.push({op: 'put', descriptor: next});
    };
    for (const table of catalog.tables()) {
      put(table, this.#filling(this.#table(table)));
      for (const each of catalog.constraintsOf(table.oid)) put(each, this.#constraint(table, each));
      for (const each of catalog.indexesOf(table.oid)) put(each, this.#index(table, each));
    }
    for (const type of catalog.userTypes()) {
      const defaultText = this.#text(type.defaultText, {
        ...NO_COLUMNS,
        clause: 'DEFAULT expressions',
      });
      if (defaultText !== type.defaultText) put(type, {...type, defaultText});
      for (const each of catalog.constraintsOf(type.oid)) {
        const domain = this.#before.typeByOid(type.baseType) ?? null;
        const expressionText = this.#text(each.expressionText, {
          ...NO_COLUMNS,
          domain,
          clause: 'check constraints',
        });
        if (expressionText !== each.expressionText) put(each, {...each, expressionText});
      }
    }
    for (const view of catalog.views()) put(view, this.#filling(view));
    for (const policy of catalog.policies()) put(policy, this.#policy(policy));
    if (changes.length > 0) this.#session.transaction.ddl(changes, []);
  }

  /** A view, materialized or not, with today's names in its query. */
  #filling<T extends TableDescriptor | ViewDescriptor>(relation: T): T {
    if (!isQueryRelation(relation)) return relation;
    const before = queryTextOf(relation);
    const names = relation.columns.map(column => column.name);
    const queryText = this.#query(before, names);
    return queryText === before ? relation : withQueryText(relation, queryText);
  }

  #table(table: TableDescriptor): TableDescriptor {
    let hasChanged = false;
    const columns = table.columns.map(column => {
      if (column.defaultText === null) return column;
      const clause =
        column.generated === '' ? 'DEFAULT expressions' : 'column generation expressions';
      const defaultText = this.#text(column.defaultText, this.#tableScope(table, clause));
      if (defaultText === column.defaultText) return column;
      hasChanged = true;
      return {...column, defaultText};
    });
    return hasChanged ? {...table, columns} : table;
  }

  #constraint(table: TableDescriptor, constraint: ConstraintDescriptor): ConstraintDescriptor {
    const expressionText = this.#text(
      constraint.expressionText,
      this.#tableScope(table, 'check constraints'),
    );
    return expressionText === constraint.expressionText
      ? constraint
      : {...constraint, expressionText};
  }

  #index(table: TableDescriptor, index: IndexDescriptor): IndexDescriptor {
    const predicateText = this.#text(
      index.predicateText,
      this.#tableScope(table, 'index predicates'),
    );
    const texts = index.keys.map(key =>
      this.#text(key.expressionText, this.#tableScope(table, 'index expressions')),
    );
    if (
      predicateText === index.predicateText &&
      texts.every((text, at) => text === index.keys[at]!.expressionText)
    )
      return index;
    return {
      ...index,
      predicateText,
      keys: index.keys.map((key, at) => ({...key, expressionText: texts[at]!})),
    };
  }

  #policy(policy: PolicyDescriptor): PolicyDescriptor {
    const table = this.#before.tableByOid(policy.table);
    if (table === undefined) return policy;
    const rewritten = (text: string | null): string | null => {
      if (text === null || !mentionsName(text, this.#name)) return text;
      const place = {session: this.#session, context: this.#context, table};
      const node = withAliases(expressionAst(newBinding(this.#context, ''), text));
      return policyText({...place, rowName: policy.rowName}, node);
    };
    const usingText = rewritten(policy.usingText);
    const checkText = rewritten(policy.checkText);
    const isSame = usingText === policy.usingText && checkText === policy.checkText;
    return isSame ? policy : {...policy, usingText, checkText};
  }

  #tableScope(table: TableDescriptor, clause: string): TextScope {
    const old = this.#before.tableByOid(table.oid);
    const live = (columns: readonly ColumnDescriptor[]): ColumnDescriptor[] =>
      columns.filter(column => !column.isDropped);
    return {
      before: live(old?.columns ?? []),
      after: live(table.columns),
      relationName: old?.name ?? '',
      clause,
      domain: null,
    };
  }

  #text(text: string | null, scope: TextScope): string | null {
    if (text === null || !mentionsName(text, this.#name)) return text;
    const binding = newBinding(this.#context, '');
    binding.trace = new QueryTrace();
    const columns = scope.before.map((column, id) => ({
      name: column.name,
      expr: binding.columnExpr({
        id,
        name: column.name,
        type: binding.type(column.typeOid),
        typmod: column.typmod,
      }),
    }));
    const domainValue: BoundExpr | null =
      scope.domain === null
        ? null
        : {kind: 'letRef', id: 0, type: scope.domain, typmod: -1, location: -1};
    const {clause, relationName} = scope;
    const expr = binding.withoutPositions(() =>
      binding.hooks.scalar(binding, expressionAst(binding, text), {
        columns,
        domainValue,
        clause,
        relationName,
      }),
    );
    const printed = deparseExpression(expr, {
      scope: qualifiedScope(this.#session.transaction.catalog),
      columnName: index => quoteIdentifier(scope.after[index]?.name ?? ''),
    });
    return withRelationOids(this.#session, printed);
  }

  #query(text: string, columnNames: readonly string[]): string {
    return mentionsName(text, this.#name) ? this.query(text, columnNames) : text;
  }

  /** A view's query with today's names and these names of its columns. */
  query(text: string, columnNames: readonly string[]): string {
    const ast = queryAst(newBinding(this.#context, ''), text.trim().replace(/;$/, ''));
    const scope = qualifiedScope(this.#session.transaction.catalog);
    return withRelationOids(
      this.#session,
      deparseQuery(ast, '', this.#context, {scope, columnNames}),
    );
  }
}

/** A query in which every relation has an alias, its old name: columns stay qualified by it when the relation is renamed. */
function withAliases<T>(tree: T): T {
  if (Array.isArray(tree)) return tree.map(withAliases) as T;
  if (typeof tree !== 'object' || tree === null) return tree;
  const copy = Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, withAliases(value as unknown)]),
  );
  if ('RangeVar' in copy) {
    const range = copy['RangeVar'] as {readonly relname?: string; readonly alias?: object};
    if (range.alias === undefined) copy['RangeVar'] = {...range, alias: {aliasname: range.relname}};
  }
  return copy as T;
}
