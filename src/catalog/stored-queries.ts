import type {CatalogSnapshot} from './contract.ts';
import type {
  MaterializedQuery,
  MaterializedView,
  QueryRelation,
  RelationDescriptor,
} from './descriptors.ts';

/** Whether a relation is a materialized view. */
export function isMaterialized(relation: {
  readonly kind: string;
  readonly materialized?: MaterializedQuery;
}): relation is MaterializedView {
  return relation.kind === 'table' && relation.materialized !== undefined;
}

/** Whether a relation is a view, materialized or not. */
export function isQueryRelation(
  relation: RelationDescriptor | undefined,
): relation is QueryRelation {
  return relation !== undefined && (relation.kind === 'view' || isMaterialized(relation));
}

/** Every view and materialized view. */
export function queryRelations(snapshot: CatalogSnapshot): readonly QueryRelation[] {
  return snapshot.memo('query-relations', () => [
    ...snapshot.views(),
    ...[...snapshot.tables()].filter(isMaterialized),
  ]);
}

/** The stored text of its query. */
export function queryTextOf(relation: QueryRelation): string {
  return relation.kind === 'view' ? relation.queryText : relation.materialized.queryText;
}

/** The same relation with another text. */
export function withQueryText<T extends QueryRelation>(relation: T, queryText: string): T {
  if (relation.kind === 'view') return {...relation, queryText};
  return {...relation, materialized: {...relation.materialized, queryText}};
}

/** What PostgreSQL calls a relation in texts: `table`, `materialized view` ... */
export function relationWord(relation: {
  readonly kind: string;
  readonly materialized?: MaterializedQuery;
}): string {
  return isMaterialized(relation) ? 'materialized view' : relation.kind;
}

/** The same in the plural. */
export function relationWords(relation: Parameters<typeof relationWord>[0]): string {
  const word = relationWord(relation);
  return word === 'index' ? 'indexes' : `${word}s`;
}
