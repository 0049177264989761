import {oid} from '../common/ids.ts';
import type {RuntimeFacts} from './contract.ts';
import {isRelationVisible, isTypeVisible, relationName, type NameScope} from './names.ts';

const NAME = String.raw`"(?:[^"]|"")+"|[A-Za-z_][\w$]*`;
const PIECES = new RegExp(
  String.raw`'(\d+)'::regclass|E?'(?:[^'\\]|''|\\.)*'|(?<![\w$".])(${NAME})\.(${NAME})(?!\s*\.)`,
  'g',
);

/**
 * A stored expression as it is shown under a search path. Stored text names relations in regclass constants by OID and
 * everything else with its
 * schema, so that it keeps its meaning; what is visible is shown bare.
 */
export function shownText(scope: NameScope, text: string): string {
  return text.replaceAll(
    PIECES,
    (whole, relation: string | undefined, schema: string | undefined, name: string | undefined) => {
      if (relation !== undefined) return regclassText(scope, relation, whole);
      if (schema === undefined || name === undefined) return whole;
      return isVisible(scope, unquoted(schema), unquoted(name)) ? name : whole;
    },
  );
}

function regclassText(scope: NameScope, relation: string, whole: string): string {
  const found = scope.snapshot.relationByOid(oid(Number(relation)));
  if (found === undefined) return whole;
  return `'${relationName(scope, found.oid).replaceAll("'", "''")}'::regclass`;
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Whether `schema.name` is the function, type or relation that the bare name finds. */
function isVisible(scope: NameScope, schema: string, name: string): boolean {
  const {snapshot, searchPath} = scope;
  const found = snapshot.schemaByName(schema);
  if (found === undefined || !searchPath.includes(found.oid)) return false;
  if (snapshot.functionsByName(found.oid, name).length > 0) {
    const first = searchPath.find(each => snapshot.functionsByName(each, name).length > 0);
    return first === found.oid;
  }
  if (
    snapshot.typeByName(found.oid, name) !== undefined &&
    snapshot.relationByName(found.oid, name) === undefined
  ) {
    return isTypeVisible(scope, found.oid, name);
  }
  return (
    snapshot.relationByName(found.oid, name) !== undefined &&
    isRelationVisible(scope, found.oid, name)
  );
}

/** The same as who asks sees it; where no session's path is known, as if the object's own schema were searched. */
export function shownInSchema(
  context: Pick<NameScope, 'snapshot'> & {readonly facts: Pick<RuntimeFacts, 'searchPath'>},
  schema: number,
  text: string | null,
): string | null {
  if (text === null) return null;
  const searchPath = context.facts.searchPath ?? [oid(11), oid(schema)];
  return shownText({snapshot: context.snapshot, searchPath}, text);
}
