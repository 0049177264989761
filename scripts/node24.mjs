// Runs a TypeScript file of this project on the pinned Node: node scripts/node24.mjs path/to/file.ts arguments
import {ensureInstalled, nodePath} from './prepare.mjs';
import {runNode} from './run-node.mjs';

ensureInstalled();
runNode(nodePath(), process.argv.slice(2));
