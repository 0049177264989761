#!/usr/bin/env node
import {enableCompileCache} from 'node:module';
import {setFlagsFromString} from 'node:v8';

// Compiled code is kept between starts: it must be switched on before the first import of our own.
enableCompileCache();
// Loading makes short-lived garbage: the young generation stays small meanwhile, or an idle server keeps 14 MB for nothing.
setFlagsFromString('--semi-space-growth-factor=1');
await import('./command.ts');
setFlagsFromString('--semi-space-growth-factor=2');

