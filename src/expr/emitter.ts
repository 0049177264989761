// Hot path: what this file writes runs once per row. Generated source holds only templates and numbered names (ENGINE.md 2.2).
import {featureNotSupported} from '../common/errors.ts';
import type {EvalContext, FunctionCode} from '../functions/contract.ts';
import type {BoundExpr} from './bound.ts';
import {isRunConstant, memoColumn} from './analyze.ts';
import {childrenOf} from './children.ts';
import {emitCall} from './emit-call.ts';
import type {EmitContext, EmitEnvironment, InputKind, Operand} from './emit-context.ts';
import {NULL_OPERAND, zeroOf} from './emit-context.ts';
import {emitConditional, isConditional} from './emit-conditional.ts';
import {emitStructure} from './emit-structure.ts';
import {newMemo} from './runtime.ts';
import {widenCall} from './widen.ts';

/** Writes the code of expressions over one layout of input columns. One emitter makes one generated function. */
export class Emitter implements EmitContext {
  readonly environment: EmitEnvironment;
  /** Arguments of the factory: everything that is not a template. */
  readonly args: unknown[] = [];
  /** The context of the running call, for functions that ask for it. */
  readonly holder: {context: EvalContext | null} = {context: null};
  readonly #inputs: readonly InputKind[];
  readonly #static = new Map<unknown, string>();
  readonly #state: string[] = [];
  readonly #prologue: string[] = [];
  readonly #prologueNames = new Set<string>();
  #lines: string[] = [];
  #columns = new Map<number, Operand>();
  #lets = new Map<number, Operand>();
  #counter = 0;
  #isCached = false;
  usesContext = false;

  constructor(environment: EmitEnvironment, inputs: readonly InputKind[]) {
    this.environment = environment;
    this.#inputs = inputs;
  }

  /** Source of the factory's body around the function's own text. */
  source(functionText: (prologue: string, body: string) => string): string {
    const context = this.usesContext
      ? ['const context = run.context;', `${this.bindStatic(this.holder)}.context = context;`]
      : [];
    const bound = this.args.map((_, index) => `const a${index} = A[${index}];`);
    const text = functionText([...context, ...this.#prologue].join('\n'), this.#lines.join('\n'));
    return ["'use strict';", ...bound, ...this.#state, text].join('\n');
  }

  inputKind(index: number): InputKind {
    return this.#inputs[index] ?? 'datum';
  }

  /** A new local name. */
  fresh(prefix: string): string {
    return `${prefix}${this.#counter++}`;
  }

  /** Passes a value to the factory; the answer is its name in the source. */
  bind(value: unknown): string {
    this.args.push(value);
    return `a${this.args.length - 1}`;
  }

  /** As bind, for helpers that are the same in every expression: one name per helper. */
  bindStatic(value: unknown): string {
    let name = this.#static.get(value);
    if (name === undefined) {
      name = this.bind(value);
      this.#static.set(value, name);
    }
    return name;
  }

  line(text: string): void {
    this.#lines.push(text);
  }

  /** A line that runs once per call, before the first row; repeated names are written once. */
  prologue(name: string, text: string): void {
    if (this.#prologueNames.has(name)) return;
    this.#prologueNames.add(name);
    this.#prologue.push(text);
  }

  /** A variable that lives as long as the compiled function. */
  state(text: string): void {
    this.#state.push(text);
  }

  /** Runs `body` inside a JavaScript block: columns loaded there are not visible after it. */
  block(head: string, body: () => void, tail = '}'): void {
    this.line(head);
    const columns = this.#columns;
    this.#columns = new Map(columns);
    body();
    this.#columns = columns;
    this.line(tail);
  }

  /** Names the value of a `let` while `body` is written. */
  withLet<T>(id: number, operand: Operand, body: () => T): T {
    const before = this.#lets.get(id);
    this.#lets.set(id, operand);
    const result = body();
    if (before === undefined) this.#lets.delete(id);
    else this.#lets.set(id, before);
    return result;
  }

  /** The name of the run's context. */
  context(): string {
    this.usesContext = true;
    return 'context';
  }

  /** Code of a function, or 0A000. */
  functionCode(source: string): FunctionCode {
    const code = this.environment.library.scalar(source);
    if (code === undefined) throw featureNotSupported(`function ${source} is not supported`);
    return code;
  }

  /** Source of a Datum (null when NULL) from an operand. */
  datum(operand: Operand): string {
    if (operand.isNull === 'false') return operand.value;
    if (operand.isNull === 'true') return 'null';
    return `(${operand.isNull} ? null : ${operand.value})`;
  }

  /** Names a Datum expression: its value and its NULL flag. */
  fromDatum(source: string): Operand {
    const value = this.fresh('v');
    this.line(`const ${value} = ${source};`);
    const isNull = this.fresh('n');
    this.line(`const ${isNull} = ${value} === null;`);
    return {value, isNull};
  }

  /** One flag that is true when any operand is NULL. */
  anyNull(operands: readonly Operand[]): string {
    const flags = [...new Set(operands.map(operand => operand.isNull))].filter(
      flag => flag !== 'false',
    );
    if (flags.includes('true')) return 'true';
    if (flags.length === 0) return 'false';
    if (flags.length === 1) return flags[0]!;
    const name = this.fresh('n');
    this.line(`const ${name} = ${flags.join(' || ')};`);
    return name;
  }

  /** Writes the code that computes an expression at this place. */
  emit(expr: BoundExpr): Operand {
    switch (expr.kind) {
      case 'constant':
        return expr.value === null ? NULL_OPERAND : {value: this.bind(expr.value), isNull: 'false'};
      case 'param':
        return this.#runValue('p', 'params', expr.index);
      case 'slot':
        return this.#runValue('s', 'slots', expr.index);
      case 'outer':
        return this.#runValue('o', 'outer', expr.index);
      case 'column':
        return this.column(expr.index);
      case 'letRef':
        return this.#lets.get(expr.id) ?? NULL_OPERAND;
      case 'relabel':
        return this.emit(expr.arg);
      default:
        return this.#emitCached(expr);
    }
  }

  #emitCached(expr: BoundExpr): Operand {
    if (!this.#isCached && this.#inputs.length > 0) {
      if (isRunConstant(expr)) return this.#emitOnce(expr);
      const column = memoColumn(expr);
      if (column >= 0 && this.inputKind(column) === 'dict') return this.#emitMemo(expr, column);
    }
    return this.emitPlain(expr);
  }

  /** As emit, without looking for results that can be kept. */
  emitPlain(expr: BoundExpr): Operand {
    const call = widenCall(expr);
    if (call.kind === 'call') return emitCall(this, call);
    if (isConditional(expr)) return emitConditional(this, expr);
    return emitStructure(this, expr);
  }

  #runValue(prefix: string, list: string, index: number): Operand {
    const value = `${prefix}${index}`;
    const isNull = `${value}n`;
    this.prologue(
      value,
      `const ${value} = run.${list}[${index}]; const ${isNull} = ${value} === null;`,
    );
    return {value, isNull};
  }

  /** Makes a vector's parts readable in the row loop. */
  vectorParts(index: number): void {
    const kind = this.inputKind(index);
    const name = `c${index}`;
    const parts = [`const ${name} = input.vectors[${index}], ${name}n = ${name}.nulls;`];
    if (kind === 'utf8') parts.push(`const ${name}b = ${name}.bytes, ${name}o = ${name}.offsets;`);
    else parts.push(`const ${name}v = ${name}.values;`);
    if (kind === 'dict') parts.push(`const ${name}d = ${name}.dictionary;`);
    this.prologue(name, parts.join(' '));
  }

  /** The NULL flag of a column without reading its value. */
  columnIsNull(index: number): string {
    const kind = this.inputKind(index);
    if (kind === 'datum') return `(row[${index}] === null)`;
    this.vectorParts(index);
    if (kind === 'boxed') return `(c${index}v[i] === null)`;
    return `(c${index}n !== null && c${index}n[i] !== 0)`;
  }

  column(index: number): Operand {
    const known = this.#columns.get(index);
    if (known !== undefined) return known;
    const operand = this.#loadColumn(index);
    this.#columns.set(index, operand);
    return operand;
  }

  #loadColumn(index: number): Operand {
    const kind = this.inputKind(index);
    if (kind === 'datum') return this.fromDatum(`row[${index}]`);
    this.vectorParts(index);
    const name = `c${index}`;
    if (kind === 'boxed') return this.fromDatum(`${name}v[i]`);
    const isNull = this.fresh('n');
    const value = this.fresh('v');
    this.line(`const ${isNull} = ${name}n !== null && ${name}n[i] !== 0;`);
    this.line(`const ${value} = ${loadSource(name, kind, isNull)};`);
    return {value, isNull};
  }

  /** A value that no row changes: computed when the first row needs it, once per call. */
  #emitOnce(expr: BoundExpr): Operand {
    const id = this.fresh('q');
    this.prologue(id, `let ${id} = false, ${id}v = ${zeroOf(expr.type.physical)}, ${id}n = true;`);
    this.block(`if (!${id}) {`, () => {
      const operand = this.#cachedScope(() => this.emitPlain(expr));
      this.line(`${id}n = ${operand.isNull};`);
      this.line(operand.isNull === 'true' ? '' : `${id}v = ${operand.value};`);
      this.line(`${id} = true;`);
    });
    return {value: `${id}v`, isNull: `${id}n`};
  }

  /** A result kept per dictionary code (entry 0: of NULL), computed on the first row that has the code. */
  #emitMemo(expr: BoundExpr, column: number): Operand {
    const id = this.fresh('m');
    const isBool = expr.type.physical === 'bool';
    this.vectorParts(column);
    const reads = this.#memoReads(expr);
    this.state(
      `let ${id}d = null, ${id}t = null${reads.map((_, index) => `, ${id}r${index}`).join('')};`,
    );
    const differs = [
      `${id}d !== c${column}d`,
      ...reads.map((name, index) => `${id}r${index} !== ${name}`),
    ].join(' || ');
    const make = `${this.bindStatic(newMemo)}(c${column}d, ${isBool})`;
    const keep = reads.map((name, index) => ` ${id}r${index} = ${name};`).join('');
    this.prologue(
      id,
      `if (${differs} || ${id}t.length <= c${column}d.size) { ${id}d = c${column}d; ${id}t = ${make};${keep} }`,
    );
    const code = this.fresh('e');
    const entry = this.fresh('v');
    this.line(
      `const ${code} = c${column}n !== null && c${column}n[i] !== 0 ? 0 : c${column}v[i] + 1;`,
    );
    this.line(`let ${entry} = ${id}t[${code}];`);
    this.block(isBool ? `if (${entry} === 0) {` : `if (${entry} === undefined) {`, () => {
      const operand = this.#cachedScope(() => this.emitPlain(expr));
      const stored = isBool
        ? `${operand.isNull} ? 3 : ${operand.value} ? 2 : 1`
        : this.datum(operand);
      this.line(`${entry} = ${stored}; ${id}t[${code}] = ${entry};`);
    });
    return isBool
      ? {value: `(${entry} === 2)`, isNull: `(${entry} === 3)`}
      : {value: entry, isNull: `(${entry} === null)`};
  }

  /** Names of the parameters and slots that a memo depends on, written to the prologue before the memo's own check. */
  #memoReads(expr: BoundExpr): string[] {
    const names = new Set<string>();
    const visit = (node: BoundExpr): void => {
      if (node.kind === 'param' || node.kind === 'slot') names.add(this.emit(node).value);
      else for (const child of childrenOf(node)) visit(child);
    };
    visit(expr);
    return [...names];
  }

  #cachedScope(body: () => Operand): Operand {
    this.#isCached = true;
    const operand = body();
    this.#isCached = false;
    return operand;
  }
}

function loadSource(
  name: string,
  kind: Exclude<InputKind, 'datum' | 'boxed'>,
  isNull: string,
): string {
  switch (kind) {
    case 'bool':
      return `${name}v[i] !== 0`;
    case 'dict':
      return `${isNull} ? '' : ${name}d.get(${name}v[i])`;
    case 'utf8':
      return `${name}b.utf8Slice(${name}o[i], ${name}o[i + 1])`;
    case 'int32':
    case 'float64':
    case 'int64':
    case 'string':
      return `${name}v[i]`;
  }
}
