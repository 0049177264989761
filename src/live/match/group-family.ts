import type {Oid, OwnerId} from '../../common/ids.ts';
import type {ExprRun} from '../../expr/run.ts';
import type {Datum} from '../../types/contract.ts';
import {tokenScope, valuesText} from '../group-identity.ts';
import type {ResumeTokens} from '../resume-token.ts';
import type {CompiledShape} from './compiled-shape.ts';
import {type GroupValues, ReusedRun, unpackValues} from './group-values.ts';

/** What a family is made with. */
export interface FamilyOptions {
  readonly text: string;
  readonly owner: OwnerId | null;
  readonly role: Oid;
  readonly context: ExprRun['context'];
}

/** Groups that differ in values only: one shape, owner, role, codec and settings. What they have in common is kept here, once. */
export class GroupFamily {
  readonly compiled: CompiledShape;
  /** Identity of the family. */
  readonly text: string;
  readonly owner: OwnerId | null;
  readonly role: Oid;
  readonly run: ReusedRun;
  readonly #tokens: ResumeTokens;

  constructor(compiled: CompiledShape, options: FamilyOptions, tokens: ResumeTokens) {
    const {text, owner, role, context} = options;
    this.compiled = compiled;
    this.text = text;
    this.owner = owner;
    this.role = role;
    this.run = new ReusedRun(context);
    this.#tokens = tokens;
  }

  /** What finds the group of values: the one value itself where equal ones are the same to a Map, else a text. */
  keyOf(values: GroupValues): Datum {
    const {shape} = this.compiled;
    const run = this.run.with(values);
    const [only] = shape.values;
    if (only !== undefined && shape.values.length === 1) {
      const value = (only.kind === 'param' ? run.params : run.slots)[only.index] ?? null;
      if (typeof value === 'string' || (Number.isSafeInteger(value) && !Object.is(value, -0)))
        return value;
    }
    return `\n${valuesText(shape, run)}`;
  }

  /** The end of the tokens of a group. It is not kept: 70 bytes, for each of 100,000 groups. */
  tokenTail(values: GroupValues, queryText: string): string {
    const {shape} = this.compiled;
    const {params, slots} = unpackValues(values);
    const own = params.slice(0, shape.parameterCount);
    const {owner, role} = this;
    return this.#tokens.tail(tokenScope({shape, params: own, slots, owner, role, queryText}));
  }
}
