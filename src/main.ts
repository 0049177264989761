#!/usr/bin/env -S node --max-semi-space-size=8 --enable-experimental-regexp-engine-on-excessive-backtracks
import {enableCompileCache, registerHooks} from 'node:module';
import {setFlagsFromString} from 'node:v8';

const here = new URL('.', import.meta.url).href;

// Compiled code is kept between starts: it must be switched on before the first import of our own.
enableCompileCache();
// Our own files import each other by their exact names: a fourth of the time of loading goes into looking for anything else.
registerHooks({
  resolve(specifier, context, nextResolve) {
    if (
      specifier.startsWith('.') &&
      specifier.endsWith('.js') &&
      context.parentURL?.startsWith(here)
    )
      return {
        url: new URL(specifier, context.parentURL).href,
        format: 'module',
        shortCircuit: true,
      };
    return nextResolve(specifier, context);
  },
});
// Loading makes short-lived garbage: the young generation stays small meanwhile, or an idle server keeps 14 MB for nothing.
setFlagsFromString('--semi-space-growth-factor=1');
// The optimizing compiler takes 500 MB for half a second over the grammar's one huge function, and its code parses no faster.
setFlagsFromString('--no-wasm-tier-up');
setFlagsFromString('--no-wasm-dynamic-tiering');
await import('./command.ts');
setFlagsFromString('--semi-space-growth-factor=2');
