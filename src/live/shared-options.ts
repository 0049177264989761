import type {LiveSink, SharedOptions, SubscribeOptions} from './subscription-types.ts';

/** Queries of one receiver that are remembered. */
const REMEMBERED = 16;

/** Gives subscriptions of one receiver, to one query with other values, the same options. */
export class OptionSharing {
  readonly #known = new WeakMap<LiveSink, SharedOptions[]>();

  of(asked: SubscribeOptions): SharedOptions {
    const options = withoutValues(asked);
    const known = this.#known.get(asked.sink);
    if (known === undefined) {
      this.#known.set(asked.sink, [options]);
      return options;
    }
    const same = known.find(each => areSame(each, options));
    if (same !== undefined) return same;
    if (known.length === REMEMBERED) known.shift();
    known.push(options);
    return options;
  }
}

/** Every field by name: who asks may have more. */
function withoutValues(asked: SubscribeOptions): SharedOptions {
  const {shape, context, compiler, databaseOid, storageOf, catalog, newest, owner} = asked;
  const {scopeOwner, maxResultRows, role, userName, pid, name, surface, queryText} = asked;
  const {codec, sink, source, authority, start} = asked;
  const {snapshot, lastRows} = start;
  return {
    ...{queryText, shape, context, compiler, databaseOid, storageOf, catalog, newest, owner},
    ...{scopeOwner, maxResultRows, role, userName, pid, name, surface},
    ...{codec, sink, source, authority, snapshot, lastRows},
  };
}

function areSame(a: SharedOptions, b: SharedOptions): boolean {
  for (const name in a)
    if (a[name as keyof SharedOptions] !== b[name as keyof SharedOptions]) return false;
  return true;
}
