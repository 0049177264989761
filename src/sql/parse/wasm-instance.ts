import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

/** The parts of libpg-query's emscripten module that we use. */
interface EmscriptenModule {
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(size: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
  UTF8ToString(pointer: number): string;
  getValue(pointer: number, type: 'i32'): number;
}

/** The part of the WebAssembly interface that we use (TypeScript declares it only together with the DOM). */
interface WasmInterface {
  compile(bytes: Uint8Array): Promise<object>;
  readonly Instance: new (module: object, imports: object) => {readonly exports: object};
}

type Factory = (options: {
  instantiateWasm(imports: object, done: (instance: object) => void): object;
}) => Promise<EmscriptenModule>;

function wasmInterface(): WasmInterface {
  return (globalThis as unknown as {readonly WebAssembly: WasmInterface}).WebAssembly;
}

/** What the grammar answered: a tree as JSON text, or an error with PostgreSQL's text. */
export type RawParse =
  | {readonly ok: true; readonly json: string}
  | {
      readonly ok: false;
      readonly message: string /** 1-based in characters, 0 unknown. */;
      readonly position: number;
    };

/** One instance of the grammar. After any exception other than an error answer it must not be used for long: build another. */
export class WasmInstance {
  readonly #module: EmscriptenModule;

  constructor(module: EmscriptenModule) {
    this.#module = module;
  }

  get memoryBytes(): number {
    return this.#module.HEAPU8.byteLength;
  }

  parse(text: string): RawParse {
    const wasm = this.#module;
    const size = Buffer.byteLength(text);
    const pointer = wasm._malloc(size + 1);
    let result = 0;
    try {
      const heap = wasm.HEAPU8;
      Buffer.from(heap.buffer, heap.byteOffset, heap.byteLength).utf8Write(text, pointer, size);
      heap[pointer + size] = 0;
      result = wasm._wasm_parse_query_raw(pointer);
      const error = wasm.getValue(result + 8, 'i32');
      if (error !== 0) {
        const message = wasm.UTF8ToString(wasm.getValue(error, 'i32'));
        return {ok: false, message, position: wasm.getValue(error + 16, 'i32')};
      }
      return {ok: true, json: wasm.UTF8ToString(wasm.getValue(result, 'i32'))};
    } finally {
      wasm._free(pointer);
      if (result !== 0) wasm._wasm_free_parse_result(result);
    }
  }
}

/** Compiles libpg-query once and makes instances of it (about 5 ms each). */
export class WasmGrammar {
  readonly #factory: Factory;
  readonly #compiled: object;

  private constructor(factory: Factory, compiled: object) {
    this.#factory = factory;
    this.#compiled = compiled;
  }

  static async load(): Promise<WasmGrammar> {
    const require = createRequire(import.meta.url);
    const file = require.resolve('libpg-query/wasm/libpg-query.js');
    const compiled = await wasmInterface().compile(readFileSync(file.replace(/\.js$/, '.wasm')));
    return new WasmGrammar(require(file) as Factory, compiled);
  }

  async instance(): Promise<WasmInstance> {
    const compiled = this.#compiled;
    const module = await this.#factory({
      instantiateWasm(imports, done) {
        const instance = new (wasmInterface().Instance)(compiled, imports);
        done(instance);
        return instance.exports;
      },
    });
    return new WasmInstance(module);
  }
}
