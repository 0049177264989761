/** The part of better-sqlite3 that storage uses. */
declare module 'better-sqlite3' {
  type Bindable = bigint | number | string | Uint8Array | null;

  interface Statement {
    run(...params: readonly (Bindable | readonly Bindable[])[]): {
      changes: number;
      lastInsertRowid: number | bigint;
    };
    get(...params: readonly (Bindable | readonly Bindable[])[]): unknown;
    all(...params: readonly (Bindable | readonly Bindable[])[]): unknown[];
    iterate(...params: readonly (Bindable | readonly Bindable[])[]): IterableIterator<unknown>;
    raw(toggle?: boolean): this;
    pluck(toggle?: boolean): this;
  }

  interface Options {
    readonly readonly?: boolean;
    readonly fileMustExist?: boolean;
    readonly timeout?: number;
  }

  class Database {
    constructor(path: string, options?: Options);
    readonly inTransaction: boolean;
    readonly open: boolean;
    prepare(sql: string): Statement;
    exec(sql: string): this;
    pragma(sql: string, options?: {simple?: boolean}): unknown;
    defaultSafeIntegers(toggle?: boolean): this;
    backup(
      path: string,
      options?: {
        readonly progress?: (info: {
          readonly totalPages: number;
          readonly remainingPages: number;
        }) => number;
      },
    ): Promise<unknown>;
    close(): this;
  }

  export default Database;
  export type {Bindable, Statement, Options};
}
