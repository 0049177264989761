import type {OwnerId} from '../../common/ids.ts';
import type {Datum, FormatSettings} from '../../types/contract.ts';
import {sessionText, settingsText} from '../group-identity.ts';
import {paramsWith} from '../lift-constants.ts';
import type {LiveShape} from '../live-shape.ts';
import type {ResumeTokens} from '../resume-token.ts';
import type {SharedOptions} from '../subscription-types.ts';
import {CompiledShape} from './compiled-shape.ts';
import {Group, type GroupMember} from './group.ts';
import {GroupFamily} from './group-family.ts';
import {packValues} from './group-values.ts';
import type {Matcher} from './matcher.ts';

interface SharedShape {
  readonly compiled: CompiledShape;
  readonly key: string;
  /** Families. */
  users: number;
}

/** The groups of a family, by its key for their values. */
interface FamilyGroups {
  readonly family: GroupFamily;
  readonly groups: Map<Datum, Group>;
}

/** What a group is found by beside the options. */
export interface GroupAsked {
  readonly params: readonly Datum[];
  readonly slots: readonly Datum[];
  /** Its frames are sent with tokens of their own: those of the group need not be made. */
  readonly isInner: boolean;
}

/** The groups of a matcher: subscriptions that see the same share one, and groups of the same shape its code. */
export class Groups {
  /**
   * Counts changes of what queries were planned from (policies, views, types): nothing is shared between what was planned before
   * such a change and after it, as the same text may mean something else.
   */
  generation = 0;
  readonly #matcher: Matcher;
  readonly #tokens: ResumeTokens;
  readonly #ownerName: (owner: OwnerId) => string;
  readonly #families = new Map<string, FamilyGroups>();
  /** Families of options in a generation: found without a text. */
  #familyOf = new WeakMap<SharedOptions, FamilyGroups>();
  #familiesOf = 0;
  readonly #shapes = new Map<string, SharedShape>();
  readonly #sharedOf = new WeakMap<CompiledShape, SharedShape>();
  readonly #settings = new Map<string, number>();

  constructor(matcher: Matcher, tokens: ResumeTokens, ownerName: (owner: OwnerId) => string) {
    this.#matcher = matcher;
    this.#tokens = tokens;
    this.#ownerName = ownerName;
  }

  /** The group of a subscription; it has no member yet when it is new. */
  of(options: SharedOptions<LiveShape>, asked: GroupAsked): Group {
    const of = this.#family(options);
    const {family, groups} = of;
    const group = this.#groupIn(family, options, asked);
    const {key} = group;
    const known = groups.get(key);
    if (known !== undefined) return known;
    if (groups.size === 0) this.#keep(of);
    groups.set(key, group);
    this.#matcher.add(group);
    return group;
  }

  /** A group that nothing is delivered to: for reading the log. */
  alone(options: SharedOptions<LiveShape>, asked: GroupAsked): Group {
    const family = new GroupFamily(this.compile(options), {...options, text: ''}, this.#tokens);
    return this.#groupIn(family, options, asked);
  }

  #groupIn(
    family: GroupFamily,
    options: SharedOptions<LiveShape>,
    {params, slots, isInner}: GroupAsked,
  ): Group {
    const values = packValues({params: paramsWith(options.shape, params), slots});
    const keys = family.compiled.accessKeys(family.run.with(values));
    return new Group(family, values, keys, isInner ? null : options.queryText);
  }

  #family(options: SharedOptions<LiveShape>): FamilyGroups {
    if (this.#familiesOf !== this.generation) {
      this.#familyOf = new WeakMap();
      this.#familiesOf = this.generation;
    }
    const known = this.#familyOf.get(options);
    if (known !== undefined && known.groups.size > 0) return known;
    const {shape, databaseOid, owner, role, context} = options;
    const key = `${this.generation} ${shape.id}/${options.codec.name}`;
    const numbers = [databaseOid, owner, role, this.settingsNumber(context.format)];
    const session = shape.readsSession ? sessionText(context) : '';
    const text = `${key} ${numbers.join(' ')} ${session}`;
    let of = this.#families.get(text);
    if (of === undefined) {
      const shared = this.#shapes.get(key) ?? {compiled: this.compile(options), key, users: 0};
      this.#sharedOf.set(shared.compiled, shared);
      const family = new GroupFamily(shared.compiled, {...options, text}, this.#tokens);
      of = {family, groups: new Map()};
    }
    this.#familyOf.set(options, of);
    return of;
  }

  /** It has a group. */
  #keep(of: FamilyGroups): void {
    const {family} = of;
    const shared = this.#sharedOf.get(family.compiled)!;
    shared.users++;
    this.#shapes.set(shared.key, shared);
    this.#families.set(family.text, of);
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
  compile(options: SharedOptions<LiveShape>): CompiledShape {
    return new CompiledShape(options.shape, {
      compiler: options.compiler,
      projection: options.codec.projection(options.shape),
      table: options.storageOf(options.catalog, options.shape.table),
      ownerName: this.#ownerName,
    });
  }

  leave(group: Group, member: GroupMember): void {
    group.leave(member);
    if (group.memberCount === 0) this.drop(group);
  }

  /** Forgets a group without members. */
  drop(group: Group): void {
    const {family} = group;
    const {groups} = this.#families.get(family.text)!;
    groups.delete(group.key);
    this.#matcher.remove(group);
    if (groups.size > 0) return;
    this.#families.delete(family.text);
    const shared = this.#sharedOf.get(family.compiled)!;
    if (--shared.users === 0) this.#shapes.delete(shared.key);
  }
}
