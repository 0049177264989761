import type {OwnerId} from '../../common/ids.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {FormatSettings} from '../../types/contract.ts';
import {accessKeys, sessionText, settingsText} from '../group-identity.ts';
import type {LiveShape} from '../live-shape.ts';
import type {SubscribeOptions} from '../subscription-types.ts';
import {CompiledShape} from './compiled-shape.ts';
import {Group, type GroupMember} from './group.ts';
import type {Matcher} from './matcher.ts';

interface SharedShape {
  readonly compiled: CompiledShape;
  readonly key: string;
  readonly number: number;
  users: number;
}

/** The groups of a matcher: subscriptions that see the same share one, and groups of the same shape its code. */
export class Groups {
  /**
   * Counts changes of what queries were planned from (policies, views, types): nothing is shared between what was planned before
   * such a change and after it, as the same text may mean something else.
   */
  generation = 0;
  readonly #matcher: Matcher;
  readonly #ownerName: (owner: OwnerId) => string;
  readonly #groups = new Map<string, Group>();
  readonly #shapes = new Map<string, SharedShape>();
  readonly #sharedOf = new WeakMap<CompiledShape, SharedShape>();
  readonly #settings = new Map<string, number>();
  #nextNumber = 1;

  constructor(matcher: Matcher, ownerName: (owner: OwnerId) => string) {
    this.#matcher = matcher;
    this.#ownerName = ownerName;
  }

  /** The group of a subscription; it has no member yet when it is new. */
  of(
    options: SubscribeOptions<LiveShape>,
    {run, values}: {readonly run: ExprRun; readonly values: string},
    tokenTail: string,
  ): Group {
    const {shape} = options;
    const key = `${this.generation} ${shape.id}/${options.codec.name}`;
    const numbers = [
      this.#shapeNumber(key),
      options.databaseOid,
      options.owner,
      options.role,
      this.settingsNumber(options.context.format),
    ];
    const session = shape.readsSession ? sessionText(options.context) : '';
    // Joined, not added: it is kept, and a sum keeps its parts.
    const text = [...numbers, session, `\n${values}`].join(' ');
    const known = this.#groups.get(text);
    if (known !== undefined) return known;
    const shared = this.#shapes.get(key) ?? {
      compiled: this.compile(options),
      key,
      number: this.#nextNumber++,
      users: 0,
    };
    const identity = {text, owner: options.owner, run, tokenTail};
    const keys = accessKeys(shape, shared.compiled, options, run);
    const group = new Group(shared.compiled, identity, keys);
    shared.users++;
    this.#shapes.set(key, shared);
    this.#sharedOf.set(shared.compiled, shared);
    this.#groups.set(text, group);
    this.#matcher.add(group);
    return group;
  }

  /** Small numbers for long texts: each group's identity is kept as a text. */
  #shapeNumber(key: string): number {
    return this.#shapes.get(key)?.number ?? this.#nextNumber;
  }

  /** A number for settings: equal for equal ones. */
  settingsNumber(format: FormatSettings): number {
    const text = settingsText(format);
    let number = this.#settings.get(text);
    if (number === undefined) {
      number = this.#settings.size;
      this.#settings.set(text, number);
    }
    return number;
  }

  /** The code of a shape, not shared. */
  compile(options: SubscribeOptions<LiveShape>): CompiledShape {
    return new CompiledShape(options.shape, {
      compiler: options.compiler,
      projection: options.codec.projection(options.shape),
      types: options
        .storageOf(options.catalog, options.shape.table)
        .columns.map(column => column.type),
      ownerName: this.#ownerName,
    });
  }

  leave(group: Group, member: GroupMember): void {
    const {members} = group;
    const last = members.pop()!;
    if (last !== member) {
      members[member.memberAt] = last;
      last.memberAt = member.memberAt;
    }
    if (members.length === 0) this.drop(group);
  }

  /** Forgets a group without members. */
  drop(group: Group): void {
    this.#groups.delete(group.text);
    this.#matcher.remove(group);
    const shared = this.#sharedOf.get(group.compiled)!;
    if (--shared.users === 0) this.#shapes.delete(shared.key);
  }
}
