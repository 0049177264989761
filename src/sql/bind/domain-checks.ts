import type {BoundExpr, DomainCastExpr} from '../../expr/bound.ts';
import type {TypeInstance} from '../../types/contract.ts';
import type {Binding} from './binding.ts';
import {coerceBooleanCheck} from './parsed-text.ts';
import {baseType} from './coercion-path.ts';

/** NOT NULL and CHECKs of a domain and the domains below it, over letRef `id`. */
export function bindDomainChecks(
  binding: Binding,
  domain: TypeInstance,
  id: number,
): Pick<DomainCastExpr, 'isNotNull' | 'schemaName' | 'checks'> {
  const catalog = binding.context.catalog;
  const value: BoundExpr = {
    kind: 'letRef',
    type: baseType(domain),
    typmod: domain.baseTypmod,
    location: -1,
    id,
  };
  const checks: {name: string; condition: BoundExpr}[] = [];
  let isNotNull = false;
  for (
    let type: TypeInstance | null = domain;
    type !== null && type.kind === 'd';
    type = type.base
  ) {
    isNotNull ||= catalog.typeDescriptorByOid(type.oid)?.isNotNull ?? false;
    for (const constraint of catalog.constraintsOf(type.oid)) {
      if (
        constraint.type !== 'c' ||
        constraint.domain !== type.oid ||
        constraint.expressionText === null
      )
        continue;
      checks.unshift({
        name: constraint.name,
        condition: coerceBooleanCheck(binding, constraint.expressionText, value),
      });
    }
  }
  const schema = catalog.typeDescriptorByOid(domain.oid)?.schema;
  const schemaName = schema === undefined ? '' : (catalog.schemaByOid(schema)?.name ?? '');
  return {isNotNull, schemaName, checks};
}
