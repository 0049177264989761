// npm test: installs what is missing, then types, lint, format, build and all tests on the pinned Node.
import {join} from 'node:path';
import {ensureInstalled, nodePath, root} from './prepare.mjs';
import {runNode} from './run-node.mjs';

ensureInstalled();
runNode(nodePath(), [join(root, 'scripts', 'check.ts'), ...process.argv.slice(2)]);
