import type {Node, SelectStmt} from '@pgsql/types';
import type {NameScope} from '../../catalog/names.ts';
import {quoteIdentifier} from '../../catalog/quote.ts';
import {featureNotSupported, internalError} from '../../common/errors.ts';
import type {BoundExpr} from '../../expr/bound.ts';
import {stringOf} from '../bind/ast.ts';
import type {Block, RangeItem} from '../bind/block.ts';
import {bindStatementWith, newBinding} from '../bind/statement.ts';
import type {BindContext} from '../contract.ts';
import type {SortKey} from '../plan/plan.ts';
import {printAggregate, printWindowClause} from './aggregate-text.ts';
import {ExpressionPrinter} from './expression.ts';
import {printFrom} from './from-clause.ts';
import {printGroupBy, printLocking, printOrderBy} from './query-clauses.ts';
import {printSubLink} from './sublink-text.ts';
import {
  aliasToday,
  type NamedColumn,
  nameToday,
  QueryTrace,
  type TracedLevel,
} from './query-trace.ts';
import type {QueryWriter, ResultNames} from './query-writer.ts';
import {aliasKey, hasTail, isNestedOperation, isSetOperation, keyOf} from './statement-shape.ts';
import {TextBuilder} from './text-builder.ts';

/** How a query is printed. */
export interface DeparseQueryOptions {
  /** Where names must be found again: for a stored view [pg_catalog, the view's schema]. Absent: the context's search path. */
  readonly scope?: NameScope;
  /** Names of the result columns (a view's); absent: those of the query. */
  readonly columnNames?: readonly string[];
}

/** A SELECT as PostgreSQL's pg_get_viewdef prints it, with its semicolon; raises the errors of binding. */
export function deparseQuery(
  ast: Node,
  text: string,
  context: BindContext,
  options: DeparseQueryOptions = {},
): string {
  if (!('SelectStmt' in ast)) throw featureNotSupported('only SELECT has a definition text');
  const trace = new QueryTrace();
  const binding = newBinding(context, text);
  binding.trace = trace;
  const query = bindStatementWith(binding, ast);
  const scope = options.scope ?? {snapshot: context.catalog, searchPath: context.searchPath};
  const printer = new QueryPrinter(trace, scope, context);
  printer.query(ast.SelectStmt, {
    columnNames: options.columnNames ?? query.columns.map(column => column.name),
    showsNames: true,
  });
  return `${printer.out.text};`;
}

const STANDARD = 8;

/** Prints queries (ruleutils get_query_def). */
export class QueryPrinter implements QueryWriter {
  readonly trace: QueryTrace;
  readonly scope: NameScope;
  readonly context: BindContext;
  readonly out = new TextBuilder(true);
  readonly exprs: ExpressionPrinter;
  #block: Block | null = null;
  readonly #isPlain: boolean;
  /** The level whose target alone is printed. */
  #outermost: Block | null = null;
  readonly #aliases = new Map<Block, ReadonlyMap<string, string>>();
  /** Aliases of the queries around what is being printed. */
  #usedAliases: string[] = [];

  constructor(trace: QueryTrace, scope: NameScope, context: BindContext, isPlain = false) {
    this.#isPlain = isPlain;
    this.trace = trace;
    this.scope = scope;
    this.context = context;
    this.exprs = new ExpressionPrinter(
      {
        scope,
        format: context.format,
        columnName: index => this.#column(index),
        rowName: row => this.#wholeRow(row),
      },
      this.out,
    );
  }

  /** The level whose clauses are being printed. */
  get block(): Block {
    if (this.#block === null) throw internalError('no query level to print');
    return this.#block;
  }

  /** Prints an expression of the current level. */
  expr(expr: BoundExpr, showsImplicit: boolean): void {
    this.exprs.print(expr, showsImplicit);
  }

  /** The bound form of a part of the tree; every part was bound. */
  bound(node: Node | undefined): BoundExpr {
    const bound = this.trace.boundOf(node);
    if (bound === undefined) throw featureNotSupported('this query cannot be printed');
    return bound;
  }

  /** Alias and name of a column here, null when it is no column of FROM. */
  nameOf(column: number): NamedColumn | null {
    return this.trace.nameOf(this.block, column, (level, item) => this.aliasOf(item, level));
  }

  /** The alias that an item of FROM is printed with. */
  aliasOf(item: RangeItem, level: Block = this.block): string {
    return this.#aliases.get(level.real)?.get(aliasKey(item)) ?? item.alias;
  }

  /** Gives the items of a level aliases that no enclosing query uses (set_rtable_names). */
  #nameItems(block: Block): void {
    const names = new Map<string, string>();
    for (const item of block.items) {
      if (!item.isNamed || item.alias === '') continue;
      const alias = aliasToday(item, this.context.catalog, this.scope.snapshot);
      let shown = alias;
      for (let number = 1; this.#usedAliases.includes(shown); number++)
        shown = `${alias}_${number}`;
      this.#usedAliases.push(shown);
      names.set(aliasKey(item), shown);
    }
    this.#aliases.set(block.real, names);
  }

  #column(index: number): string {
    const found = this.nameOf(index);
    if (found !== null) {
      const name = quoteIdentifier(nameToday(found, this.context.catalog, this.scope.snapshot));
      const isBare = found.alias === '' || (this.#isPlain && this.#block === this.#outermost);
      return isBare ? name : `${quoteIdentifier(found.alias)}.${name}`;
    }
    const origin = this.trace.originOf(index);
    switch (origin?.kind) {
      case 'call':
        return this.out.capture(() => printAggregate(this, index, origin.node));
      case 'grouping':
        return this.out.capture(() =>
          this.list(`GROUPING(`, origin.node.args?.map(arg => this.bound(arg)) ?? [], ')'),
        );
      case 'sublink':
        return this.out.capture(() => printSubLink(this, origin.node, origin.test));
      default:
        throw featureNotSupported('this query cannot be printed');
    }
  }

  #nameToday(column: number): string | null {
    const found = this.nameOf(column);
    return found === null ? null : nameToday(found, this.context.catalog, this.scope.snapshot);
  }

  /** Expressions with commas between. */
  list(before: string, exprs: readonly BoundExpr[], after: string): void {
    this.out.append(before);
    exprs.forEach((expr, at) => {
      if (at > 0) this.out.append(', ');
      this.expr(expr, true);
    });
    this.out.append(after);
  }

  /** t.* for a row of all columns of one FROM item. */
  #wholeRow(row: BoundExpr & {readonly kind: 'row'}): string | null {
    const ids = row.fields.map(field => (field.kind === 'column' ? field.index : -1));
    for (let level: Block | null = this.block; level !== null; level = level.parent) {
      const item = level.items.find(
        each =>
          each.isNamed &&
          each.columns.length === ids.length &&
          each.columns.every((column, at) => column.id === ids[at]),
      );
      if (item !== undefined && ids.length > 0)
        return `${quoteIdentifier(this.aliasOf(item, level))}.*`;
    }
    return null;
  }

  /** Prints a query with WITH, set operations, ORDER BY and LIMIT at the current indentation. */
  query(statement: SelectStmt, names: ResultNames): void {
    const {out} = this;
    const indent = out.indentLevel;
    const outer = this.#block;
    const usedAliases = this.#usedAliases;
    this.#usedAliases = [...usedAliases];
    const level = this.#levelOf(isSetOperation(statement) ? statement.larg! : keyOf(statement));
    this.#nameItems(level.block);
    if (statement.withClause !== undefined) this.#with(statement.withClause);
    this.#block = level.block;
    if (isSetOperation(statement)) {
      this.#setOperation(statement, names);
      const targets = this.trace.columnsOf(statement.larg!);
      this.#orderBy(statement, node =>
        this.#position(
          node,
          targets.map(column => column.name),
        ),
      );
    } else {
      this.#basic(statement, level, names);
      this.#orderBy(statement, null);
    }
    this.#limits(statement);
    printLocking(this, statement);
    this.#block = outer;
    this.#usedAliases = usedAliases;
    out.indentLevel = indent;
  }

  /** Prints the first target of a query at its own level. */
  target(statement: SelectStmt): void {
    const level = this.#levelOf(keyOf(statement));
    this.#outermost = level.block;
    this.#nameItems(level.block);
    this.#block = level.block;
    this.expr(level.targets[0]!.expr, false);
  }

  #levelOf(key: object): TracedLevel {
    const level = this.trace.levelOf(key);
    if (level === undefined) throw featureNotSupported('this query cannot be printed');
    return level;
  }

  /** Starts a clause on its own line. */
  clause(word: string, plus: number): void {
    this.out.keyword(word, -STANDARD, STANDARD, plus);
  }

  #with(clause: NonNullable<SelectStmt['withClause']>): void {
    const {out} = this;
    out.indentLevel += STANDARD;
    out.append(' ');
    let separator = clause.recursive === true ? 'WITH RECURSIVE ' : 'WITH ';
    for (const node of clause.ctes ?? []) {
      if (!('CommonTableExpr' in node)) continue;
      const cte = node.CommonTableExpr;
      const names = (cte.aliascolnames ?? []).map(name => quoteIdentifier(stringOf(name)));
      out.append(
        `${separator}${quoteIdentifier(cte.ctename ?? '')}${names.length === 0 ? '' : `(${names.join(', ')})`} AS `,
      );
      if (cte.ctematerialized === 'CTEMaterializeAlways') out.append('MATERIALIZED ');
      if (cte.ctematerialized === 'CTEMaterializeNever') out.append('NOT MATERIALIZED ');
      if (
        cte.search_clause !== undefined ||
        cte.cycle_clause !== undefined ||
        cte.ctequery === undefined ||
        !('SelectStmt' in cte.ctequery)
      ) {
        throw featureNotSupported('this query cannot be printed');
      }
      out.append('(');
      out.keyword('', 0, 0, 0);
      this.query(cte.ctequery.SelectStmt, {columnNames: null, showsNames: true});
      out.keyword('', 0, 0, 0);
      out.append(')');
      separator = ', ';
    }
    out.indentLevel -= STANDARD;
    out.keyword('', 0, 0, 0);
  }

  #setOperation(statement: SelectStmt, names: ResultNames): void {
    const {out} = this;
    const left = statement.larg!;
    const right = statement.rarg!;
    const isOther =
      isNestedOperation(left) &&
      (left.op !== statement.op || (left.all === true) !== (statement.all === true));
    if (isOther) {
      out.append('(');
      out.keyword('', STANDARD, 0, 0);
    }
    this.#operand(left, statement, names);
    if (isOther) out.keyword(') ', -STANDARD, 0, 0);
    else out.keyword('', 0, 0, 0);
    const word =
      statement.op === 'SETOP_UNION'
        ? 'UNION '
        : statement.op === 'SETOP_INTERSECT'
          ? 'INTERSECT '
          : 'EXCEPT ';
    out.append(statement.all === true ? `${word}ALL ` : word);
    const isNested = isNestedOperation(right);
    if (isNested) out.append('(');
    out.keyword('', isNested ? STANDARD : 0, 0, 0);
    this.#operand(right, statement, {columnNames: names.columnNames, showsNames: false});
    if (!isNested) return;
    out.indentLevel -= STANDARD;
    out.keyword(')', 0, 0, 0);
  }

  #operand(side: SelectStmt, parent: SelectStmt, names: ResultNames): void {
    if (isNestedOperation(side)) return this.#setOperation(side, names);
    const needsParens = hasTail(side);
    if (needsParens) this.out.append('(');
    const before = this.#unknownTypes;
    this.#unknownTypes = this.trace.columnsOf(parent.larg!);
    this.query(side, names);
    this.#unknownTypes = before;
    if (needsParens) this.out.append(')');
  }

  /** Columns whose types the untyped literals of a set operation's branch take. */
  #unknownTypes: readonly {readonly type: BoundExpr['type']}[] = [];

  #basic(statement: SelectStmt, level: TracedLevel, names: ResultNames): void {
    const {out} = this;
    out.indentLevel += STANDARD;
    out.append(' ');
    if (statement.valuesLists !== undefined) return this.values(statement);
    out.append('SELECT');
    if (statement.distinctClause !== undefined) this.#distinct(statement.distinctClause);
    this.#targets(level, names);
    printFrom(this, statement.fromClause ?? []);
    if (statement.whereClause !== undefined) {
      this.clause(' WHERE ', 1);
      this.expr(this.bound(statement.whereClause), false);
    }
    printGroupBy(this, statement);
    if (statement.havingClause !== undefined) {
      this.clause(' HAVING ', 0);
      this.expr(this.bound(statement.havingClause), false);
    }
    printWindowClause(this, statement);
  }

  /** VALUES (...), (...). */
  values(statement: SelectStmt): void {
    this.out.append('VALUES ');
    this.trace.valuesOf(statement.valuesLists!).forEach((row, at) => {
      if (at > 0) this.out.append(', ');
      this.out.append('(');
      row.forEach((expr, column) => {
        if (column > 0) this.out.append(',');
        this.expr(expr, false);
      });
      this.out.append(')');
    });
  }

  #distinct(clause: readonly Node[]): void {
    this.out.append(' DISTINCT');
    const nodes = clause.filter(node => Object.keys(node).length > 0);
    if (nodes.length === 0) return;
    this.out.append(' ON (');
    nodes.forEach((node, at) => {
      if (at > 0) this.out.append(', ');
      this.sortExpr(this.#outputRef(node));
    });
    this.out.append(')');
  }

  #targets(level: TracedLevel, names: ResultNames): void {
    const {out} = this;
    level.targets.forEach((target, at) => {
      out.append(at === 0 ? ' ' : ', ');
      const unknown = this.#unknownTypes[at];
      const text = out.capture(() =>
        this.#target(target.expr, names.columnNames?.[at] ?? target.name, names, unknown?.type),
      );
      if (text.startsWith('\n')) out.trimSpaces();
      else if (at > 0) out.keyword('', -STANDARD, STANDARD, 4);
      out.append(text);
    });
  }

  #target(
    expr: BoundExpr,
    name: string,
    names: ResultNames,
    unknownType: BoundExpr['type'] | undefined,
  ): void {
    const {out} = this;
    const before = this.#unknownTypes;
    this.#unknownTypes = [];
    const isUnknown =
      expr.kind === 'constant' && expr.type.name === 'unknown' && unknownType !== undefined;
    const row = expr.kind === 'row' ? this.#wholeRow(expr) : null;
    if (row !== null)
      out.append(
        expr.type.name === 'record' ? row : `${row}::${this.exprs.typeText(expr.type, -1)}`,
      );
    else if (isUnknown)
      this.exprs.constant({type: unknownType, typmod: -1, value: expr.value}, 'needed');
    else this.expr(expr, true);
    this.#unknownTypes = before;
    const own = expr.kind === 'column' ? this.#nameToday(expr.index) : null;
    const shown = own ?? (names.showsNames ? null : '?column?');
    if (shown !== name) out.append(` AS ${quoteIdentifier(name)}`);
  }

  /** An item of ORDER BY, GROUP BY or DISTINCT ON: an expression, or the output that it names. */
  #outputRef(node: Node): BoundExpr {
    return this.trace.boundOf(node) ?? this.#namedOutput(node);
  }

  #namedOutput(node: Node): BoundExpr {
    const targets = this.#currentTargets();
    const position = this.#position(
      node,
      targets.map(target => target.name),
    );
    const found = position === null ? undefined : targets[position - 1];
    if (found === undefined) throw featureNotSupported('this query cannot be printed');
    return found.expr;
  }

  #currentTargets(): TracedLevel['targets'] {
    return this.trace.targetsOf(this.block);
  }

  /** 1-based output column that a node names; null when it is another expression. */
  #position(node: Node, names: readonly string[]): number | null {
    if ('A_Const' in node) return node.A_Const.ival?.ival ?? null;
    if (!('ColumnRef' in node) || node.ColumnRef.fields?.length !== 1) return null;
    const at = names.indexOf(stringOf(node.ColumnRef.fields[0]!));
    return at === -1 ? null : at + 1;
  }

  /** The expression that a sort or group item stands for. */
  outputRef(node: Node): BoundExpr {
    return this.#outputRef(node);
  }

  #orderBy(statement: SelectStmt, position: ((node: Node) => number | null) | null): void {
    const nodes = statement.sortClause ?? [];
    if (nodes.length === 0) return;
    this.clause(' ORDER BY ', 1);
    printOrderBy(this, nodes, position);
  }

  /** An expression where a bare constant or call would be misread. */
  sortExpr(expr: BoundExpr): void {
    if (expr.kind === 'constant') return this.exprs.constant(expr, 'always');
    const isCall =
      (expr.kind === 'call' && expr.operatorName === '') ||
      (expr.kind === 'column' &&
        this.nameOf(expr.index) === null &&
        this.trace.originOf(expr.index)?.kind === 'call');
    if (isCall) this.out.append('(');
    this.expr(expr, true);
    if (isCall) this.out.append(')');
  }

  /** A bound sort key with its direction. */
  sortKey(key: SortKey): void {
    this.sortExpr(key.expr);
    if (key.descending) this.out.append(key.nullsFirst ? ' DESC' : ' DESC NULLS LAST');
    else if (key.nullsFirst) this.out.append(' NULLS FIRST');
  }

  #limits(statement: SelectStmt): void {
    const {out} = this;
    if (statement.limitOffset !== undefined) {
      this.clause(' OFFSET ', 0);
      this.expr(this.bound(statement.limitOffset), false);
    }
    if (statement.limitCount === undefined) return;
    if ('A_Const' in statement.limitCount && statement.limitCount.A_Const.isnull === true) {
      this.clause(' LIMIT ', 0);
      return out.append('ALL');
    }
    const count = this.bound(statement.limitCount);
    if (statement.limitOption === 'LIMIT_OPTION_WITH_TIES') {
      this.clause(' FETCH FIRST ', 0);
      out.append('(');
      this.expr(count, false);
      return out.append(') ROWS WITH TIES');
    }
    this.clause(' LIMIT ', 0);
    this.expr(count, false);
  }
}
