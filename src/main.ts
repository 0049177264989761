#!/usr/bin/env node
import {enableCompileCache} from 'node:module';

// Compiled code is kept between starts: it must be switched on before the first import of our own.
enableCompileCache();
await import('./command.ts');

export {};
