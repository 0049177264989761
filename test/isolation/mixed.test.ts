import {testMode} from './modes.ts';

await testMode('half');
