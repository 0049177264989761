import {oid, type Oid} from '../../common/ids.ts';
import {PgRecord} from '../../types/record-value.ts';
import type {Datum} from '../../types/contract.ts';
import {
  isFunctionVisible,
  qualifiedName,
  qualifiedScope,
  relationName,
  roleName,
  schemaName,
  typeFacts,
  typeName,
} from '../names.ts';
import {quoteIdentifier} from '../quote.ts';
import {regOut} from '../reg-names.ts';
import {queryRelations, relationWord} from '../stored-queries.ts';
import {derivedOid} from '../system/source.ts';
import {ClassOid, TypeOid} from '../well-known.ts';
import {oidArg, intArg, type InfoContext, type InfoFunction} from './context.ts';
import {qualifiedRelation} from './definition-functions.ts';

/** How an object is told: its kind, schema, bare name (null where it has none of its own), identity and description. */
interface ObjectFacts {
  readonly type: string;
  readonly schema: string | null;
  readonly name: string | null;
  readonly identity: string;
  readonly description: string;
}

type Describe = (context: InfoContext, key: Oid, sub: number) => ObjectFacts | undefined;

const relationWords: Readonly<Record<string, string>> = {
  table: 'table',
  view: 'view',
  'materialized view': 'materialized view',
  sequence: 'sequence',
  index: 'index',
  systemRelation: 'table',
};

const relation: Describe = (context, key, sub) => {
  const found = context.snapshot.relationByOid(key);
  if (found === undefined) return composite(context, key);
  const isView = found.kind === 'systemRelation' && found.isView;
  const word = isView ? 'view' : (relationWords[relationWord(found)] ?? 'relation');
  const schema = schemaName(context.snapshot, found.schema);
  const identity = qualifiedRelation(context, key);
  const bare = relationName(context, key);
  if (sub === 0) {
    return {
      type: word,
      schema,
      name: quoteIdentifier(found.name),
      identity,
      description: `${word} ${bare}`,
    };
  }
  const columns = 'columns' in found ? found.columns : [];
  const column = columns.find(each => each.attnum === sub);
  if (column === undefined) return undefined;
  return {
    type: `${word} column`,
    schema,
    name: quoteIdentifier(found.name),
    identity: `${identity}.${quoteIdentifier(column.name)}`,
    description: `column ${column.name} of ${word} ${bare}`,
  };
};

/** The relation of a composite type: it has the type's OID. */
function composite(context: InfoContext, key: Oid): ObjectFacts | undefined {
  const found = context.snapshot.typeDescriptorByOid(key);
  if (found?.typeKind !== 'c') return undefined;
  return {
    type: 'composite type',
    schema: schemaName(context.snapshot, found.schema),
    name: quoteIdentifier(found.name),
    identity: qualifiedName(context.snapshot, found.schema, found.name),
    description: `composite type ${typeName(context, key)}`,
  };
}

const type: Describe = (context, key) => {
  const found = typeFacts(context.snapshot, key);
  if (found === undefined) return undefined;
  const schema = schemaName(context.snapshot, context.snapshot.typeSchema(key));
  const identity = typeName(qualifiedScope(context.snapshot), key);
  return {
    type: 'type',
    schema,
    name: quoteIdentifier(found.name),
    identity,
    description: `type ${typeName(context, key)}`,
  };
};

const routine: Describe = (context, key) => {
  const {snapshot} = context;
  const fn = snapshot.functionByOid(key);
  if (fn === undefined) return undefined;
  const word = {f: 'function', a: 'aggregate', w: 'function', p: 'procedure'}[fn.kind];
  const args = fn.argTypes.map(each => typeName(context, each)).join(',');
  const name = isFunctionVisible(context, fn)
    ? quoteIdentifier(fn.name)
    : qualifiedName(snapshot, fn.schema, fn.name);
  return {
    type: word,
    schema: schemaName(snapshot, fn.schema),
    name: null,
    identity: `${qualifiedName(snapshot, fn.schema, fn.name)}(${args})`,
    description: `function ${name}(${args})`,
  };
};

const constraint: Describe = (context, key) => {
  const found = context.snapshot.constraintByOid(key);
  if (found === undefined) return undefined;
  const name = quoteIdentifier(found.name);
  if (found.table === 0) {
    return {
      type: 'domain constraint',
      schema: schemaName(context.snapshot, found.schema),
      name: null,
      identity: `${name} on ${typeName(qualifiedScope(context.snapshot), found.domain)}`,
      description: `constraint ${found.name}`,
    };
  }
  return {
    type: 'table constraint',
    schema: schemaName(context.snapshot, found.schema),
    name: null,
    identity: `${name} on ${qualifiedRelation(context, found.table)}`,
    description: `constraint ${found.name} on table ${relationName(context, found.table)}`,
  };
};

const schemaObject: Describe = (context, key) => {
  const found = context.snapshot.schemaByOid(key);
  if (found === undefined) return undefined;
  const name = quoteIdentifier(found.name);
  return {type: 'schema', schema: null, name, identity: name, description: `schema ${found.name}`};
};

const role: Describe = (context, key) => {
  if (context.snapshot.roleByOid(key) === undefined) return undefined;
  const name = roleName(context.snapshot, key);
  const identity = quoteIdentifier(name);
  return {type: 'role', schema: null, name: identity, identity, description: `role ${name}`};
};

const database: Describe = (context, key) => {
  const found = context.snapshot.get('database', key);
  if (found === undefined) return undefined;
  const name = quoteIdentifier(found.name);
  return {
    type: 'database',
    schema: null,
    name,
    identity: name,
    description: `database ${found.name}`,
  };
};

const columnDefault: Describe = (context, key) => {
  for (const table of context.snapshot.tables()) {
    for (const column of table.columns) {
      if (derivedOid(table.oid, column.attnum) !== key || column.defaultText === null) continue;
      const name = quoteIdentifier(column.name);
      return {
        type: 'default value',
        schema: null,
        name: null,
        identity: `for ${qualifiedRelation(context, table.oid)}.${name}`,
        description: `default value for column ${name} of table ${relationName(context, table.oid)}`,
      };
    }
  }
  return undefined;
};

const rule: Describe = (context, key) => {
  for (const view of queryRelations(context.snapshot)) {
    if (derivedOid(view.oid, 0) !== key) continue;
    return {
      type: 'rule',
      schema: null,
      name: null,
      identity: `"_RETURN" on ${qualifiedRelation(context, view.oid)}`,
      description: `rule _RETURN on ${relationWord(view)} ${relationName(context, view.oid)}`,
    };
  }
  return undefined;
};

const operator: Describe = (context, key) => {
  const found = context.snapshot.builtin.operatorByOid(key);
  if (found === undefined) return undefined;
  const text = regOut(context, 'regoperator', key);
  const schema = schemaName(context.snapshot, found.schema);
  const identity = `${schema}.${text}`;
  return {type: 'operator', schema, name: found.name, identity, description: `operator ${text}`};
};

const byClass: ReadonlyMap<number | undefined, Describe> = new Map([
  [ClassOid['pg_class'], relation],
  [ClassOid['pg_type'], type],
  [ClassOid['pg_proc'], routine],
  [ClassOid['pg_constraint'], constraint],
  [ClassOid['pg_namespace'], schemaObject],
  [ClassOid['pg_authid'], role],
  [ClassOid['pg_database'], database],
  [ClassOid['pg_attrdef'], columnDefault],
  [ClassOid['pg_rewrite'], rule],
  [ClassOid['pg_operator'], operator],
]);

function factsOf(context: InfoContext, args: readonly Datum[]): ObjectFacts | undefined {
  return byClass.get(oidArg(args, 0))?.(context, oidArg(args, 1), intArg(args, 2));
}

const describeObject: InfoFunction = (context, args) => factsOf(context, args)?.description ?? null;

const identifyObject: InfoFunction = (context, args) => {
  const facts = factsOf(context, args);
  const types = [TypeOid.text, TypeOid.text, TypeOid.text, TypeOid.text];
  const values =
    facts === undefined
      ? [null, null, null, null]
      : [facts.type, quoted(facts.schema), facts.name, facts.identity];
  return new PgRecord(oid(2249), types, values);
};

function quoted(schema: string | null): string | null {
  return schema === null ? null : quoteIdentifier(schema);
}

/** pg_describe_object and pg_identify_object. */
export const describeFunctions: Readonly<Record<string, InfoFunction>> = {
  pg_describe_object: describeObject,
  pg_identify_object: identifyObject,
};
