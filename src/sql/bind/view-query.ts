import type {SelectStmt} from '@pgsql/types';
import type {ViewDescriptor} from '../../catalog/descriptors.ts';
import {featureNotSupported} from '../../common/errors.ts';
import type {Binding} from './binding.ts';
import {queryAst} from './parsed-text.ts';

/** Binds something of a view's query with the rights of its owner, names found as when it was made. */
export function withViewQuery<T>(
  binding: Binding,
  view: ViewDescriptor,
  work: (statement: SelectStmt) => T,
): T {
  const {context, asRole} = binding;
  const path = context.searchPath.includes(view.schema)
    ? context.searchPath
    : [...context.searchPath, view.schema];
  return binding.withoutPositions(() => {
    binding.context = {...bindContextOf(context), searchPath: path};
    binding.asRole = view.options['security_invoker'] === 'true' ? asRole : view.owner;
    try {
      const ast = queryAst(binding, view.queryText.trim().replace(/;$/, ''));
      const statement = 'ViewStmt' in ast ? ast.ViewStmt.query : ast;
      if (statement === undefined || !('SelectStmt' in statement))
        throw featureNotSupported(`view "${view.name}" is not a SELECT`);
      return work(statement.SelectStmt);
    } finally {
      binding.context = context;
      binding.asRole = asRole;
    }
  });
}

/** A copy of a context's parts; methods stay bound to the original. */
function bindContextOf(context: Binding['context']): Binding['context'] {
  return {
    catalog: context.catalog,
    searchPath: context.searchPath,
    role: context.role,
    rowSecurity: context.rowSecurity,
    format: context.format,
    parameterTypes: context.parameterTypes,
    library: context.library,
    evaluate: expr => context.evaluate(expr),
    estimateRows: table => context.estimateRows(table),
    parser: context.parser,
    cache: context.cache,
  };
}
